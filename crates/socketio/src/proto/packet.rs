//! Packets: one framed unit of Socket.IO, and how one is read from its text. [spec: Packet format]
//!
//! What lives here: [`Packet`] with the table of wire forms, the name of its namespace, and [`parse`],
//! which reads text with nom on slices. Text comes in, a packet goes out: its data stays a slice of the
//! frame, and its JSON is checked once and not read. Some packets that the reference decoder accepts by
//! accident are refused here: an event without data, a binary packet with zero attachments, an ack id
//! of white space, an ack id beyond `u64`.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use checked_json::{check, check_array, is_space};
use engineio::proto::Text;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_till};
use nom::character::complete::{digit0, digit1};
use nom::combinator::{cond, map, map_opt, opt, peek};
use nom::number::complete::u8 as byte;
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use super::{Args, ConnectionConfig, Misuse, PeerError, RawJson};

/// One packet of protocol v5, complete with its attachments.
///
/// The wire form is `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`; `/` is not written.
///
/// | wire | packet | sent by |
/// |---|---|---|
/// | `0`, `0{…}`, `0/admin,{…}` | `Connect` | both; from a server the data is `{"sid":…}` |
/// | `1`, `1/admin,` | `Disconnect` | both |
/// | `2["name",…]`, `2/admin,12["name",…]` | `Event` | both |
/// | `312[…]`, `3/admin,12[…]` | `Ack` | both |
/// | `4{"message":…}`, `4/admin,{…}` | `ConnectError` | server |
/// | `51-["name",{"_placeholder":true,"num":0}]` and binary | `Event` with attachments | both |
/// | `61-12[{"_placeholder":true,"num":0}]` and binary | `Ack` with attachments | both |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The namespace that it is for.
    pub namespace: NamespaceName,
    /// Its type and data.
    pub body: Body,
}

/// What a packet says to its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// From a client: asks to join. From a server: the client has joined.
    Connect {
        /// An object.
        auth: Option<RawJson>,
    },
    /// Leaves the namespace.
    Disconnect,
    /// A named emission.
    Event {
        /// Its name and arguments.
        args: Args,
        /// The id of the ack that its sender awaits.
        ack_id: Option<u64>,
    },
    /// The answer to an event.
    Ack {
        /// The event's `ack_id`.
        id: u64,
        /// The answer's arguments.
        args: Args,
    },
    /// Refuses a CONNECT.
    ConnectError {
        /// An object with `message` and, if there is some, `data`; a string from old servers.
        data: RawJson,
    },
}

impl Body {
    /// The packet's name in the specification.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "CONNECT",
            Self::Disconnect => "DISCONNECT",
            Self::Event { .. } => "EVENT",
            Self::Ack { .. } => "ACK",
            Self::ConnectError { .. } => "CONNECT_ERROR",
        }
    }

    /// The arguments of an event or ack.
    pub(crate) fn args_mut(&mut self) -> Option<&mut Args> {
        match self {
            Self::Event { args, .. } | Self::Ack { args, .. } => Some(args),
            _ => None,
        }
    }
}

/// The name of a namespace. Begins with `/`, holds no comma; a query in it is part of the name.
///
/// Cheap to clone; the default, `/`, has no allocation at all.
///
/// ```
/// use socketio::proto::NamespaceName;
/// assert_eq!(NamespaceName::default().as_str(), "/");
/// assert_eq!("/admin?x=1".parse::<NamespaceName>()?.as_str(), "/admin?x=1");
/// assert!("admin".parse::<NamespaceName>().is_err());
/// # Ok::<(), socketio::proto::Misuse>(())
/// ```
#[derive(Clone, Default)]
pub struct NamespaceName {
    /// `None` for `/`.
    name: Option<Arc<str>>,
}

impl NamespaceName {
    /// The name.
    pub fn as_str(&self) -> &str {
        self.name.as_deref().unwrap_or(ROOT)
    }

    pub(crate) const ROOT: Self = Self { name: None };

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        self.name.is_none()
    }

    /// Takes a name that the parser cut: it begins with `/` and holds no comma.
    pub(crate) fn from_checked(name: &str) -> Self {
        Self { name: (name != ROOT).then(|| name.into()) }
    }

    /// Bytes that [`NamespaceName::write`] writes.
    pub(crate) fn wire_len(&self) -> usize {
        self.name.as_ref().map_or(0, |name| name.len() + 1)
    }

    /// Appends the name as a packet has it: nothing for `/`.
    pub(crate) fn write(&self, wire: &mut Vec<u8>) {
        if let Some(name) = &self.name {
            wire.extend_from_slice(name.as_bytes());
            wire.push(b',');
        }
    }
}

impl FromStr for NamespaceName {
    type Err = Misuse;

    fn from_str(name: &str) -> Result<Self, Misuse> {
        if name.starts_with('/') && !name.contains(',') {
            Ok(Self::from_checked(name))
        } else {
            Err(Misuse::Namespace { name: name.to_owned() })
        }
    }
}

// Equality, order and hash are those of the name, as `Borrow<str>` demands.
impl Borrow<str> for NamespaceName {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for NamespaceName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for NamespaceName {}

impl PartialOrd for NamespaceName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NamespaceName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for NamespaceName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for NamespaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for NamespaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A packet's text, and how many attachments it announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// The packet. Not complete before its attachments have come.
    pub packet: Packet,
    /// Number of binary messages that follow: 0 for a plain packet.
    pub attachments: usize,
}

/// Reads the text of one packet.
///
/// # Errors
/// [`PeerError`], by the rules of the protocol and the limits in `config`.
///
/// ```
/// use engineio::proto::Text;
/// use socketio::proto::{Body, ConnectionConfig, parse};
/// let announced = parse(&Text::new(r#"2/admin,456["hi",{"a":1}]"#), &ConnectionConfig::default())?;
/// assert_eq!(announced.packet.namespace.as_str(), "/admin");
/// let Body::Event { args, ack_id: Some(456) } = announced.packet.body else { panic!() };
/// assert_eq!((&*args.name(), args.raw()), ("hi", &br#"{"a":1}"#[..]));
/// # Ok::<(), socketio::proto::PeerError>(())
/// ```
pub fn parse(text: &Text, config: &ConnectionConfig) -> Result<Announced, PeerError> {
    parse_with(text, config, NamespaceName::from_checked)
}

/// Like [`parse`]. `name` gives a namespace other than `/`, so that one that exists can be shared.
pub(crate) fn parse_with(
    text: &Text,
    config: &ConnectionConfig,
    name: impl FnOnce(&str) -> NamespaceName,
) -> Result<Announced, PeerError> {
    let Opening { kind, attachments, namespace, ack_id, json } = opening(text.as_bytes(), config)?;
    let body = read_body(kind, ack_id, text.wire().slice_ref(json), config.max_json_depth)?;
    let namespace = match namespace {
        b"/" => NamespaceName::ROOT,
        // Text is UTF-8, and the name was cut at ASCII.
        other => name(std::str::from_utf8(other).unwrap_or_default()),
    };
    Ok(Announced { packet: Packet { namespace, body }, attachments })
}

/// A packet whose JSON has not been looked at.
pub(super) struct Opening<'a> {
    pub(super) kind: Kind,
    /// Announced; 0 for a plain packet.
    pub(super) attachments: usize,
    pub(super) namespace: &'a [u8],
    pub(super) ack_id: Option<u64>,
    pub(super) json: &'a [u8],
}

/// Reads what comes before the JSON, within the limits.
#[inline(always)]
pub(super) fn opening<'a>(
    wire: &'a [u8],
    config: &ConnectionConfig,
) -> Result<Opening<'a>, PeerError> {
    let (json, head) = head(wire).map_err(|fault| fault_of(fault, wire))?;
    let Head { kind, namespace, .. } = head;
    if namespace.len() > config.max_namespace_len {
        let len = namespace.len();
        return Err(PeerError::NamespaceTooLong { len, max: config.max_namespace_len });
    }
    let attachments = head.attachments.map_or(Ok(0), |n| attachments(n, config))?;
    let ack_id = head.ack_id.map_or(Ok(None), |digits| ack_id(digits, config))?;
    Ok(Opening { kind, attachments, namespace, ack_id, json })
}

/// What comes before the JSON.
struct Head<'a> {
    kind: Kind,
    /// Digits, in binary packets.
    attachments: Option<&'a [u8]>,
    namespace: &'a [u8],
    /// Digits, maybe none, in packets that may carry an id.
    ack_id: Option<&'a [u8]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Connect,
    Disconnect,
    Event,
    Ack,
    ConnectError,
    BinaryEvent,
    BinaryAck,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            b'0' => Self::Connect,
            b'1' => Self::Disconnect,
            b'2' => Self::Event,
            b'3' => Self::Ack,
            b'4' => Self::ConnectError,
            b'5' => Self::BinaryEvent,
            b'6' => Self::BinaryAck,
            _ => return None,
        })
    }

    fn is_binary(self) -> bool {
        matches!(self, Self::BinaryEvent | Self::BinaryAck)
    }

    fn has_ack_id(self) -> bool {
        matches!(self, Self::Event | Self::Ack) || self.is_binary()
    }

    fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Disconnect => "DISCONNECT",
            Self::Event => "EVENT",
            Self::Ack => "ACK",
            Self::ConnectError => "CONNECT_ERROR",
            Self::BinaryEvent => "BINARY_EVENT",
            Self::BinaryAck => "BINARY_ACK",
        }
    }
}

/// `<type>[<attachments>-][<namespace>,][<ack id>]`; the rest is the JSON.
fn head(wire: &[u8]) -> IResult<&[u8], Head<'_>> {
    let (rest, kind) = map_opt(byte, Kind::of).parse(wire)?;
    let (rest, attachments) = cond(kind.is_binary(), terminated(digit1, tag("-"))).parse(rest)?;
    let (rest, namespace) = alt((
        preceded(peek(tag("/")), terminated(take_till(|b| b == b','), opt(tag(",")))),
        map(tag(""), |_| ROOT.as_bytes()),
    ))
    .parse(rest)?;
    let (json, ack_id) = cond(kind.has_ack_id(), digit0).parse(rest)?;
    Ok((json, Head { kind, attachments, namespace, ack_id }))
}

/// The head can fail in two places: at its first byte, and after it at the attachment count.
fn fault_of(fault: nom::Err<nom::error::Error<&[u8]>>, wire: &[u8]) -> PeerError {
    match fault {
        nom::Err::Error(at) | nom::Err::Failure(at) if at.input.len() < wire.len() => {
            PeerError::AttachmentCount
        }
        _ => PeerError::UnknownType { got: wire.first().copied() },
    }
}

fn attachments(digits: &[u8], config: &ConnectionConfig) -> Result<usize, PeerError> {
    let declared = number(digits).unwrap_or(u64::MAX);
    match usize::try_from(declared) {
        Ok(0) => Err(PeerError::AttachmentCount),
        Ok(count) if count <= config.max_attachments => Ok(count),
        _ => Err(PeerError::TooManyAttachments { declared, max: config.max_attachments }),
    }
}

fn ack_id(digits: &[u8], config: &ConnectionConfig) -> Result<Option<u64>, PeerError> {
    match digits.len() {
        0 => Ok(None),
        len if len > config.max_ack_digits => {
            Err(PeerError::AckIdTooLong { digits: len, max: config.max_ack_digits })
        }
        _ => number(digits).map(Some).ok_or(PeerError::AckIdTooLarge),
    }
}

/// The number that ASCII digits say. `None` beyond `u64`.
fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0')))
    })
}

fn read_body(
    kind: Kind,
    ack_id: Option<u64>,
    data: Bytes,
    max_depth: usize,
) -> Result<Body, PeerError> {
    let packet = kind.name();
    let needs = |needs| PeerError::Payload { packet, needs };
    let json = |error| PeerError::Json { packet, error };
    let checked = |data: &Bytes| {
        check(data, max_depth).map_err(json)?;
        Ok(RawJson::from_checked(data))
    };
    // White space alone does not count as data: a line typed into a terminal ends in a newline.
    let first = data.iter().find(|byte| !is_space(**byte)).copied();
    match kind {
        Kind::Connect if first.is_none() => Ok(Body::Connect { auth: None }),
        Kind::Connect if first == Some(b'{') => Ok(Body::Connect { auth: Some(checked(&data)?) }),
        Kind::Connect => Err(needs("an object, or nothing")),
        Kind::Disconnect if first.is_none() => Ok(Body::Disconnect),
        Kind::Disconnect => Err(needs("nothing")),
        Kind::ConnectError if matches!(first, Some(b'{' | b'"')) => {
            Ok(Body::ConnectError { data: checked(&data)? })
        }
        Kind::ConnectError => Err(needs("an object or a string")),
        Kind::Event | Kind::BinaryEvent if first == Some(b'[') => {
            let array = check_array(&data, max_depth).map_err(json)?;
            let args = Args::of_event(data, array);
            let args = args.ok_or_else(|| needs("a name that is a string or a number"))?;
            match reserved(&args.name_text()) {
                Some(name) => Err(PeerError::ReservedName { name }),
                None => Ok(Body::Event { args, ack_id }),
            }
        }
        Kind::Ack | Kind::BinaryAck if first == Some(b'[') => {
            let id = ack_id.ok_or(PeerError::AckIdMissing)?;
            let array = check_array(&data, max_depth).map_err(json)?;
            Ok(Body::Ack { id, args: Args::of_ack(data, array) })
        }
        Kind::Event | Kind::BinaryEvent | Kind::Ack | Kind::BinaryAck => Err(needs("an array")),
    }
}

/// The reserved name that `name` is, if it is one. Reserved names are never sent.
pub(crate) fn reserved(name: &[u8]) -> Option<&'static str> {
    RESERVED.into_iter().find(|reserved| reserved.as_bytes() == name)
}

const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

const ROOT: &str = "/";
