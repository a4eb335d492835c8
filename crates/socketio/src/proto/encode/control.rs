//! Packets without arguments: those of joining and leaving a namespace.

use checked_json::write_string;

use super::{CONNECT, CONNECT_ERROR, DISCONNECT, Encoded, MESSAGE, TYPICAL_SIZE, plain};
use crate::proto::{NamespaceName, RawJson};

/// Encodes the server's answer to a CONNECT: `40{"sid":"…"}`.
pub fn connect(namespace: &NamespaceName, sid: &str) -> Encoded {
    connect_with_pid(namespace, sid, None)
}

/// Encodes the answer to a CONNECT with the private id by which the client may recover its session:
/// `40{"sid":"…","pid":"…"}`.
pub fn connect_with_pid(namespace: &NamespaceName, sid: &str, pid: Option<&str>) -> Encoded {
    // An id has nothing to escape, so the buffer is filled to its end, and such a buffer is shared
    // without another allocation.
    let pid_len = pid.map_or(0, |pid| PID.len() + pid.len() + 2);
    let mut wire = control(CONNECT, namespace, SID.len() + sid.len() + 3 + pid_len);
    wire.extend_from_slice(SID);
    write_string(&mut wire, sid);
    if let Some(pid) = pid {
        wire.extend_from_slice(PID);
        write_string(&mut wire, pid);
    }
    wire.push(b'}');
    plain(wire)
}

/// Encodes the refusal of a CONNECT: `44{"message":"…"}`, and `data` if there is any.
pub fn connect_error(namespace: &NamespaceName, message: &str, data: Option<&RawJson>) -> Encoded {
    let mut wire = control(CONNECT_ERROR, namespace, TYPICAL_SIZE);
    wire.extend_from_slice(b"{\"message\":");
    write_string(&mut wire, message);
    if let Some(data) = data {
        wire.extend_from_slice(b",\"data\":");
        wire.extend_from_slice(data.as_bytes());
    }
    wire.push(b'}');
    plain(wire)
}

/// Encodes the answer to a CONNECT in protocol v4: `40`.
pub fn connect_v4(namespace: &NamespaceName) -> Encoded {
    plain(control(CONNECT, namespace, 0))
}

/// Encodes the refusal of a CONNECT in protocol v4, which is the data, or without data the message:
/// `44"…"`.
pub fn connect_error_v4(
    namespace: &NamespaceName,
    message: &str,
    data: Option<&RawJson>,
) -> Encoded {
    let mut wire = control(CONNECT_ERROR, namespace, TYPICAL_SIZE);
    match data {
        Some(data) => wire.extend_from_slice(data.as_bytes()),
        None => write_string(&mut wire, message),
    }
    plain(wire)
}

/// Encodes a DISCONNECT: `41`.
pub fn disconnect(namespace: &NamespaceName) -> Encoded {
    plain(control(DISCONNECT, namespace, 0))
}

/// Writes `4`, type and namespace of a packet without arguments, with room for `size` more bytes.
pub(super) fn control(kind: u8, namespace: &NamespaceName, size: usize) -> Vec<u8> {
    let mut wire = Vec::with_capacity(2 + namespace.wire_len() + size);
    wire.extend_from_slice(&[MESSAGE, kind]);
    namespace.write(&mut wire);
    wire
}

/// What comes before the ids in the answer to a CONNECT.
const SID: &[u8] = b"{\"sid\":";
const PID: &[u8] = b",\"pid\":";
