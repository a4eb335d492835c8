//! Who asks: keys, the users they belong to, and what those may do.
//!
//! ```text
//! request -> brought (the key it brings) -> Keys (whose it is) -> Caller -> may(right, access)
//! ```
//!
//! A server without keys lets everybody do everything. With keys, only [`Role::Admin`] may do what
//! nobody has shared with it.

mod brought;
mod caller;
mod file;
mod key;
mod keys;
pub mod tool;

pub(crate) use brought::{of_connect, of_request};
pub use caller::{Caller, Role};
pub use file::KeyFileError;
pub use key::KeyId;
pub(crate) use key::hex;
pub use keys::{Keys, KeysChanged, Refused, SERVER_KEY};
