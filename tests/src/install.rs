//! Installs what the tests need beyond Rust, if it is missing.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A program that the tests run and that is not part of the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Node with the packages of `tests/js`.
    Node,
    /// Python with the packages of `tests/python`, in a virtual environment.
    Python,
    /// The websocket client of the command line.
    Websocat,
    /// The browser.
    Chromium,
    /// The profiler.
    Valgrind,
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::Node => "npm",
            Self::Python => "python",
            Self::Websocat => "websocat",
            Self::Chromium => "chromium",
            Self::Valgrind => "valgrind",
        }
    }

    fn program(self) -> PathBuf {
        match self {
            Self::Node => "node".into(),
            Self::Python => target().join("tools/venv/bin/python"),
            Self::Websocat => target().join("tools/bin/websocat"),
            Self::Chromium => on_path("chromium"),
            Self::Valgrind => on_path("valgrind"),
        }
    }
}

/// Returns the program after `tests/install` has installed what is missing. This is immediate after
/// `tests/run`; the first websocat takes minutes. One process at a time installs.
///
/// # Panics
/// With the one line of `tests/install` that says what this machine lacks.
pub fn install(tool: Tool) -> PathBuf {
    static DONE: [OnceLock<Result<(), String>>; 5] = [const { OnceLock::new() }; 5];
    match DONE[tool as usize].get_or_init(|| run_install(tool.name())) {
        Ok(()) => tool.program(),
        Err(why) => panic!("{why}"),
    }
}

fn run_install(what: &str) -> Result<(), String> {
    let script = tests().join("install");
    let locked = File::open(&script).and_then(|file| file.lock().map(|()| file));
    let _lock = locked.map_err(|error| format!("{}: {error}", script.display()))?;
    let output = Command::new("bash")
        .arg(&script)
        .arg(what)
        .env("CARGO_TARGET_DIR", target())
        .output()
        .map_err(|error| format!("bash is missing: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("tests/install {what} failed: {}", said.trim()))
}

/// This package.
pub fn tests() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where this test's program was built: `<target>/<profile>/deps/<program>`.
pub(crate) fn profile() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program.ancestors().nth(2).map(Path::to_owned).unwrap_or_default()
}

/// A program's file, for callers that do not search for it.
fn on_path(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut files = std::env::split_paths(&path).map(|folder| folder.join(name));
    files.find(|file| file.is_file()).unwrap_or_else(|| name.into())
}

fn target() -> PathBuf {
    profile().parent().map(Path::to_owned).unwrap_or_default()
}
