//! The questions git is asked.

use std::path::Path;

use super::super::{FileError, FileLimits};
use super::Change;
use super::run::run;
use super::shadow::{Base, Shadow};

/// What differs from the base, and what git does not know.
pub(super) async fn of(shadow: &Shadow, limits: &FileLimits) -> Result<Vec<Change>, FileError> {
    let base = base(shadow, limits).await?;
    if !shadow.has_index {
        let mut command = shadow.git();
        command.args(["read-tree", &base]);
        run(command, limits).await?;
    }
    let mut command = shadow.git();
    command.args(["diff", "--name-status", "-z", "--no-renames", "--no-ext-diff", "--no-textconv"]);
    command.args(["--ignore-submodules=all", &base, "--"]);
    let differs = run(command, limits).await?;
    let mut command = shadow.git();
    command.args(["ls-files", "--others", "--exclude-standard", "-z"]);
    let unknown = run(command, limits).await?;

    let mut changes = Vec::new();
    let mut fields = fields(&differs);
    while let (Some(status), Some(path)) = (fields.next(), fields.next()) {
        // What is none of these: a link became a file, or the reverse.
        let status = status.chars().next().filter(|status| "MADU".contains(*status));
        let status = status.unwrap_or('M');
        changes.push(Change { status, path: format!("{}{path}", shadow.prefix()) });
    }
    changes.extend(self::fields(&unknown).map(|path| {
        // Gone from the index, still in the folder: one change, not two.
        Change { status: 'A', path: format!("{}{path}", shadow.prefix()) }
    }));
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes.dedup_by(|later, first| later.path == first.path);
    Ok(changes)
}

/// A file as it is in the base; empty when it is not there.
pub(super) async fn original(
    shadow: &Shadow,
    path: &Path,
    limits: &FileLimits,
) -> Result<Vec<u8>, FileError> {
    let base = base(shadow, limits).await?;
    let path = path.to_string_lossy();
    let mut command = shadow.git();
    command.args(["ls-tree", "-z", "--full-tree", &base, "--"]);
    // Taken literally: stars and colons have no meaning here.
    command.env("GIT_LITERAL_PATHSPECS", "1").arg(&*path);
    let listed = run(command, limits).await?;
    let Some(entry) = fields(&listed).next() else { return Ok(Vec::new()) };
    // `<mode> <kind> <hash>\t<path>`
    let mut parts = entry.split(['\t', ' ']).skip(1);
    let (Some("blob"), Some(hash)) = (parts.next(), parts.next()) else {
        return Err(FileError::NoFile(path.into_owned()));
    };
    let mut command = shadow.git();
    command.args(["cat-file", "blob", hash]);
    run(command, limits).await
}

/// The base as git knows it.
async fn base(shadow: &Shadow, limits: &FileLimits) -> Result<String, FileError> {
    match &shadow.base {
        Base::Commit(commit) => Ok(commit.clone()),
        Base::Nothing => Ok(EMPTY_TREE.to_owned()),
        Base::Common(head, other) => {
            let mut command = shadow.git();
            command.args(["merge-base", head, other]);
            match run(command, limits).await {
                Ok(found) => Ok(String::from_utf8_lossy(&found).trim().to_owned()),
                // They have none in common.
                Err(FileError::Git(_)) => Ok(other.clone()),
                Err(error) => Err(error),
            }
        }
    }
}

/// The fields between zero bytes. A path that is not UTF-8 is shown with replacement characters.
fn fields(said: &[u8]) -> impl Iterator<Item = String> {
    let parts = said.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    parts.map(|part| String::from_utf8_lossy(part).into_owned())
}

/// The tree without files, which git knows without being told.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
