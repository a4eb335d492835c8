//! Small files that are replaced as a whole, readable by their owner only.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

/// Writes a second file and renames it: after a power cut either the old or the new content is there.
/// Creates the folder when it is missing. One writer at a time.
pub(crate) fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = file.with_extension("json.new");
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut new = options.open(&beside)?;
    new.write_all(bytes)?;
    new.sync_all()?;
    drop(new);
    std::fs::rename(&beside, file)?;
    // The rename lasts when the folder is flushed.
    #[cfg(unix)]
    if let Some(folder) = file.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
