//! Reads MessagePack, and writes its values as JSON.

use bytes::Bytes;
use rmp::Marker;

use super::date;
use crate::proto::args::{MARK, NUM};
use crate::proto::encode::write_string;
use crate::proto::json::DEEPEST;
use crate::proto::{ConnectionConfig, PeerError};

/// The fields of a packet.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) kind: Option<u8>,
    pub(super) namespace: Option<&'a str>,
    pub(super) id: Option<u64>,
    /// JSON; nothing when there is none.
    pub(super) data: Vec<u8>,
    pub(super) attachments: Vec<Bytes>,
}

/// Reads a packet's map. Fields that are not known are passed over.
pub(super) fn fields<'a>(
    packet: &'a Bytes,
    config: &'a ConnectionConfig,
) -> Result<Fields<'a>, PeerError> {
    let mut reader = Reader { packet, at: 0, config, attachments: Vec::new() };
    let mut fields = Fields::default();
    let len = match reader.marker()? {
        Marker::FixMap(len) => u32::from(len),
        Marker::Map16 => reader.number::<2>()? as u32,
        Marker::Map32 => reader.number::<4>()? as u32,
        _ => return Err(reader.fault("a packet is a map")),
    };
    for _ in 0..len {
        match reader.key()? {
            "type" => fields.kind = reader.small()?,
            "nsp" => fields.namespace = Some(reader.key()?),
            "id" => fields.id = reader.id()?,
            "data" => {
                fields.data.clear();
                reader.attachments.clear();
                reader.value(&mut fields.data, 0)?;
                // No data, or data that the reference's client says is none.
                if fields.data == b"null" {
                    fields.data.clear();
                }
            }
            _ => {
                let known = reader.attachments.len();
                reader.value(&mut Vec::new(), 0)?;
                reader.attachments.truncate(known);
            }
        }
    }
    if reader.at < packet.len() {
        return Err(reader.fault("bytes behind the packet"));
    }
    fields.attachments = reader.attachments;
    Ok(fields)
}

/// Data that was checked, as JSON.
pub(super) fn to_json(checked: &Bytes) -> Bytes {
    let config = ConnectionConfig { max_json_depth: DEEPEST, ..ConnectionConfig::default() };
    let attachments = Vec::new();
    let mut reader = Reader { packet: checked, at: 0, config: &config, attachments };
    let mut json = Vec::with_capacity(checked.len() + checked.len() / 4);
    let written = reader.value(&mut json, 0);
    debug_assert!(written.is_ok());
    json.into()
}

struct Reader<'a> {
    packet: &'a Bytes,
    at: usize,
    config: &'a ConnectionConfig,
    attachments: Vec<Bytes>,
}

impl<'a> Reader<'a> {
    /// Writes the next value as JSON. `depth` counts what is open around it.
    fn value(&mut self, json: &mut Vec<u8>, depth: usize) -> Result<(), PeerError> {
        match self.marker()? {
            Marker::Null => json.extend_from_slice(b"null"),
            Marker::True => json.extend_from_slice(b"true"),
            Marker::False => json.extend_from_slice(b"false"),
            Marker::FixPos(value) => write(json, &value),
            Marker::FixNeg(value) => write(json, &value),
            Marker::U8 => write(json, &self.number::<1>()?),
            Marker::U16 => write(json, &self.number::<2>()?),
            Marker::U32 => write(json, &self.number::<4>()?),
            Marker::U64 => write(json, &self.number::<8>()?),
            Marker::I8 => write(json, &i8::from_be_bytes(self.array()?)),
            Marker::I16 => write(json, &i16::from_be_bytes(self.array()?)),
            Marker::I32 => write(json, &i32::from_be_bytes(self.array()?)),
            Marker::I64 => write(json, &i64::from_be_bytes(self.array()?)),
            // Not finite becomes null, as JSON.stringify has it.
            Marker::F32 => write(json, &f32::from_be_bytes(self.array()?)),
            Marker::F64 => write(json, &f64::from_be_bytes(self.array()?)),
            Marker::FixStr(len) => write_string(json, self.string(len.into())?),
            Marker::Str8 => write_string(json, self.string_behind::<1>()?),
            Marker::Str16 => write_string(json, self.string_behind::<2>()?),
            Marker::Str32 => write_string(json, self.string_behind::<4>()?),
            Marker::Bin8 => self.binary_behind::<1>(json)?,
            Marker::Bin16 => self.binary_behind::<2>(json)?,
            Marker::Bin32 => self.binary_behind::<4>(json)?,
            Marker::FixArray(len) => self.list(len.into(), json, depth)?,
            Marker::Array16 => self.list_behind::<2>(json, depth)?,
            Marker::Array32 => self.list_behind::<4>(json, depth)?,
            Marker::FixMap(len) => self.map(len.into(), json, depth)?,
            Marker::Map16 => self.map_behind::<2>(json, depth)?,
            Marker::Map32 => self.map_behind::<4>(json, depth)?,
            Marker::FixExt1 => self.extension(1, json)?,
            Marker::FixExt2 => self.extension(2, json)?,
            Marker::FixExt4 => self.extension(4, json)?,
            Marker::FixExt8 => self.extension(8, json)?,
            Marker::FixExt16 => self.extension(16, json)?,
            Marker::Ext8 => self.extension_behind::<1>(json)?,
            Marker::Ext16 => self.extension_behind::<2>(json)?,
            Marker::Ext32 => self.extension_behind::<4>(json)?,
            Marker::Reserved => return Err(self.fault("a byte that begins no value")),
        }
        Ok(())
    }

    fn list(&mut self, len: u64, json: &mut Vec<u8>, depth: usize) -> Result<(), PeerError> {
        self.check_depth(depth)?;
        json.push(b'[');
        for index in 0..len {
            if index > 0 {
                json.push(b',');
            }
            self.value(json, depth + 1)?;
        }
        json.push(b']');
        Ok(())
    }

    fn map(&mut self, len: u64, json: &mut Vec<u8>, depth: usize) -> Result<(), PeerError> {
        self.check_depth(depth)?;
        json.push(b'{');
        for index in 0..len {
            if index > 0 {
                json.push(b',');
            }
            write_string(json, self.key()?);
            json.push(b':');
            self.value(json, depth + 1)?;
        }
        json.push(b'}');
        Ok(())
    }

    /// Type 0 as notepack has it: one byte is `undefined`, eight are a `Date`, any other number an
    /// `ArrayBuffer`.
    fn extension(&mut self, len: u64, json: &mut Vec<u8>) -> Result<(), PeerError> {
        if self.array::<1>()? != [0] {
            return Err(self.fault("an extension that is not known"));
        }
        match len {
            1 => {
                self.take(1)?;
                json.extend_from_slice(b"null");
            }
            8 => match date::text(i64::from_be_bytes(self.array()?)) {
                Some(text) => write_string(json, &text),
                None => json.extend_from_slice(b"null"),
            },
            len => self.binary(len, json)?,
        }
        Ok(())
    }

    fn binary(&mut self, len: u64, json: &mut Vec<u8>) -> Result<(), PeerError> {
        let data = self.take(len)?;
        let (declared, max) = (self.attachments.len() + 1, self.config.max_attachments);
        if declared > max {
            return Err(PeerError::TooManyAttachments { declared: declared as u64, max });
        }
        let num = self.attachments.len();
        self.attachments.push(self.packet.slice_ref(data));
        json.extend_from_slice(format!(r#"{{"{MARK}":true,"{NUM}":{num}}}"#).as_bytes());
        Ok(())
    }

    /// A string that is no value: a key, or a field that must be one.
    fn key(&mut self) -> Result<&'a str, PeerError> {
        match self.marker()? {
            Marker::FixStr(len) => self.string(len.into()),
            Marker::Str8 => self.string_behind::<1>(),
            Marker::Str16 => self.string_behind::<2>(),
            Marker::Str32 => self.string_behind::<4>(),
            _ => Err(self.fault("a string is due")),
        }
    }

    /// A packet's type; None for what is none.
    fn small(&mut self) -> Result<Option<u8>, PeerError> {
        let kind = self.id()?;
        Ok(kind.and_then(|kind| u8::try_from(kind).ok()).filter(|kind| *kind <= 4))
    }

    /// A number that counts; None for `undefined` and `null`.
    fn id(&mut self) -> Result<Option<u64>, PeerError> {
        let mut text = Vec::new();
        self.value(&mut text, 0)?;
        let text = std::str::from_utf8(&text).unwrap_or_default();
        match text.parse() {
            Ok(id) => Ok(Some(id)),
            Err(_) if text == "null" => Ok(None),
            Err(_) => Err(self.fault("an id and a type are numbers from 0 on")),
        }
    }

    fn check_depth(&self, depth: usize) -> Result<(), PeerError> {
        if depth >= self.config.max_json_depth.min(DEEPEST) {
            return Err(self.fault("nested too deeply"));
        }
        Ok(())
    }

    fn marker(&mut self) -> Result<Marker, PeerError> {
        Ok(Marker::from_u8(self.array::<1>()?[0]))
    }

    fn string(&mut self, len: u64) -> Result<&'a str, PeerError> {
        let bytes = self.take(len)?;
        std::str::from_utf8(bytes).map_err(|_| self.fault("a string is no UTF-8"))
    }

    fn string_behind<const N: usize>(&mut self) -> Result<&'a str, PeerError> {
        let len = self.number::<N>()?;
        self.string(len)
    }

    fn binary_behind<const N: usize>(&mut self, json: &mut Vec<u8>) -> Result<(), PeerError> {
        let len = self.number::<N>()?;
        self.binary(len, json)
    }

    fn list_behind<const N: usize>(
        &mut self,
        json: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), PeerError> {
        let len = self.number::<N>()?;
        self.list(len, json, depth)
    }

    fn map_behind<const N: usize>(
        &mut self,
        json: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), PeerError> {
        let len = self.number::<N>()?;
        self.map(len, json, depth)
    }

    fn extension_behind<const N: usize>(&mut self, json: &mut Vec<u8>) -> Result<(), PeerError> {
        let len = self.number::<N>()?;
        self.extension(len, json)
    }

    /// An unsigned number of `N` bytes.
    fn number<const N: usize>(&mut self) -> Result<u64, PeerError> {
        Ok(self.array::<N>()?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PeerError> {
        let bytes = self.take(N as u64)?;
        bytes.try_into().map_err(|_| self.fault("it ends too early"))
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], PeerError> {
        let packet: &'a [u8] = self.packet;
        let end = usize::try_from(len).ok().and_then(|len| self.at.checked_add(len));
        match end.and_then(|end| packet.get(self.at..end)) {
            Some(bytes) => {
                self.at += bytes.len();
                Ok(bytes)
            }
            None => Err(self.fault("it ends too early")),
        }
    }

    fn fault(&self, what: &'static str) -> PeerError {
        PeerError::MessagePack { what, at: self.at }
    }
}

fn write<T: serde::Serialize + ?Sized>(json: &mut Vec<u8>, value: &T) {
    // Neither strings and numbers nor writing to a vector can fail.
    let written = serde_json::to_writer(json, value);
    debug_assert!(written.is_ok());
}
