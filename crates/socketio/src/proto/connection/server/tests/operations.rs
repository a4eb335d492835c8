//! A property: no list of operations breaks a limit or panics.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Text(String),
    Binary(Vec<u8>),
    Accept(usize),
    Refuse(usize),
    Disconnect(usize),
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let namespaces = prop_oneof![Just(""), Just("/a,"), Just("/b,"), Just("/c,"), Just("/b")];
    let rest = prop_oneof![
        4 => Just(r#"["e",{"_placeholder":true,"num":0}]"#),
        2 => Just(""),
        1 => prop_oneof![Just("{}"), Just("[1]"), Just(r#"["connect"]"#), Just("x")],
    ];
    let kind = prop_oneof![
        Just("0"),
        Just("1"),
        Just("2"),
        Just("31"),
        Just("51-"),
        Just("62-1"),
        Just("4")
    ];
    let text = (kind, namespaces, rest)
        .prop_map(|(kind, namespace, rest)| format!("{kind}{namespace}{rest}"));
    prop_oneof![
        4 => text.prop_map(Op::Text),
        3 => prop_oneof![Just("0"), Just("0/a"), Just("0/b"), Just("1"), Just("1/a,")].prop_map(|t| Op::Text(t.to_owned())),
        1 => ".{0,6}".prop_map(Op::Text),
        2 => proptest::collection::vec(any::<u8>(), 0..4).prop_map(Op::Binary),
        3 => (0..4_usize).prop_map(Op::Accept),
        1 => (0..4_usize).prop_map(Op::Refuse),
        2 => (0..4_usize).prop_map(Op::Disconnect),
        1 => (0..30_u64).prop_map(Op::Wait),
    ]
}

proptest! {
    #[test]
    fn any_operations_keep_the_caps_and_never_panic(
        ops in proptest::collection::vec(op(), 0..40),
        implicit_connect in any::<bool>(),
    ) {
        let config = ConnectionConfig {
            implicit_connect,
            max_namespaces: 2,
            max_attachments: 2,
            max_attachment_bytes: 5,
            ..ConnectionConfig::default()
        };
        let names = ["/", "/a", "/b", "/c"].map(name);
        let mut connection = ServerConnection::new(Arc::new(config), at(0));
        let (mut seconds, mut failed) = (0, false);
        let mut joined: Vec<&NamespaceName> = Vec::new();
        for op in ops {
            let message = match op {
                Op::Text(text) => Message::from(text.as_str()),
                Op::Binary(data) => Message::Binary(data.into()),
                Op::Accept(n) => {
                    joined.extend(connection.accept(&names[n], "id").map(|_| &names[n]));
                    continue;
                }
                Op::Refuse(n) => {
                    let refused = connection.refuse(&names[n], "no", None);
                    prop_assert!(refused.is_none() || !joined.contains(&&names[n]));
                    continue;
                }
                Op::Disconnect(n) => {
                    let left = connection.disconnect(&names[n]).is_some();
                    prop_assert_eq!(left, joined.contains(&&names[n]));
                    joined.retain(|name| **name != names[n]);
                    continue;
                }
                Op::Wait(by) => {
                    seconds += by;
                    failed |= connection.handle_timeout(at(seconds)).is_err();
                    continue;
                }
            };
            let events = match connection.handle_message(at(seconds), message) {
                Ok(events) => events,
                Err(error) => {
                    prop_assert_eq!(failed, error == Error::Misuse(Misuse::Closed));
                    failed = true;
                    continue;
                }
            };
            prop_assert!(!failed);
            for event in events {
                if let Event::Disconnect { namespace } = event {
                    joined.retain(|name| **name != namespace);
                }
            }
            prop_assert!(connection.namespaces.len() <= 2);
            joined.sort();
            prop_assert!(connection.joined().eq(joined.iter().copied()));
        }
    }
}
