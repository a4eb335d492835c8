//! The README shows code that compiles.

#[test]
fn the_readme_shows_the_axum_example() {
    let example = include_str!("../../examples/with_axum.rs");
    let code = example.split_once("\n\n").unwrap().1.trim();
    assert!(include_str!("../../README.md").contains(code));
}
