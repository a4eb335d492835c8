//! What a list of files leaves out.

use std::path::Path;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::Workspace;

/// Names that no list shows, and whether the name is a folder's. As in OpenHands 0.62.
pub(super) const NEVER_SHOWN: &[(&str, bool)] = &[
    (".git", true),
    (".DS_Store", false),
    ("node_modules", true),
    (".venv", true),
    ("lost+found", true),
    (".vscode", true),
];

/// The patterns of the workspace's own `.gitignore`.
pub(super) struct Ignored(Gitignore);

impl Ignored {
    /// Empty when there is no such file, or when it is too large.
    pub(super) fn of(workspace: &Workspace) -> Self {
        let mut builder = GitignoreBuilder::new("");
        let bytes = workspace.bytes(Path::new(FILE), FILE, MAX_BYTES).unwrap_or_default();
        for line in String::from_utf8_lossy(&bytes).lines() {
            // A line that is not a pattern matches nothing, as in git.
            let _ = builder.add_line(None, line);
        }
        Self(builder.build().unwrap_or_else(|_| Gitignore::empty()))
    }

    pub(super) fn matches(&self, path: &Path, is_folder: bool) -> bool {
        matches!(self.0.matched_path_or_any_parents(path, is_folder), Match::Ignore(_))
    }
}

const FILE: &str = ".gitignore";
/// Most bytes of patterns: each costs time for each name.
const MAX_BYTES: u64 = 64 << 10;
