//! Properties of reading and writing.

use proptest::prelude::*;

use super::*;

/// Arguments as some peer may write them, white space and all.
fn args() -> impl Strategy<Value = (String, usize)> {
    let value = prop_oneof![
        Just("null".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        "-?[1-9][0-9]{0,30}(\\.[0-9]{1,20})?(e[+-]?[0-9]{1,5})?",
        ".*".prop_map(|text| serde_json::to_string(&text).unwrap()),
        "[a-z/\\\\u]{0,4}".prop_map(|key| {
            format!("{{ {} :[ 1.0, {{}} ] }}", serde_json::to_string(&key).unwrap())
        }),
    ];
    proptest::collection::vec(value, 0..5).prop_map(|values| (values.join(" , "), values.len()))
}

proptest! {
    #[test]
    fn an_echo_keeps_the_bytes_of_the_arguments((args, len) in args(), id in any::<u64>()) {
        let comma = if len == 0 { "" } else { ", " };
        let wire = format!("42{id}[\"echo\"{comma}{args} ]");
        let packet = complete(&wire).unwrap();
        let Body::Event { args: came, ack_id } = &packet.body else { panic!() };
        prop_assert_eq!(*ack_id, Some(id));
        prop_assert_eq!(came.len(), len);
        prop_assert_eq!(came.raw(), args.as_bytes());
        prop_assert_eq!(came.iter().count(), len);
        let parts: Vec<&[u8]> = came.iter().collect();
        let back = encode::event_raw(&packet.namespace, *ack_id, &came.name(), &parts).unwrap();
        let tight = format!("42{id}[\"echo\"{}]", came.iter().map(|a| format!(",{}", str::from_utf8(a).unwrap())).collect::<String>());
        prop_assert_eq!(back.text().wire(), tight.as_bytes());
        let same = encode::packet(&packet);
        prop_assert_eq!(same.text().wire(), wire.as_bytes());
    }

    #[test]
    fn decode_of_encode_is_the_event(
        namespace in prop_oneof![Just("/".to_owned()), "/[^,]{1,20}"],
        ack_id in any::<Option<u64>>(),
        name in ".*",
        text in ".*",
        number in any::<i64>(),
        blobs in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..5),
    ) {
        let namespace: NamespaceName = namespace.parse().unwrap();
        let blobs: Vec<Bytes> = blobs.into_iter().map(Bytes::from).collect();
        let sent = encode::event(&namespace, ack_id, &name, &(&text, &blobs, number)).unwrap();
        prop_assert_eq!(sent.attachments(), &blobs[..]);
        let config = ConnectionConfig::default();
        let mut reassembly = Reassembly::default();
        let announced = parse(sent.text(), &config).unwrap();
        prop_assert_eq!(announced.attachments, blobs.len());
        let mut packet = reassembly.handle_text(Time::ZERO, announced, &config).unwrap();
        for blob in sent.attachments() {
            prop_assert!(packet.is_none());
            packet = reassembly.handle_binary(blob.clone(), &config).unwrap();
        }
        let packet = packet.unwrap();
        prop_assert_eq!(&packet.namespace, &namespace);
        let Body::Event { args, ack_id: id } = &packet.body else { panic!() };
        prop_assert_eq!(*id, ack_id);
        prop_assert_eq!(&*args.name(), &name);
        prop_assert_eq!(args.parse::<(String, Vec<Bytes>, i64)>().unwrap(), (text, blobs, number));
        prop_assert_eq!(encode::packet(&packet), sent);
    }

    #[test]
    fn no_text_panics(wire in prop_oneof![".*", "[0-6]([0-9]{0,3}-)?(/[a-z]?,?)?[0-9]{0,22}[ \\[\\]{}\",:a1\\\\]{0,12}"]) {
        if let Ok(announced) = parse(&Text::new(&wire), &ConnectionConfig::default()) {
            let _ = meaning(&announced.packet);
            let _ = encode::packet(&announced.packet);
        }
    }
}
