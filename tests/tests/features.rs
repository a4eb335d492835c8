//! Each row of the table of features in `docs/PROTOCOL.md` names tests, and they are there.

use std::fs;
use std::path::Path;

#[test]
fn every_feature_of_the_table_has_a_test_that_exists() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let text = fs::read_to_string(docs.join("PROTOCOL.md")).unwrap();
    let (_, table) = text.split_once("### Features of the peers, and their tests").unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with('|')).skip(2).collect();
    assert!(rows.len() >= 40, "{} rows", rows.len());
    for row in rows {
        let cell = row.trim_matches('|').rsplit(" | ").next().unwrap();
        let links: Vec<&str> = cell.split("](").skip(1).collect();
        assert!(!links.is_empty(), "no link to a test in {row}");
        for link in links {
            let (path, behind) = link.split_once(')').unwrap();
            let code = fs::read_to_string(docs.join(path));
            let code = code.unwrap_or_else(|error| panic!("{path}: {error}"));
            let tests: Vec<&str> = behind.split('`').skip(1).step_by(2).collect();
            assert!(!tests.is_empty(), "no test of {path} named in {row}");
            for test in tests {
                let is_there = code.contains(&format!("fn {test}("));
                assert!(is_there, "{path} has no test {test}, named in {row}");
            }
        }
    }
}
