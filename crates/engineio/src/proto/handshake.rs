//! The handshake: the first packet of a session. [spec: Handshake]

use std::borrow::Cow;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use serde::{Deserialize, Serialize};

use super::{PacketError, Sid};

/// How packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// WebSocket.
    Websocket,
}

impl Transport {
    /// The name in the query and in `upgrades`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::Websocket => "websocket",
        }
    }
}

/// The version of the protocol that a session speaks, `EIO` in the query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `EIO=3`, or none: the clients of Socket.IO 1 and 2.
    V3,
    /// `EIO=4`.
    #[default]
    V4,
}

/// What the server tells the client of a new session.
///
/// ```
/// use std::time::Duration;
/// use engineio::proto::{Handshake, Sid, Transport};
/// let handshake = Handshake {
///     sid: "lv_VI97HAXpY6yYWAAAB".parse::<Sid>()?,
///     upgrades: vec![Transport::Websocket],
///     ping_interval: Duration::from_secs(25),
///     ping_timeout: Duration::from_secs(20),
///     max_payload: 1_000_000,
/// };
/// assert_eq!(
///     &handshake.to_json()[..],
///     br#"{"sid":"lv_VI97HAXpY6yYWAAAB","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#,
/// );
/// # Ok::<(), engineio::proto::InvalidSid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The new session's id.
    pub sid: Sid,
    /// Transports the client may move to.
    pub upgrades: Vec<Transport>,
    /// Time between a pong and the next ping. Sent in milliseconds.
    pub ping_interval: Duration,
    /// Time the peer has for the pong. Sent in milliseconds.
    pub ping_timeout: Duration,
    /// Most bytes of one payload or frame the client may send.
    pub max_payload: usize,
}

impl Handshake {
    /// The JSON after the `0`, with its keys in the reference's order.
    pub fn to_json(&self) -> Bytes {
        let mut wire = self.to_wire();
        wire.advance(1);
        wire
    }

    /// The open packet: `0` and the JSON. No string in it has anything to escape.
    pub(crate) fn to_wire(&self) -> Bytes {
        let upgrades = || self.upgrades.iter().map(|upgrade| upgrade.as_str());
        let numbers: [(&[u8], u64); 3] = [
            (b"],\"pingInterval\":", millis(self.ping_interval)),
            (b",\"pingTimeout\":", millis(self.ping_timeout)),
            (b",\"maxPayload\":", self.max_payload as u64),
        ];
        // Each with its quotes and a comma, of which there is one too many.
        let upgrades_len = upgrades().map(|name| name.len() + 3).sum::<usize>().saturating_sub(1);
        let numbers_len = numbers.iter().map(|(key, number)| key.len() + digits(*number));
        // Filled to its end, a buffer is shared without another allocation.
        let len = HEAD.len() + Sid::LEN + UPGRADES.len() + upgrades_len;
        let mut wire = Vec::with_capacity(len + numbers_len.sum::<usize>() + 1);
        wire.extend_from_slice(HEAD);
        wire.extend_from_slice(self.sid.as_bytes());
        wire.extend_from_slice(UPGRADES);
        for (at, name) in upgrades().enumerate() {
            wire.extend_from_slice(if at == 0 { b"\"" } else { b",\"" });
            wire.extend_from_slice(name.as_bytes());
            wire.push(b'"');
        }
        for (key, number) in numbers {
            wire.extend_from_slice(key);
            // Neither a number nor writing to a vector can fail.
            let written = serde_json::to_writer(&mut wire, &number);
            debug_assert!(written.is_ok());
        }
        wire.push(b'}');
        wire.into()
    }

    /// Reads the JSON of an open packet. Unknown keys and unknown upgrades are skipped; a server
    /// that sends no `maxPayload` has none.
    ///
    /// # Errors
    /// [`PacketError::Handshake`] when a key is missing or of another type.
    pub fn from_json(json: &[u8]) -> Result<Self, PacketError> {
        let wire: Wire<'_> = serde_json::from_slice(json).map_err(|_| PacketError::Handshake)?;
        Ok(Self {
            sid: wire.sid.parse().map_err(|_| PacketError::Handshake)?,
            upgrades: wire
                .upgrades
                .iter()
                .filter_map(|name| match name.as_ref() {
                    "polling" => Some(Transport::Polling),
                    "websocket" => Some(Transport::Websocket),
                    _ => None,
                })
                .collect(),
            ping_interval: Duration::from_millis(wire.ping_interval),
            ping_timeout: Duration::from_millis(wire.ping_timeout),
            max_payload: usize::try_from(wire.max_payload).unwrap_or(usize::MAX),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    sid: Cow<'a, str>,
    #[serde(borrow)]
    upgrades: Vec<Cow<'a, str>>,
    ping_interval: u64,
    ping_timeout: u64,
    #[serde(default = "unlimited")]
    max_payload: u64,
}

fn unlimited() -> u64 {
    u64::MAX
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// The packet's type, and what stands before the id.
const HEAD: &[u8] = b"0{\"sid\":\"";
const UPGRADES: &[u8] = b"\",\"upgrades\":[";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_of_another_server_reads() {
        let json = br#"{"sid":"iWAmKjhXfoQ_RLsBAAAA","upgrades":["websocket","webtransport"],"pingTimeout":20000,"pingInterval":25000,"maxPayload":4194304,"extra":1}"#;
        let handshake = Handshake::from_json(json).unwrap();
        assert_eq!(handshake.upgrades, [Transport::Websocket]);
        assert_eq!(handshake.max_payload, 4_194_304);
        assert_eq!(Handshake::from_json(&handshake.to_json()), Ok(handshake));
    }

    #[test]
    fn what_is_written_is_what_serde_writes_into_a_buffer_of_its_size() {
        let both = [Transport::Polling, Transport::Websocket];
        let times = [0, 9, 10, 25_000, u64::MAX].map(Duration::from_millis);
        for (at, ping_interval) in times.into_iter().enumerate() {
            let handshake = Handshake {
                sid: "iWAmKjhXfoQ_RLs-AAAA".parse().unwrap(),
                upgrades: both[..at % 3].to_vec(),
                ping_interval,
                ping_timeout: Duration::from_secs(at as u64),
                max_payload: [0, 1, 99, 1_000_000, usize::MAX][at],
            };
            let json = format!(
                r#"{{"sid":"iWAmKjhXfoQ_RLs-AAAA","upgrades":{},"pingInterval":{},"pingTimeout":{},"maxPayload":{}}}"#,
                serde_json::to_string(&handshake.upgrades).unwrap(),
                ping_interval.as_millis(),
                at * 1000,
                handshake.max_payload,
            );
            assert_eq!(handshake.to_json(), json);
            let wire = Vec::from(handshake.to_wire());
            assert_eq!((wire.len(), wire[0]), (wire.capacity(), b'0'));
        }
    }

    #[test]
    fn a_broken_handshake_is_refused() {
        for json in [
            "",
            "{}",
            "[]",
            r#"{"sid":1}"#,
            r#"{"sid":"short","upgrades":[],"pingInterval":1,"pingTimeout":1}"#,
        ] {
            assert_eq!(
                Handshake::from_json(json.as_bytes()),
                Err(PacketError::Handshake),
                "{json}"
            );
        }
    }
}
