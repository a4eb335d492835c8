//! Events and acks of plain data, which need not become JSON to be understood.
//!
//! What is checked here is what [`read`](super::read) checks, and more is not taken: a packet that is
//! unusual or wrong in any way is left to that, which says what is wrong with it.

use bytes::Bytes;
use rmp::Marker;

use super::packed::Packed;
use super::{ACK, EVENT};
use crate::proto::json::DEEPEST;
use crate::proto::packet::reserved;
use crate::proto::{Args, Body, ConnectionConfig, NamespaceName, Packet};

/// Reads a packet that is an event or ack without binary data, dates and other rarities. `name` gives
/// a namespace other than `/`.
pub(in crate::proto) fn packet(
    packet: &Bytes,
    config: &ConnectionConfig,
    name: impl FnOnce(&str) -> NamespaceName,
) -> Option<Packet> {
    let mut at = Cursor::new(packet);
    let max_depth = config.max_json_depth.min(DEEPEST);
    let (mut kind, mut namespace, mut id, mut data) = (None, None, None, None);
    let marker = at.marker()?;
    for _ in 0..at.map_len(marker)? {
        // A field that comes twice is unusual enough.
        let is_new = match at.key()? {
            "type" => kind.replace(at.unsigned()?).is_none(),
            "nsp" => namespace.replace(at.key()?).is_none(),
            "id" => id.replace(at.unsigned()?).is_none(),
            "data" => {
                let start = at.at;
                at.check(max_depth)?;
                data.replace(start..at.at).is_none()
            }
            _ => {
                at.check(max_depth)?;
                true
            }
        };
        if !is_new {
            return None;
        }
    }
    let (namespace, data) = (namespace?, data?);
    let is_fine = namespace.starts_with('/')
        && !namespace.contains(',')
        && namespace.len() <= config.max_namespace_len
        && id.is_none_or(|id: u64| id.checked_ilog10().unwrap_or(0) < digits(config))
        && at.at == packet.len();
    if !is_fine {
        return None;
    }
    let is_event = kind? == u64::from(EVENT);
    let packed = Packed::new(packet.slice(data), is_event)?;
    let body = match (kind?, id) {
        (kind, ack_id) if kind == u64::from(EVENT) && reserved(packed.name()).is_none() => {
            Body::Event { args: Args::packed(packed), ack_id }
        }
        (kind, Some(id)) if kind == u64::from(ACK) => Body::Ack { id, args: Args::packed(packed) },
        _ => return None,
    };
    let namespace = if namespace == "/" { NamespaceName::ROOT } else { name(namespace) };
    Some(Packet { namespace, body })
}

fn digits(config: &ConnectionConfig) -> u32 {
    u32::try_from(config.max_ack_digits).unwrap_or(u32::MAX)
}

/// Walks over MessagePack. None for what ends too early, and for what is not plain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    pub(super) wire: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(wire: &'a [u8]) -> Self {
        Self { wire, at: 0 }
    }

    /// Goes over a value of which at most `depth` arrays and maps are within each other, all plain.
    pub(super) fn check(&mut self, depth: usize) -> Option<()> {
        let marker = self.marker()?;
        if let Some(len) = self.text_len(marker) {
            return self.check_text(len);
        }
        match marker {
            Marker::Null | Marker::True | Marker::False => {}
            Marker::FixPos(_) | Marker::FixNeg(_) => {}
            Marker::U8 | Marker::I8 => drop(self.take(1)?),
            Marker::U16 | Marker::I16 => drop(self.take(2)?),
            Marker::U32 | Marker::I32 => drop(self.take(4)?),
            Marker::U64 | Marker::I64 => drop(self.take(8)?),
            // One that is not finite becomes null.
            Marker::F64 => drop(Some(self.float()?).filter(|float| float.is_finite())?),
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => {
                let depth = depth.checked_sub(1)?;
                for _ in 0..self.array_len(marker)? {
                    self.check(depth)?;
                }
            }
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => {
                let depth = depth.checked_sub(1)?;
                for _ in 0..self.map_len(marker)? {
                    let marker = self.marker()?;
                    let len = self.text_len(marker)?;
                    self.check_text(len)?;
                    self.check(depth)?;
                }
            }
            // Binary data, extensions, and floats whose decimal digits are fewer than a double's.
            _ => return None,
        }
        Some(())
    }

    #[inline]
    fn check_text(&mut self, len: usize) -> Option<()> {
        let bytes = self.take(len)?;
        // Most of it is, and to see that costs less than to know that it is UTF-8.
        let is_fine = bytes.is_ascii() || std::str::from_utf8(bytes).is_ok();
        is_fine.then_some(())
    }

    #[inline]
    pub(super) fn marker(&mut self) -> Option<Marker> {
        let byte = *self.wire.get(self.at)?;
        self.at += 1;
        Some(Marker::from_u8(byte))
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<Marker> {
        self.wire.get(self.at).copied().map(Marker::from_u8)
    }

    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let bytes = self.wire.get(self.at..)?.get(..len)?;
        self.at += len;
        Some(bytes)
    }

    #[inline]
    pub(super) fn number<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn float(&mut self) -> Option<f64> {
        self.number().map(f64::from_be_bytes)
    }

    /// The length of a string that `marker` begins.
    #[inline]
    pub(super) fn text_len(&mut self, marker: Marker) -> Option<usize> {
        Some(match marker {
            Marker::FixStr(len) => len.into(),
            Marker::Str8 => u8::from_be_bytes(self.number()?).into(),
            Marker::Str16 => u16::from_be_bytes(self.number()?).into(),
            Marker::Str32 => usize::try_from(u32::from_be_bytes(self.number()?)).ok()?,
            _ => return None,
        })
    }

    #[inline]
    pub(super) fn text(&mut self, len: usize) -> Option<&'a str> {
        std::str::from_utf8(self.take(len)?).ok()
    }

    /// A string.
    #[inline]
    pub(super) fn key(&mut self) -> Option<&'a str> {
        let marker = self.marker()?;
        let len = self.text_len(marker)?;
        self.text(len)
    }

    /// Elements of an array that `marker` begins.
    #[inline]
    pub(super) fn array_len(&mut self, marker: Marker) -> Option<u32> {
        Some(match marker {
            Marker::FixArray(len) => len.into(),
            Marker::Array16 => u16::from_be_bytes(self.number()?).into(),
            Marker::Array32 => u32::from_be_bytes(self.number()?),
            _ => return None,
        })
    }

    /// Members of a map that `marker` begins.
    #[inline]
    pub(super) fn map_len(&mut self, marker: Marker) -> Option<u32> {
        Some(match marker {
            Marker::FixMap(len) => len.into(),
            Marker::Map16 => u16::from_be_bytes(self.number()?).into(),
            Marker::Map32 => u32::from_be_bytes(self.number()?),
            _ => return None,
        })
    }

    /// An integer from 0 on.
    fn unsigned(&mut self) -> Option<u64> {
        let marker = self.marker()?;
        match self.integer(marker)? {
            Integer::Unsigned(number) => Some(number),
            Integer::Negative(_) => None,
        }
    }

    #[inline]
    pub(super) fn integer(&mut self, marker: Marker) -> Option<Integer> {
        let signed = match marker {
            Marker::FixPos(number) => return Some(Integer::Unsigned(number.into())),
            Marker::U8 => return Some(Integer::Unsigned(u8::from_be_bytes(self.number()?).into())),
            Marker::U16 => {
                return Some(Integer::Unsigned(u16::from_be_bytes(self.number()?).into()));
            }
            Marker::U32 => {
                return Some(Integer::Unsigned(u32::from_be_bytes(self.number()?).into()));
            }
            Marker::U64 => return Some(Integer::Unsigned(u64::from_be_bytes(self.number()?))),
            Marker::FixNeg(number) => number.into(),
            Marker::I8 => i8::from_be_bytes(self.number()?).into(),
            Marker::I16 => i16::from_be_bytes(self.number()?).into(),
            Marker::I32 => i32::from_be_bytes(self.number()?).into(),
            Marker::I64 => i64::from_be_bytes(self.number()?),
            _ => return None,
        };
        Some(u64::try_from(signed).map_or(Integer::Negative(signed), Integer::Unsigned))
    }
}

/// A number without a fraction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Integer {
    Unsigned(u64),
    Negative(i64),
}
