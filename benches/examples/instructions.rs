//! Runs one operation a fixed number of times, for a tool that counts instructions inside
//! [`measured`]; without arguments it lists the operations. `benches/count` makes the table.

use benches::Operation;

fn main() {
    let mut operations = benches::framing();
    operations.extend(benches::session::echoes());
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let (Some(Ok(index)), Some(Ok(times))) = (arguments.next(), arguments.next()) else {
        for (index, operation) in operations.iter().enumerate() {
            println!("{index}\t{}\t{}", operation.work, operation.by);
        }
        return;
    };
    let Some(operation) = operations.get_mut(index) else {
        eprintln!("there are {} operations, not one with number {index}", operations.len());
        std::process::exit(2);
    };
    // Buffers and caches as they are in the long run.
    operation.run();
    measured(operation, times);
}

/// Counting is on in here alone.
#[inline(never)]
fn measured(operation: &mut Operation, times: usize) {
    for _ in 0..times {
        operation.run();
    }
}
