//! What `--version` tells of this build. Nothing of it must be there: an archive of the source
//! without git builds the same.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={COMMIT}");
    let given = env::var(COMMIT).ok().filter(|commit| !commit.trim().is_empty());
    tell(COMMIT, given.or_else(commit));
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    tell("OPENHANDS_BUILD_RUSTC", said(Command::new(rustc).arg("--version")));
    tell("OPENHANDS_BUILD_TARGET", env::var("TARGET").ok());
    tell("OPENHANDS_BUILD_PROFILE", env::var("PROFILE").ok());
    let features = env::vars().filter_map(|(name, _)| {
        let name = name.strip_prefix("CARGO_FEATURE_")?;
        Some(name.to_lowercase().replace('_', "-"))
    });
    let features = features.collect::<Vec<_>>().join(" ");
    let none = features.is_empty();
    tell("OPENHANDS_BUILD_FEATURES", Some(if none { "none".to_owned() } else { features }));
}

fn tell(name: &str, fact: Option<String>) {
    let fact = fact.unwrap_or_else(|| "unknown".to_owned());
    // One line: a second one would be read by cargo as an order.
    println!("cargo:rustc-env={name}={}", fact.lines().next().unwrap_or_default().trim());
}

/// The commit of this checkout. An archive that was unpacked inside another repository is none.
fn commit() -> Option<String> {
    said(git().args(["ls-files", "--error-unmatch", "build.rs"]))?;
    // Moved by every commit and checkout; a file that is not there would build anew each time.
    for file in ["HEAD", "logs/HEAD"] {
        let path = said(git().args(["rev-parse", "--git-path", file]));
        if let Some(path) = path.filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    said(git().args(["rev-parse", "--short=12", "HEAD"]))
}

fn git() -> Command {
    Command::new("git")
}

fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

/// In the environment of a build it says the commit where git cannot.
const COMMIT: &str = "OPENHANDS_BUILD_COMMIT";
