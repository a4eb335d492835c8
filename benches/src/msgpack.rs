//! Events as MessagePack, by ours and by the parser of socketioxide.

use engineio::proto::Text;
use socketio::proto::{Body, ConnectionConfig, NamespaceName, encode, msgpack};
use socketioxide_core::Value;
use socketioxide_core::packet::{Packet, PacketData};
use socketioxide_core::parser::{Parse, ParseConfig, ParserState};
use socketioxide_parser_msgpack::MsgPackParser;

use crate::Operation;
use crate::data::{self, NAME, OhEvent};

const OURS: &str = "ours";
const OXIDE: &str = "socketioxide";

/// An event read to its type, and written from it: to one socket, and as a broadcast leaves, which
/// is encoded before it is known for whom.
///
/// # Panics
/// When ours cannot write it.
pub fn events(size: usize) -> Vec<Operation> {
    let text = Text::from_wire(data::wire(size)).expect("UTF-8");
    let packet = msgpack::encode(&encode::Encoded::from_text(text)).expect("an event");
    let (event, size) = (data::event(size), data::name(size));
    let (decode, write) =
        (format!("decode msgpack event, typed, {size}"), format!("encode msgpack event, {size}"));
    let (config, root) = (ConnectionConfig::default(), NamespaceName::default());
    let (their_config, state) = (ParseConfig::default(), ParserState::default());
    let (len, wire, same) = (packet.len(), packet.clone(), packet.clone());
    let same_packet = packet.clone();
    let (read, also_read) = (event.clone(), event.clone());
    let (written, rewritten, also_written) = (event.clone(), event.clone(), event);
    vec![
        Operation::new(
            (decode.clone(), OURS),
            len,
            move || {
                let packet = msgpack::parse(&wire, &config).expect("an event");
                let Body::Event { args, ack_id: None } = packet.body else { panic!("an event") };
                assert_eq!(args.name(), NAME);
                args.parse::<OhEvent>().expect("its type")
            },
            move |event| *event == read,
        ),
        Operation::new(
            (decode, OXIDE),
            len,
            move || {
                let packet = MsgPackParser.decode_bin(&their_config, &state, same.clone());
                let PacketData::Event(mut data, None) = packet.expect("an event").inner else {
                    panic!("an event")
                };
                assert_eq!(MsgPackParser.read_event(&data).expect("a name"), NAME);
                MsgPackParser.decode_value::<OhEvent>(&mut data, true).expect("its type")
            },
            move |event| *event == also_read,
        ),
        Operation::new(
            (write.clone(), OURS),
            len,
            move || msgpack::event(&root, None, NAME, &written).expect("an event"),
            move |wire| *wire == packet,
        ),
        Operation::new(
            (format!("{write}, by way of JSON"), OURS),
            len,
            move || {
                let encoded = encode::event(&NamespaceName::default(), None, NAME, &rewritten);
                msgpack::encode(&encoded.expect("JSON")).expect("an event")
            },
            move |wire| *wire == same_packet,
        ),
        Operation::new(
            (write, OXIDE),
            len,
            move || {
                let data = MsgPackParser.encode_value(&also_written, Some(NAME)).expect("data");
                MsgPackParser.encode(Packet::event("/", data))
            },
            // It writes another order of keys: as long, give or take what it adds.
            move |value| matches!(value, Value::Bytes(wire) if wire.len().abs_diff(len) < 32),
        ),
    ]
}
