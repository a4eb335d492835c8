//! Runs operations a fixed number of times each, for a tool that counts instructions inside
//! [`measured`]: `TIMES NUMBER...`; without arguments it lists the operations and their numbers.
//! `benches/count` makes the table.

use benches::Operation;

fn main() {
    let mut operations = benches::framing();
    operations.extend(benches::session::echoes());
    let arguments: Vec<usize> =
        std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let Some((&times, places)) = arguments.split_first() else {
        for (place, operation) in operations.iter().enumerate() {
            println!("{place}\t{}\t{}", operation.work, operation.by);
        }
        return;
    };
    for &place in places {
        let Some(operation) = operations.get_mut(place) else {
            eprintln!("there are {} operations, not one with number {place}", operations.len());
            std::process::exit(2);
        };
        // Buffers and caches as they are in the long run.
        operation.run();
        measured(operation, times);
    }
}

/// Counting is on in here alone.
#[inline(never)]
fn measured(operation: &mut Operation, times: usize) {
    for _ in 0..times {
        operation.run();
    }
}
