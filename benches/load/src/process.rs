//! Servers as separate processes on their own core, and the resources they use.

use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::thread::{CpuSet, sched_setaffinity};

/// The core that servers run on.
const SERVER_CORE: usize = 0;
/// The core that the client runs on, if there are two.
const CLIENT_CORE: usize = 1;

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts `command` on the servers' core, and waits for an output line in which `address` finds
    /// the address it listens on.
    pub(crate) fn start(
        mut command: Command,
        address: impl Fn(&str) -> Option<SocketAddr>,
    ) -> io::Result<Self> {
        pin(SERVER_CORE)?;
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        pin_client()?;
        let mut child = child?;
        let lines = child.stdout.take().map(BufReader::new);
        for line in lines.into_iter().flat_map(BufReader::lines) {
            if let Some(address) = address(&line?) {
                return Ok(Self { child, address });
            }
        }
        Err(io::Error::other(format!("it did not say where it listens: {command:?}")))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Processor time of all its running threads, user and system.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        cpu(&self.id().to_string())
    }

    /// Resident KiB: now, and the peak.
    pub(crate) fn memory(&self) -> io::Result<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let both = field("VmRSS:").zip(field("VmHWM:"));
        both.ok_or_else(|| io::Error::other("no memory in /proc"))
    }

    /// Ends it by closing its input, and waits until it has ended.
    pub(crate) fn end(mut self) -> io::Result<()> {
        drop(self.child.stdin.take());
        self.child.wait().map(drop)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time of the threads of a process, user and system, as the scheduler counts it.
pub(crate) fn cpu(process: &str) -> io::Result<Duration> {
    let mut nanoseconds = 0;
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let text = match std::fs::read_to_string(task?.path().join("schedstat")) {
            Ok(text) => text,
            // A thread that has just ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let first = text.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        nanoseconds += first.ok_or_else(|| io::Error::other("no time in schedstat"))?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Binds this thread, and what it starts, to a core; to any core if there is only one.
fn pin(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    let cores = std::fs::read_to_string("/proc/cpuinfo")?.matches("processor\t").count();
    set.set(if core < cores { core } else { 0 });
    Ok(sched_setaffinity(None, &set)?)
}

/// Binds this thread to the core that clients run on.
pub(crate) fn pin_client() -> io::Result<()> {
    pin(CLIENT_CORE)
}

/// Lets this thread run on all cores.
pub(crate) fn unpin() -> io::Result<()> {
    let mut set = CpuSet::new();
    (0..CpuSet::MAX_CPU).for_each(|core| set.set(core));
    Ok(sched_setaffinity(None, &set)?)
}

/// Raises the limit on connections of this process, and what it starts, as far as the system allows.
pub(crate) fn raise_descriptors() -> io::Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}
