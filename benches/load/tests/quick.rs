//! A little of every row: each server starts, answers rightly, and is measured.

use std::process::Command;

/// The program compares every answer byte for byte, and fails at the first wrong one.
#[test]
fn every_row_is_measured_on_every_server() {
    let output = Command::new(env!("CARGO_BIN_EXE_load")).arg("--quick").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let report = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Vec<&str>> = report
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| work"))
        .map(|line| line.split(" | ").collect())
        .collect();
    // Of the rows that measure all six servers, these have a figure of each.
    for name in ["ack, 1 KiB, 64", "binary echo", "broadcast", "websocket: connect"] {
        let row = rows.iter().find(|row| row[0].contains(name));
        let row = row.unwrap_or_else(|| panic!("no row {name} in:\n{report}"));
        // Behind the floor, which only comes and goes.
        let figures: Vec<f64> =
            row[3..9].iter().filter_map(|one| one.replace(',', "").parse().ok()).collect();
        assert!(figures.len() == 6 && figures.iter().all(|one| *one > 0.0), "{row:?}");
    }
    assert!(rows.iter().any(|row| row[0].contains("100 clients at once")), "{report}");
    assert!(rows.iter().any(|row| row[0].contains("p99")), "{report}");
}
