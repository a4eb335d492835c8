//! Keys, the users they belong to, and what a caller may do.
//!
//! ```text
//! request -> request (the key it brings) -> Keys (whose it is) -> Caller -> may(right, access)
//! ```
//!
//! In come requests and connects; out goes a `Caller`, which `http` and `live` ask before they do
//! anything. A server without keys lets everybody do everything. With keys, only an admin may
//! use conversations that are neither its own nor shared with it. No key is kept in memory or on disk,
//! only its digest. Start with [`Keys`].

mod file;
mod key;
mod keys;
mod request;
pub(crate) mod tool;

pub use file::KeyFileError;
pub(crate) use key::{KeyId, hex};
pub(crate) use keys::{Caller, Role};
pub use keys::{Keys, SERVER_KEY};
pub(crate) use request::{of_connect, of_request};
