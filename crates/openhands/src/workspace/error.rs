//! Why something of a workspace is not shown or stored.

use std::io;

use http::StatusCode;

/// Why not. Names are as the client gave them: no path of this machine is in a text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FileError {
    /// There is none of this name.
    #[error("File not found: {0}")]
    NotFound(String),
    /// The path, or a link in it, leads out of the workspace.
    #[error("{0:?} is outside of the workspace")]
    Outside(String),
    /// A folder, a pipe or a device.
    #[error("{0:?} is no file")]
    NoFile(String),
    /// Something that has no entries.
    #[error("{0:?} is no folder")]
    NoFolder(String),
    /// No text in UTF-8.
    #[error("Unable to open binary file: {0}")]
    Binary(String),
    /// More bytes than are read or written.
    #[error("{name:?} has {len} bytes, the limit is {max}")]
    TooLarge {
        /// Which.
        name: String,
        /// Its bytes, or how many were counted before it was given up.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// More of something than is looked at.
    #[error("there are more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// Too many others are served.
    #[error("{max} archives are being sent, which is the limit: try again later")]
    Busy {
        /// The limit.
        max: usize,
    },
    /// The folder belongs to no repository.
    #[error("Not a git repository")]
    NoRepository,
    /// git cannot be run, or says no.
    #[error("git: {0}")]
    Git(String),
    /// The system refuses.
    #[error("{name:?}: {text}")]
    System {
        /// What was looked at.
        name: String,
        /// Why.
        text: String,
    },
}

impl FileError {
    /// The system's error about what the client calls `name`.
    pub(super) fn of(name: &str, error: io::Error) -> Self {
        let name = name.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound(name),
            io::ErrorKind::IsADirectory => Self::NoFile(name),
            io::ErrorKind::NotADirectory => Self::NoFolder(name),
            // cap-std has no number of the system when it is the one that refuses.
            io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => {
                Self::Outside(name)
            }
            _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                Self::NotFound(name)
            }
            _ if error.raw_os_error() == Some(rustix::io::Errno::XDEV.raw_os_error()) => {
                Self::Outside(name)
            }
            // A socket, or a device without a driver.
            _ if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                Self::NoFile(name)
            }
            _ => Self::System { name, text: error.to_string() },
        }
    }

    /// The system's error about something of this side.
    pub(super) fn io(name: &str, error: io::Error) -> Self {
        Self::System { name: name.to_owned(), text: error.to_string() }
    }

    /// What REST answers with.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) | Self::NoRepository => StatusCode::NOT_FOUND,
            Self::Outside(_) | Self::NoFile(_) | Self::NoFolder(_) => StatusCode::BAD_REQUEST,
            Self::Binary(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } | Self::TooMany { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Git(_) | Self::System { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
