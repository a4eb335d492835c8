//! What is measured: every operation once, for criterion (time) and `benches/count`
//! (instructions).
//!
//! An operation's answer is asserted when it is made, before anything is measured.

use std::hint::black_box;

pub mod data;
pub mod engine;
pub mod json;
pub mod kinds;
pub mod msgpack;
pub mod peers;
pub mod session;
pub mod socket;

/// One piece of work, with the answer it must give.
pub struct Operation {
    /// What is done, the same for all who do it: they are compared.
    pub work: String,
    /// Who does it.
    pub by: &'static str,
    /// Bytes on the wire, for throughput.
    pub bytes: usize,
    run: Box<dyn FnMut()>,
}

impl Operation {
    /// Does `f` once and asserts that its answer is right.
    ///
    /// # Panics
    /// When it is not: a wrong answer is not worth measuring.
    pub fn new<T: 'static>(
        (work, by): (String, &'static str),
        bytes: usize,
        mut f: impl FnMut() -> T + 'static,
        is_right: impl Fn(&T) -> bool,
    ) -> Self {
        assert!(is_right(&f()), "wrong answer: {work}, {by}");
        Self { work, by, bytes, run: Box::new(move || drop(black_box(f()))) }
    }

    /// Does it once.
    pub fn run(&mut self) {
        (self.run)();
    }
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}", self.work, self.by)
    }
}

/// Packets and payloads, ours and by others, in the order of the tables.
pub fn framing() -> Vec<Operation> {
    let mut all = Vec::new();
    for size in data::SIZES {
        all.extend(peers::json(size));
        all.extend(socket::json(size));
        all.extend(peers::decode(size));
        all.extend(socket::decode(size));
        all.extend(socket::whole(size));
        all.extend(peers::encode(size));
        all.extend(socket::encode(size));
    }
    for size in data::SIZES {
        all.extend(json::check(size));
        all.extend(json::read(size));
        all.extend(json::write(size));
    }
    for size in data::SIZES {
        all.extend(msgpack::events(size));
    }
    all.extend(kinds::decode());
    all.extend(kinds::encode());
    for size in data::SIZES {
        all.extend(engine::packets(size));
    }
    all.extend(engine::control());
    all.extend(engine::payloads());
    // Those that do the same work stand together.
    all.sort_by_key(|operation| operation.work.clone());
    all
}

/// Hands `operations` to criterion, one group per work.
pub fn bench(criterion: &mut criterion::Criterion, operations: Vec<Operation>) {
    for mut operation in operations {
        let mut group = criterion.benchmark_group(&operation.work);
        group.throughput(criterion::Throughput::Bytes(operation.bytes as u64));
        group.bench_function(operation.by, |bencher| bencher.iter(|| operation.run()));
        group.finish();
    }
}
