//! Packets and payloads: throughput of reading and writing, beside peers and bounds.

use criterion::{Criterion, criterion_group, criterion_main};

fn framing(criterion: &mut Criterion) {
    benches::bench(criterion, benches::framing());
}

criterion_group!(group, framing);
criterion_main!(group);
