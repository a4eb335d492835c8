//! The cost of the disk and of a file alone.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// CPU seconds that this thread takes to read a file in pages as large as a cursor's.
pub(super) fn read(path: &Path) -> io::Result<f64> {
    let mut page = vec![0; 256 << 10];
    let mut file = File::open(path)?;
    cpu_of(|| {
        while file.read(&mut page)? > 0 {}
        Ok(())
    })
}

/// CPU seconds that this thread takes for `work`.
pub(super) fn cpu_of(work: impl FnOnce() -> io::Result<()>) -> io::Result<f64> {
    let before = cpu()?;
    work()?;
    Ok((cpu()? - before).as_secs_f64())
}

/// Appends `batches` of `len` bytes to a file, each flushed to the disk before the next. Returns how
/// long all of them took.
pub(super) fn write(path: &Path, batches: usize, len: usize) -> io::Result<Duration> {
    let batch = vec![b'x'; len];
    let mut file = File::create(path)?;
    let began = Instant::now();
    for _ in 0..batches {
        file.write_all(&batch)?;
        file.sync_data()?;
    }
    Ok(began.elapsed())
}

/// Processor time of this thread.
fn cpu() -> io::Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split_whitespace().next().and_then(|number| number.parse().ok());
    first.map(Duration::from_nanos).ok_or_else(|| io::Error::other("no time in schedstat"))
}
