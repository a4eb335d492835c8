//! A repository of ours that borrows the objects of another.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use cap_std::fs::Dir;
use tempfile::TempDir;
use tokio::process::Command;

use super::super::{FileError, Workspace};
use super::refs::{Refs, SHA256};

/// One repository for as long as a question takes.
#[derive(Debug)]
pub(super) struct Shadow {
    git: TempDir,
    /// The work tree, open: it stays the one that was looked at.
    tree: Dir,
    /// From the workspace to the work tree, with a `/` at the end; empty for the workspace itself.
    prefix: String,
    /// The commit at `HEAD`.
    head: Option<String>,
    /// What the repository is compared with, or must first be asked about.
    pub(super) base: Base,
    /// Whether the index of the repository was taken along.
    pub(super) has_index: bool,
}

/// What the work tree is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// This commit.
    Commit(String),
    /// The last one that this commit and the other have in common.
    Common(String, String),
    /// There is no commit yet.
    Nothing,
}

impl Shadow {
    /// Of the repository at `place`.
    ///
    /// # Errors
    /// When it cannot be read, or no temporary folder made.
    pub(super) fn of(workspace: &Workspace, place: &Path) -> Result<Self, FileError> {
        let git = place.join(".git");
        let refs = Refs { workspace, git: &git };
        let head = refs.head()?;
        let base = base(&refs, head.branch.as_deref(), head.commit.as_deref());
        let opened = match place.as_os_str().is_empty() {
            true => workspace.dir.try_clone(),
            false => workspace.dir.open_dir(place),
        };
        let tree = opened.map_err(|error| FileError::of(&place.to_string_lossy(), error))?;
        let mut shadow = Self {
            git: tempfile::tempdir().map_err(|error| FileError::io("temporary folder", error))?,
            tree,
            prefix: match place.as_os_str().is_empty() {
                true => String::new(),
                false => format!("{}/", place.to_string_lossy()),
            },
            head: head.commit,
            base,
            has_index: false,
        };
        shadow.fill(workspace, &git).map_err(|error| FileError::io("temporary folder", error))?;
        Ok(shadow)
    }

    fn fill(&mut self, workspace: &Workspace, git: &Path) -> io::Result<()> {
        let is_sha256 = self.head.as_ref().is_some_and(|head| head.len() == SHA256);
        let config = if is_sha256 { CONFIG_SHA256 } else { CONFIG };
        let at = self.git.path();
        fs::write(at.join("config"), config)?;
        fs::write(at.join("HEAD"), "ref: refs/heads/shadow\n")?;
        fs::create_dir(at.join("refs"))?;
        fs::create_dir(at.join("info"))?;
        let copy = |file: &str| match workspace.bytes(&git.join(file), file, MAX_BYTES) {
            Ok(bytes) => fs::write(at.join(file), bytes).map(|()| true),
            Err(_) => Ok(false),
        };
        copy("info/exclude")?;
        self.has_index = copy("index")?;
        Ok(())
    }

    /// From the workspace to the work tree.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A run of git on it, with nothing of our environment but `PATH`.
    pub(super) fn git(&self) -> Command {
        let mut command = Command::new("git");
        command
            .current_dir(self.folder())
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("LC_ALL", "C")
            .env("GIT_DIR", self.git.path())
            .env("GIT_WORK_TREE", ".")
            .env("GIT_OBJECT_DIRECTORY", ".git/objects")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .arg("--no-pager")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// A name of the open folder: its path could lead elsewhere by now.
    #[cfg(target_os = "linux")]
    fn folder(&self) -> PathBuf {
        use std::os::fd::AsRawFd as _;
        PathBuf::from(format!("/proc/self/fd/{}", self.tree.as_raw_fd()))
    }

    #[cfg(not(target_os = "linux"))]
    fn folder(&self) -> PathBuf {
        rustix::fs::getpath(&self.tree)
            .map(|path| PathBuf::from(path.to_string_lossy().into_owned()))
            .unwrap_or_default()
    }
}

/// As OpenHands 0.62: what `origin` has of the branch; else where the branch left that of `origin`;
/// else the last commit.
fn base(refs: &Refs<'_>, branch: Option<&str>, head: Option<&str>) -> Base {
    let Some(head) = head else { return Base::Nothing };
    let pushed = branch.and_then(|branch| refs.commit(&format!("refs/remotes/origin/{branch}")));
    if let Some(pushed) = pushed {
        return Base::Commit(pushed);
    }
    match refs.commit("refs/remotes/origin/HEAD") {
        Some(default) => Base::Common(head.to_owned(), default),
        None => Base::Commit(head.to_owned()),
    }
}

/// Most bytes of an index; over it git compares the contents of all files.
const MAX_BYTES: u64 = 64 << 20;
const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\
                      \tfsmonitor = false\n\thooksPath = /dev/null\n\tquotePath = false\n";
const CONFIG_SHA256: &str = "[core]\n\trepositoryformatversion = 1\n\tfilemode = true\n\
                             \tbare = false\n\tfsmonitor = false\n\thooksPath = /dev/null\n\
                             \tquotePath = false\n[extensions]\n\tobjectFormat = sha256\n";
