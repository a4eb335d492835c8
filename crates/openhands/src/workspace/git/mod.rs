//! Changes and differences of the repositories in a workspace.
//!
//! The repository is the agent's: its configuration can name programs that git runs (hooks, filters,
//! differs, monitors). So git never sees it. It works on a *shadow*, a repository of ours for this one
//! question, with our configuration and only the objects borrowed; which commit a branch is at is read
//! here. See `docs/decisions/0004-git-works-on-a-shadow.md`.

mod changes;
mod refs;
mod run;
mod shadow;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Semaphore;

use super::{FileError, FileLimits, Workspace, relative};
use shadow::Shadow;

/// One file that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Change {
    /// `M`, `A`, `D` or `U`; what git does not know yet is `A`.
    pub status: char,
    /// From the workspace on.
    pub path: String,
}

/// A file as it was and as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Diff {
    /// As it is; empty when it is gone.
    pub modified: String,
    /// As it was; empty when it was not.
    pub original: String,
}

/// Asks git about workspaces, a few questions at a time.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    runs: Arc<Semaphore>,
    limits: Arc<FileLimits>,
}

impl Git {
    /// With these limits.
    pub(crate) fn new(limits: Arc<FileLimits>) -> Self {
        Self { runs: Arc::new(Semaphore::new(limits.git_runs.max(1))), limits }
    }

    /// What changed in the repository of the workspace, and in those directly below it, since the
    /// last commit that is known to `origin`; without one, since the last commit.
    ///
    /// # Errors
    /// [`FileError::NoRepository`] without one; when git is missing, slow, or says too much.
    pub(crate) async fn changes(
        &self,
        workspace: Arc<Workspace>,
    ) -> Result<Vec<Change>, FileError> {
        let _turn = self.runs.acquire().await;
        let limits = Arc::clone(&self.limits);
        let shadows = blocking(move || {
            let mut shadows = Vec::new();
            for place in repositories(&workspace, &limits)? {
                shadows.push(Shadow::of(&workspace, &place)?);
            }
            Ok(shadows)
        })
        .await?;
        if shadows.is_empty() {
            return Err(FileError::NoRepository);
        }
        let inner: Vec<_> = shadows.iter().map(|shadow| shadow.prefix().to_owned()).collect();
        let mut all = Vec::new();
        for shadow in &shadows {
            let changes = changes::of(shadow, &self.limits).await?;
            let of_another = |change: &Change| {
                let within =
                    |prefix: &String| !prefix.is_empty() && change.path.starts_with(prefix);
                shadow.prefix().is_empty() && inner.iter().any(within)
            };
            all.extend(changes.into_iter().filter(|change| !of_another(change)));
        }
        all.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(all)
    }

    /// A file before and after the changes.
    ///
    /// # Errors
    /// As for the changes; and when the file is too large, or no UTF-8.
    pub(crate) async fn diff(
        &self,
        workspace: Arc<Workspace>,
        path: &str,
    ) -> Result<Diff, FileError> {
        let _turn = self.runs.acquire().await;
        let (limits, asked) = (Arc::clone(&self.limits), path.to_owned());
        let (shadow, rest, modified) = blocking(move || {
            let file = relative(&asked)?;
            let place = closest(&workspace, &file).ok_or(FileError::NoRepository)?;
            let modified = match workspace.read(&asked, &limits) {
                Err(FileError::NotFound(_)) => String::new(),
                read => read?,
            };
            let rest = file.strip_prefix(&place).unwrap_or(&file).to_owned();
            Ok((Shadow::of(&workspace, &place)?, rest, modified))
        })
        .await?;
        let original = changes::original(&shadow, &rest, &self.limits).await?;
        let original =
            String::from_utf8(original).map_err(|_| FileError::Binary(path.to_owned()))?;
        Ok(Diff { modified, original })
    }
}

/// The workspace itself and the folders in it, as far as they are repositories.
fn repositories(workspace: &Workspace, limits: &FileLimits) -> Result<Vec<PathBuf>, FileError> {
    let mut places = Vec::new();
    if is_repository(workspace, Path::new("")) {
        places.push(PathBuf::new());
    }
    let wrong = |error| FileError::io("workspace", error);
    for (count, entry) in workspace.dir.entries().map_err(wrong)?.enumerate() {
        if count >= limits.list_entries || places.len() >= limits.git_repositories {
            break;
        }
        let name = PathBuf::from(entry.map_err(wrong)?.file_name());
        if is_repository(workspace, &name) {
            places.push(name);
        }
    }
    places.sort();
    Ok(places)
}

/// The innermost repository around a file.
fn closest(workspace: &Workspace, file: &Path) -> Option<PathBuf> {
    file.ancestors().skip(1).find(|place| is_repository(workspace, place)).map(Path::to_owned)
}

/// A real folder with a real `.git` folder: what links there has its files elsewhere.
fn is_repository(workspace: &Workspace, place: &Path) -> bool {
    let is_folder = |path: &Path| {
        path.as_os_str().is_empty()
            || workspace.dir.symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
    };
    is_folder(place) && is_folder(&place.join(".git"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(FileError::Git(error.to_string())))
}

#[cfg(test)]
mod tests;
