//! Limits of one session, the same for both roles.

/// What one session may hold. Every limit is a knob; none is infinite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of one payload or frame the peer may send. Default 1,000,000.
    /// Announced as `maxPayload`. A larger POST is answered 413, a larger frame closes with 1009.
    pub max_payload: usize,
    /// Most packets of one payload. Default 65,536.
    /// One more closes the session with reason `parse error`; the packets before it are delivered.
    pub max_payload_packets: usize,
    /// Most bytes of messages waiting to be sent. Default 1 MiB.
    /// Grows only while the peer is not reading. When full, sending returns [`Full`](super::Full)
    /// and queues nothing; one message passes whatever its size when nothing waits.
    pub outbox_bytes: usize,
    /// Most messages waiting to be sent. Default 4,096. When full as above.
    pub outbox_packets: usize,
    /// Bytes of received messages that the application has not taken, at which reading stops.
    /// Default 64 KiB. One payload or frame may carry it over the limit by `max_payload`.
    pub inbox_bytes: usize,
    /// Received messages that the application has not taken, at which reading stops. Default 256.
    pub inbox_packets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_payload: 1_000_000,
            max_payload_packets: 65_536,
            outbox_bytes: 1 << 20,
            outbox_packets: 4_096,
            inbox_bytes: 64 << 10,
            inbox_packets: 256,
        }
    }
}
