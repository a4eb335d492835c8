//! Facts of this build, from `build.rs` of the crate.

/// What `--version` prints after the name.
pub(crate) const FACTS: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit   ",
    env!("OPENHANDS_BUILD_COMMIT"),
    "\nrustc    ",
    env!("OPENHANDS_BUILD_RUSTC"),
    "\ntarget   ",
    env!("OPENHANDS_BUILD_TARGET"),
    "\nprofile  ",
    env!("OPENHANDS_BUILD_PROFILE"),
    "\nfeatures ",
    env!("OPENHANDS_BUILD_FEATURES"),
);

/// The commit, or `unknown`.
pub(crate) const COMMIT: &str = env!("OPENHANDS_BUILD_COMMIT");
