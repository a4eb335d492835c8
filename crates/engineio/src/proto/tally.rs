//! What a session counted, for statistics.

/// Figures of one session since they were last taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Packets that arrived, probes included.
    pub packets_in: u64,
    /// Bytes of the payloads and frames they arrived in.
    pub bytes_in: u64,
    /// Packets that were handed out to be sent.
    pub packets_out: u64,
    /// Bytes of the payloads and frames they were handed out in.
    pub bytes_out: u64,
    /// Upgrades that were completed; at most one in a session's life.
    pub upgrades: u64,
    /// Websockets that were attached and did not become the session's transport.
    pub failed_upgrades: u64,
}

impl Tally {
    pub(crate) fn count_in(&mut self, bytes: usize) {
        self.bytes_in += bytes as u64;
    }

    pub(crate) fn count_out(&mut self, packets: usize, bytes: usize) {
        self.packets_out += packets as u64;
        self.bytes_out += bytes as u64;
    }
}
