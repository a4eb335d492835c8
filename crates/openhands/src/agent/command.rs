//! Running a fixed command: no shell, no input, bounded time and output.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What it printed, or why it printed nothing.
    pub(super) output: String,
    /// Its exit code; -1 when it was killed, 127 when it could not be started.
    pub(super) exit_code: i32,
    /// Its process id, if it ran.
    pub(super) pid: Option<u32>,
}

/// Runs `program` in `folder` with nothing of our environment but `PATH`.
///
/// Over `max_bytes` of output, or after `limit`, it is killed.
///
/// # Cancel safety
/// Dropping the future kills the command.
pub(super) async fn run(
    program: &str,
    args: &[&str],
    folder: &Path,
    limit: Duration,
    max_bytes: usize,
) -> Outcome {
    let spawned = Command::new(program)
        .args(args)
        .current_dir(folder)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            let output = format!("cannot run {program}: {error}");
            return Outcome { output, exit_code: NOT_STARTED, pid: None };
        }
    };
    let pid = child.id();
    let mut bytes = Vec::new();
    let work = async {
        if let Some(stdout) = child.stdout.take() {
            let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX);
            stdout.take(limit).read_to_end(&mut bytes).await?;
        }
        if bytes.len() >= max_bytes {
            child.kill().await?;
        }
        child.wait().await
    };
    let ended = tokio::time::timeout(limit, work).await;
    let mut output = String::from_utf8_lossy(&bytes).into_owned();
    let exit_code = match ended {
        Ok(Ok(status)) => status.code().unwrap_or(KILLED),
        Ok(Err(error)) => {
            output.push_str(&format!("\n[{program} failed: {error}]"));
            KILLED
        }
        Err(_) => {
            output.push_str(&format!("\n[{program} was killed after {limit:?}]"));
            KILLED
        }
    };
    Outcome { output, exit_code, pid }
}

const KILLED: i32 = -1;
const NOT_STARTED: i32 = 127;

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    async fn sh(script: &str, limit: Duration, max_bytes: usize) -> Outcome {
        run("sh", &["-c", script], Path::new("/"), limit, max_bytes).await
    }

    #[tokio::test]
    async fn it_gives_output_and_exit_code_and_hides_our_environment() {
        let long = Duration::from_secs(60);
        let outcome = sh("pwd; echo $CARGO_PKG_NAME; exit 3", long, 1000).await;
        assert_eq!((outcome.output.as_str(), outcome.exit_code), ("/\n\n", 3));
        assert!(outcome.pid.is_some());
    }

    #[tokio::test]
    async fn it_ends_what_runs_or_prints_too_long() {
        let outcome = sh("echo a; exec sleep 1000", Duration::from_millis(200), 1000).await;
        assert_eq!(outcome.exit_code, -1);
        assert!(outcome.output.ends_with("\n[sh was killed after 200ms]"), "{}", outcome.output);
        let outcome = sh("exec yes", Duration::from_secs(60), 10).await;
        assert_eq!((outcome.output.as_str(), outcome.exit_code), ("y\ny\ny\ny\ny\n", -1));
    }

    #[tokio::test]
    async fn a_program_that_is_missing_is_an_outcome() {
        let limit = Duration::from_secs(60);
        let outcome = run("no-such-program", &[], Path::new("/"), limit, 10).await;
        assert_eq!((outcome.exit_code, outcome.pid), (127, None));
        assert!(outcome.output.starts_with("cannot run no-such-program: "));
    }
}
