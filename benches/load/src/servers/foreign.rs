//! Servers that are programs in other languages: `benches/load/peers`.

use std::path::{Path, PathBuf};
use std::process::Command;

use benches::data;

use super::Kind;
use crate::wire::{self, FIRST};

/// Starts it, once `peers/install` has been run.
pub(crate) fn command(kind: Kind) -> Command {
    let (program, script) = match kind {
        Kind::Python => (python(), "server.py"),
        _ => ("node".into(), "server.mjs"),
    };
    let mut command = Command::new(program);
    command.arg(peers().join(script)).env("FIRST", FIRST.to_string());
    command.env("EVENT", String::from_utf8_lossy(&data::json(&wire::numbered())).as_ref());
    command
}

/// Whether it can be started.
pub(crate) fn is_there(kind: Kind) -> bool {
    version(kind).is_some()
}

/// What it is, and on what it runs.
pub(crate) fn version(kind: Kind) -> Option<String> {
    let (program, flag, script) = match kind {
        Kind::Python => (
            python(),
            "-c",
            "import platform, importlib.metadata as m
print('python-socketio', m.version('python-socketio'), 'on aiohttp', m.version('aiohttp'), \
'and Python', platform.python_version())",
        ),
        _ => (
            "node".into(),
            "-p",
            "`socket.io ${require('socket.io/package.json').version} on Node ${process.versions.node}`",
        ),
    };
    let asked = Command::new(program).args([flag, script]).current_dir(peers()).output().ok()?;
    let said = String::from_utf8(asked.stdout).ok()?.trim().to_owned();
    (asked.status.success() && !said.is_empty()).then_some(said)
}

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// That of the tests, which has the package for its clients.
fn python() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target =
        target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"));
    target.join("tools/venv/bin/python")
}
