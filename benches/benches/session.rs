//! Echoes through the pure machines of both protocols.

use criterion::{Criterion, criterion_group, criterion_main};

fn session(criterion: &mut Criterion) {
    benches::bench(criterion, benches::session::echoes());
}

criterion_group!(group, session);
criterion_main!(group);
