//! Writes packets by way of a tree of their data.

use bytes::Bytes;
use engineio::proto::Text;
use rmp::encode as put;
use serde_json::{Number, Value};

use crate::proto::msgpack::write::unlimited;
use crate::proto::placeholder::{MARK, NUM};
use crate::proto::{Args, Body, EncodeError, Misuse, Packet, PeerError, parse};

/// Like [`msgpack::encode`](crate::proto::msgpack::encode).
pub(super) fn encode(text: &Text, attachments: &[Bytes]) -> Result<Bytes, EncodeError> {
    let announced = parse(text, &unlimited()).map_err(|error| match error {
        PeerError::Json { error, .. } => Misuse::Json(error),
        _ => Misuse::NoPacket,
    })?;
    let Packet { namespace, body } = announced.packet;
    let (kind, data, id) = match &body {
        Body::Connect { auth } => (0, auth.as_ref().map(|auth| auth.parse()).transpose(), None),
        Body::Disconnect => (1, Ok(None), None),
        Body::Event { args, ack_id } => (2, array(args).map(Some), *ack_id),
        Body::Ack { id, args } => (3, array(args).map(Some), Some(*id)),
        Body::ConnectError { data } => (4, data.parse().map(Some), None),
    };
    let data: Option<Value> = data.map_err(EncodeError::Json)?;
    let mut wire = Vec::with_capacity(text.len());
    let fields = 3 + u32::from(data.is_some()) + u32::from(id.is_some());
    write(&mut wire, |wire| {
        put::write_map_len(wire, fields)?;
        put::write_str(wire, "type")?;
        put::write_uint(wire, kind)?;
        if let Some(data) = &data {
            put::write_str(wire, "data")?;
            value(wire, data, attachments)?;
        }
        put::write_str(wire, "options")?;
        put::write_map_len(wire, 1)?;
        put::write_str(wire, "compress")?;
        value(wire, &Value::Bool(true), &[])?;
        if let Some(id) = id {
            put::write_str(wire, "id")?;
            put::write_uint(wire, id)?;
        }
        put::write_str(wire, "nsp")?;
        put::write_str(wire, namespace.as_str())
    });
    Ok(wire.into())
}

fn array(args: &Args) -> Result<Value, serde_json::Error> {
    checked_json::from_checked(args.json())
}

type Written = Result<(), put::ValueWriteError>;

fn value(wire: &mut Vec<u8>, json: &Value, attachments: &[Bytes]) -> Written {
    match json {
        Value::Null => put::write_nil(wire).map_err(put::ValueWriteError::InvalidMarkerWrite),
        Value::Bool(flag) => {
            put::write_bool(wire, *flag).map_err(put::ValueWriteError::InvalidMarkerWrite)
        }
        Value::Number(number) => self::number(wire, number),
        Value::String(text) => put::write_str(wire, text),
        Value::Array(values) => {
            put::write_array_len(wire, len(values.len()))?;
            values.iter().try_for_each(|json| value(wire, json, attachments))
        }
        Value::Object(fields) => {
            let num = fields.get(MARK).filter(|mark| **mark == true).and_then(|_| fields.get(NUM));
            let num = num.and_then(Value::as_u64).and_then(|num| usize::try_from(num).ok());
            if let Some(data) = num.and_then(|num| attachments.get(num)) {
                return put::write_bin(wire, data);
            }
            put::write_map_len(wire, len(fields.len()))?;
            fields.iter().try_for_each(|(key, json)| {
                put::write_str(wire, key)?;
                value(wire, json, attachments)
            })
        }
    }
}

fn number(wire: &mut Vec<u8>, number: &Number) -> Written {
    if let Some(number) = number.as_u64() {
        put::write_uint(wire, number).map(drop)
    } else if let Some(number) = number.as_i64() {
        put::write_sint(wire, number).map(drop)
    } else {
        put::write_f64(wire, number.as_f64().unwrap_or_default())
    }
}

/// A length for the wire. More than fits would need more memory than there is.
fn len(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn write(wire: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Written) {
    // Writing to a vector cannot fail.
    let written = write(wire);
    debug_assert!(written.is_ok());
}
