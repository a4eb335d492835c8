//! Tables of wire text and its meaning, on which our codecs and the parsers of the npm registry
//! agree: each vector is read and written by both.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use tests::Script;

mod engine;
mod socket;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let json = std::fs::read_to_string(folder().join(name)).expect("a table of vectors");
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test]
async fn the_reference_parsers_agree() {
    let folder = folder();
    let mut script = Script::node("vectors.mjs", &[folder.to_str().expect("a path in UTF-8")]);
    let agreed = script.expect("agreed").await;
    script.finish().await;
    assert_eq!(agreed, engine::comparisons() + socket::comparisons());
}
