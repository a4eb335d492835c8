//! Who asks: keys, the users they belong to, and what those may do.
//!
//! ```text
//! request -> request (the key it brings) -> Keys (whose it is) -> Caller -> may(right, access)
//! ```
//!
//! A server without keys lets everybody do everything. With keys, only [`Role::Admin`] may do what
//! nobody has shared with it.

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
