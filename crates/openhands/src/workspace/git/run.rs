//! One run of git: bounded in time and output.

use std::io;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use super::super::{FileError, FileLimits};

/// What git printed; `Err` with the first line of its complaints when it failed.
pub(super) async fn run(mut command: Command, limits: &FileLimits) -> Result<Vec<u8>, FileError> {
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => FileError::Git("not installed on the server".to_owned()),
        _ => FileError::Git(error.to_string()),
    })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let max = limits.git_bytes;
    let work = async {
        let (mut said, mut complaints) = (Vec::new(), Vec::new());
        // What is not read closes at the end: git does not go on writing for ever.
        let out = async {
            match stdout {
                Some(stdout) => stdout.take(max as u64 + 1).read_to_end(&mut said).await,
                None => Ok(0),
            }
        };
        let err = async {
            match stderr {
                Some(stderr) => stderr.take(COMPLAINTS).read_to_end(&mut complaints).await,
                None => Ok(0),
            }
        };
        tokio::try_join!(out, err)?;
        let status = child.wait().await?;
        Ok::<_, io::Error>((status, said, complaints))
    };
    let ended = tokio::time::timeout(limits.git_time, work).await;
    let (status, said, complaints) = match ended {
        Ok(ended) => ended.map_err(|error| FileError::Git(error.to_string()))?,
        Err(_) => {
            let text = format!("no answer within {} s", limits.git_time.as_secs());
            return Err(FileError::Git(text));
        }
    };
    if said.len() > max {
        let name = "answer of git".to_owned();
        return Err(FileError::TooLarge { name, len: said.len() as u64, max: max as u64 });
    }
    if status.success() {
        return Ok(said);
    }
    let complaints = String::from_utf8_lossy(&complaints);
    Err(FileError::Git(complaints.lines().next().unwrap_or("failed").to_owned()))
}

/// Most bytes of complaints that are kept.
const COMPLAINTS: u64 = 4096;
