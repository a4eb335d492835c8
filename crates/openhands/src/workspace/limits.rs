//! The sizes of what is read from and written to workspaces.

use std::time::Duration;

/// Limits of what REST reads from workspaces and writes to them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileLimits {
    /// Most entries of a folder that is listed. Default 10 000. Over it the list is refused.
    pub list_entries: usize,
    /// Most bytes of a file whose text is shown. Default 4 MiB. A larger file is refused.
    pub read_bytes: u64,
    /// Most files of one upload. Default 100. Further ones are skipped, and said so.
    pub upload_files: usize,
    /// Most bytes of one file of an upload. Default 64 MiB. A larger one is skipped, and said so.
    pub upload_file_bytes: u64,
    /// Most bytes of one upload's body. Default 256 MiB. Over it the rest is refused.
    pub upload_bytes: usize,
    /// How long a client may take for the next piece of an upload. Default 30 s; then the rest is
    /// refused.
    pub upload_stall: Duration,
    /// Most bytes of a workspace that an upload may lead to. Default 4 GiB. What does not fit is
    /// skipped, and said so. Agents are not held to it.
    pub workspace_bytes: u64,
    /// Most files and folders of an archive, and of a workspace that takes uploads. Default 100 000;
    /// each costs about half a KiB of memory while the archive is sent. Over it either is refused.
    pub archive_entries: usize,
    /// Most bytes of the files in an archive. Default 4 GiB. Over it the archive is refused.
    pub archive_bytes: u64,
    /// How deep folders may be nested in an archive. Default 64.
    pub archive_depth: usize,
    /// Most archives that are sent at once; each has a thread. Default 4. Over it: 503.
    pub archives: usize,
    /// How long a client may take for a piece of an archive of at most 64 KiB. Default 30 s; then
    /// the answer breaks off.
    pub archive_stall: Duration,
    /// How long one run of git may take. Default 10 s.
    pub git_time: Duration,
    /// Most bytes of what a run of git says. Default 4 MiB.
    pub git_bytes: usize,
    /// Most runs of git at once. Default 4; further ones wait.
    pub git_runs: usize,
    /// Most repositories directly below a workspace whose changes are shown. Default 32.
    pub git_repositories: usize,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self {
            list_entries: 10_000,
            read_bytes: 4 << 20,
            upload_files: 100,
            upload_file_bytes: 64 << 20,
            upload_bytes: 256 << 20,
            upload_stall: Duration::from_secs(30),
            workspace_bytes: 4 << 30,
            archive_entries: 100_000,
            archive_bytes: 4 << 30,
            archive_depth: 64,
            archives: 4,
            archive_stall: Duration::from_secs(30),
            git_time: Duration::from_secs(10),
            git_bytes: 4 << 20,
            git_runs: 4,
            git_repositories: 32,
        }
    }
}
