//! Reads packets in MessagePack, and writes their data as JSON.

use bytes::Bytes;
use checked_json::{DEEPEST, JsonError, write_string};
use serde::Serialize;

use super::date;
use super::wire::{Cursor, Value};
use crate::proto::placeholder::{MARK, NUM};
use crate::proto::{ConnectionConfig, PeerError};

/// The fields of a packet.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) kind: Option<u8>,
    pub(super) namespace: Option<&'a str>,
    pub(super) id: Option<u64>,
    /// JSON; empty when there is none.
    pub(super) data: Vec<u8>,
    pub(super) attachments: Vec<Bytes>,
}

/// Reads a packet's map. Fields that are not known are passed.
pub(super) fn fields<'a>(
    packet: &'a Bytes,
    config: &'a ConnectionConfig,
) -> Result<Fields<'a>, PeerError> {
    let mut reader = Reader { packet, at: Cursor::new(packet), config, attachments: Vec::new() };
    let mut fields = Fields::default();
    let Value::Map(len) = reader.next()? else { return Err(reader.fault("a packet is a map")) };
    for _ in 0..len {
        match reader.text()? {
            "type" => fields.kind = reader.id()?.and_then(|kind| u8::try_from(kind).ok()),
            "nsp" => fields.namespace = Some(reader.text()?),
            "id" => fields.id = reader.id()?,
            "data" => {
                fields.data.clear();
                reader.attachments.clear();
                reader.value(&mut fields.data, 0)?;
                // The reference's client writes `undefined` or `null` when there is no data.
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
    if reader.at.at < packet.len() {
        return Err(reader.fault("bytes after the packet"));
    }
    fields.kind = fields.kind.filter(|kind| *kind <= 4);
    fields.attachments = reader.attachments;
    Ok(fields)
}

/// Writes data that was checked as JSON.
pub(in crate::proto) fn to_json(checked: &Bytes) -> Bytes {
    let config = ConnectionConfig { max_json_depth: DEEPEST, ..ConnectionConfig::default() };
    let (at, attachments) = (Cursor::new(checked), Vec::new());
    let mut reader = Reader { packet: checked, at, config: &config, attachments };
    let mut json = Vec::with_capacity(checked.len() + checked.len() / 4);
    let written = reader.value(&mut json, 0);
    debug_assert!(written.is_ok());
    json.into()
}

struct Reader<'a> {
    packet: &'a Bytes,
    at: Cursor<'a>,
    config: &'a ConnectionConfig,
    attachments: Vec<Bytes>,
}

impl<'a> Reader<'a> {
    /// Writes the next value as JSON. `depth` counts the brackets that are open around it.
    fn value(&mut self, json: &mut Vec<u8>, depth: usize) -> Result<(), PeerError> {
        match self.next()? {
            Value::Null => json.extend_from_slice(b"null"),
            Value::Bool(value) => write(json, &value),
            Value::Unsigned(value) => write(json, &value),
            Value::Negative(value) => write(json, &value),
            // A float that is not finite becomes null, as in `JSON.stringify`.
            Value::Float32(value) => write(json, &value),
            Value::Float(value) => write(json, &value),
            Value::Text(text) => write_string(json, self.utf8(text)?),
            Value::Binary(data) => self.binary(data, json)?,
            Value::Array(len) => {
                self.check_depth(depth)?;
                json.push(b'[');
                for index in 0..len {
                    if index > 0 {
                        json.push(b',');
                    }
                    self.value(json, depth + 1)?;
                }
                json.push(b']');
            }
            Value::Map(len) => {
                self.check_depth(depth)?;
                json.push(b'{');
                for index in 0..len {
                    if index > 0 {
                        json.push(b',');
                    }
                    write_string(json, self.text()?);
                    json.push(b':');
                    self.value(json, depth + 1)?;
                }
                json.push(b'}');
            }
            // Type 0 is notepack's: one byte is `undefined`, eight are a `Date`, any other number an
            // `ArrayBuffer`.
            Value::Extension(0, [_]) => json.extend_from_slice(b"null"),
            Value::Extension(0, data) => match <[u8; 8]>::try_from(data) {
                Ok(millis) => match date::text(i64::from_be_bytes(millis)) {
                    Some(text) => write_string(json, &text),
                    None => json.extend_from_slice(b"null"),
                },
                Err(_) => self.binary(data, json)?,
            },
            Value::Extension(..) => return Err(self.fault("an extension that is not known")),
        }
        Ok(())
    }

    fn binary(&mut self, data: &[u8], json: &mut Vec<u8>) -> Result<(), PeerError> {
        let (declared, max) = (self.attachments.len() + 1, self.config.max_attachments);
        if declared > max {
            return Err(PeerError::TooManyAttachments { declared: declared as u64, max });
        }
        let num = self.attachments.len();
        self.attachments.push(self.packet.slice_ref(data));
        json.extend_from_slice(format!(r#"{{"{MARK}":true,"{NUM}":{num}}}"#).as_bytes());
        Ok(())
    }

    /// A string that is not data: a key, or a field that must be one.
    fn text(&mut self) -> Result<&'a str, PeerError> {
        match self.next()? {
            Value::Text(text) => self.utf8(text),
            _ => Err(self.fault("a string is due")),
        }
    }

    /// A number that counts; `None` for `undefined` and for all that JSON has as `null`.
    fn id(&mut self) -> Result<Option<u64>, PeerError> {
        match self.next()? {
            Value::Unsigned(number) => Ok(Some(number)),
            Value::Null | Value::Extension(0, [_]) => Ok(None),
            Value::Float(number) if !number.is_finite() => Ok(None),
            Value::Float32(number) if !number.is_finite() => Ok(None),
            _ => Err(self.fault("an id and a type are numbers from 0 on")),
        }
    }

    fn next(&mut self) -> Result<Value<'a>, PeerError> {
        self.at.value().ok_or_else(|| self.fault("it ends too early, or a byte begins no value"))
    }

    fn utf8(&self, text: &'a [u8]) -> Result<&'a str, PeerError> {
        std::str::from_utf8(text).map_err(|_| self.fault("a string is not UTF-8"))
    }

    fn check_depth(&self, depth: usize) -> Result<(), PeerError> {
        let max = self.config.max_json_depth.min(DEEPEST);
        if depth >= max {
            let error = JsonError::TooDeep { depth: depth + 1, max };
            return Err(PeerError::Json { packet: "MessagePack", error });
        }
        Ok(())
    }

    fn fault(&self, what: &'static str) -> PeerError {
        PeerError::MessagePack { what, at: self.at.at }
    }
}

fn write<T: Serialize>(json: &mut Vec<u8>, number: &T) {
    // Neither a number nor writing to a vector can fail.
    let written = serde_json::to_writer(json, number);
    debug_assert!(written.is_ok());
}
