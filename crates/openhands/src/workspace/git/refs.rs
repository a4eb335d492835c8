//! Which commit a branch is at, read from the files of a repository.

use std::path::Path;

use super::super::{FileError, Workspace};

/// The branches of one repository.
pub(super) struct Refs<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) git: &'a Path,
}

/// Where `HEAD` is.
pub(super) struct Head {
    /// The branch, if it is on one.
    pub(super) branch: Option<String>,
    /// The commit; `None` before the first.
    pub(super) commit: Option<String>,
}

impl Refs<'_> {
    /// Where `HEAD` is.
    ///
    /// # Errors
    /// When there is none that can be read.
    pub(super) fn head(&self) -> Result<Head, FileError> {
        let text = self.text("HEAD").ok_or_else(|| FileError::Git("HEAD is unreadable".into()))?;
        match text.trim().strip_prefix("ref:") {
            Some(name) => {
                let name = name.trim();
                let branch = name.strip_prefix("refs/heads/").map(str::to_owned);
                Ok(Head { branch, commit: self.commit(name) })
            }
            None => Ok(Head { branch: None, commit: object(text.trim()) }),
        }
    }

    /// The commit of a name such as `refs/heads/main`, through names that stand for others.
    pub(super) fn commit(&self, name: &str) -> Option<String> {
        let mut name = name.to_owned();
        for _ in 0..MAX_STEPS {
            if !is_name(&name) {
                return None;
            }
            let Some(text) = self.text(&name) else { return self.packed(&name) };
            match text.trim().strip_prefix("ref:") {
                Some(other) => name = other.trim().to_owned(),
                None => return object(text.trim()),
            }
        }
        None
    }

    fn packed(&self, name: &str) -> Option<String> {
        let packed = self.text("packed-refs")?;
        let mut lines = packed.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(_, listed)| *listed == name).and_then(|(commit, _)| object(commit))
    }

    fn text(&self, file: &str) -> Option<String> {
        let path = self.git.join(file);
        let bytes = self.workspace.bytes(&path, file, MAX_BYTES).ok()?;
        String::from_utf8(bytes).ok()
    }
}

/// A hash in full.
fn object(text: &str) -> Option<String> {
    let is_hash =
        matches!(text.len(), SHA1 | SHA256) && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then(|| text.to_ascii_lowercase())
}

fn is_name(name: &str) -> bool {
    name.starts_with("refs/") && !name.split('/').any(|part| part.is_empty() || part == "..")
}

/// Characters of a hash.
pub(super) const SHA1: usize = 40;
pub(super) const SHA256: usize = 64;
/// Names that stand for names, as git follows them.
const MAX_STEPS: usize = 5;
/// Most bytes of a file of names.
const MAX_BYTES: u64 = 16 << 20;
