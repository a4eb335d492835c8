//! The whole server as its own process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use crate::{install, within};

/// A running server on a free port, with its data in a folder of its own. Dropping it kills the
/// process and removes the folder.
#[derive(Debug)]
pub struct OpenHands {
    child: Child,
    address: SocketAddr,
    said: Said,
    data: Arc<TempDir>,
    environment: Environment,
}

/// Names and values.
type Environment = Vec<(String, String)>;

const ANY_PORT: &str = "127.0.0.1:0";

/// All that the process printed.
type Said = Arc<Mutex<String>>;

impl OpenHands {
    /// Starts a server with an empty data folder.
    ///
    /// # Panics
    /// With what it printed when it does not come up.
    pub async fn start(flags: &[&str]) -> Self {
        match tempfile::tempdir() {
            Ok(data) => Self::start_in(data, &[], flags).await,
            Err(error) => panic!("no temporary folder: {error}"),
        }
    }

    /// Starts a server on a data folder, with more in its environment.
    ///
    /// # Panics
    /// With what it printed when it does not come up.
    pub async fn start_in(data: TempDir, environment: &[(&str, &str)], flags: &[&str]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = environment.iter().map(owned).collect();
        Self::start_with(Arc::new(data), environment, ANY_PORT, flags).await
    }

    /// Starts a server with an empty data folder under another program, such as a profiler:
    /// `wrapper` is that program and its own flags. It must become the server's process.
    ///
    /// # Panics
    /// With what it printed when it does not come up.
    pub async fn start_under(wrapper: &[String], flags: &[&str]) -> Self {
        let data =
            tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let [program, own @ ..] = wrapper else { panic!("the wrapper has no program") };
        let mut command = Self::command_of(Path::new(program));
        command.args(own).arg(self::program());
        Self::start_as(command, Arc::new(data), Environment::new(), ANY_PORT, flags).await
    }

    async fn start_with(
        data: Arc<TempDir>,
        environment: Environment,
        address: &str,
        flags: &[&str],
    ) -> Self {
        Self::start_as(Self::command(), data, environment, address, flags).await
    }

    async fn start_as(
        mut command: Command,
        data: Arc<TempDir>,
        environment: Environment,
        address: &str,
        flags: &[&str],
    ) -> Self {
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.args(["--listen", address, "--data-dir"]).arg(data.path()).args(flags);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("{command:?} does not start: {error}"),
        };
        let said = Said::default();
        let (found, address) = oneshot::channel();
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(listen(stdout, Arc::clone(&said), Some(found)));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(listen(stderr, Arc::clone(&said), None));
        }
        let Ok(address) = within("address of openhands", address).await else {
            let status = within("end of openhands", child.wait()).await;
            panic!("openhands ends with {status:?}:\n{}", read(&said));
        };
        Self { child, address, said, data, environment }
    }

    /// The program, for runs that are expected to fail at the start. Its output is piped, and settings
    /// in the environment of the tests do not reach it.
    pub fn command() -> Command {
        Self::command_of(&program())
    }

    fn command_of(program: &Path) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("OPENHANDS_") || text == "SESSION_API_KEY" {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }

    /// `http://` and the address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The id of its process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Limits its files to `bytes`, or removes the limit: this has the effect of a full disk.
    #[cfg(target_os = "linux")]
    pub fn limit_files(&self, bytes: Option<u64>) {
        use rustix::process::{Resource, Rlimit, prlimit};
        let limit = Rlimit { current: bytes, maximum: None };
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Err(error) = prlimit(pid, Resource::Fsize, limit) {
            panic!("openhands takes no limit: {error}");
        }
    }

    /// What it has printed so far.
    pub fn said(&self) -> String {
        read(&self.said)
    }

    /// Asks it to stop, with SIGTERM, and waits until it has stopped.
    pub async fn stop(&mut self) -> ExitStatus {
        self.end(Signal::TERM).await
    }

    /// Kills it at once, with SIGKILL.
    pub async fn kill(&mut self) -> ExitStatus {
        self.end(Signal::KILL).await
    }

    async fn end(&mut self, signal: Signal) -> ExitStatus {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(Err(error)) = pid.map(|pid| kill_process(pid, signal)) {
            panic!("openhands takes no signal: {error}");
        }
        match within("end of openhands", self.child.wait()).await {
            Ok(status) => status,
            Err(error) => panic!("openhands has no exit status: {error}"),
        }
    }

    /// Kills it, and starts it again on the same data and the same address.
    pub async fn restart(mut self, flags: &[&str]) -> Self {
        self.kill().await;
        let address = self.address.to_string();
        let environment = self.environment.clone();
        Self::start_with(Arc::clone(&self.data), environment, &address, flags).await
    }
}

async fn listen(
    output: impl AsyncRead + Unpin,
    said: Said,
    mut found: Option<oneshot::Sender<SocketAddr>>,
) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.push_str(&line);
            said.push('\n');
        }
        if let Some(address) = address_in(&line)
            && let Some(found) = found.take()
        {
            let _ = found.send(address);
        }
    }
}

/// The address in a line such as `listening on http://127.0.0.1:3000/`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    let end = rest.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn read(said: &Said) -> String {
    said.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Built by cargo together with this package's tests.
fn program() -> PathBuf {
    let name = format!("openhands-under-test{}", std::env::consts::EXE_SUFFIX);
    install::profile().join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_what_a_server_says() {
        for (line, address) in [
            ("listening on http://127.0.0.1:3000", Some("127.0.0.1:3000")),
            ("  open http://127.0.0.1:41/?x=1 in a browser", Some("127.0.0.1:41")),
            ("serves http://[::1]:8080/socket.io/", Some("[::1]:8080")),
            ("data in /tmp/x", None),
            ("see http://localhost/", None),
        ] {
            assert_eq!(address_in(line), address.and_then(|text| text.parse().ok()), "{line}");
        }
    }
}
