//! Amends packets that are encoded already, by what differs from receiver to receiver.

use checked_json::write_string;
use engineio::proto::Text;

use super::{BINARY, EVENT, Encoded, share};
use crate::proto::NamespaceName;

impl Encoded {
    /// Whether this is an event that asks for no ack. `namespace` is the one it was encoded for.
    pub fn is_plain_event(&self, namespace: &NamespaceName) -> bool {
        let wire = self.text.wire();
        matches!(wire.get(1), Some(&EVENT | &BINARY))
            && wire.get(data_at(wire, namespace)) == Some(&b'[')
    }

    /// The same event with an id that asks for an ack. Copies the text, not the attachments.
    #[must_use]
    pub fn with_ack_id(&self, namespace: &NamespaceName, id: u64) -> Self {
        let wire = self.text.wire();
        let at = data_at(wire, namespace).min(wire.len());
        let text = share([&wire[..at], id.to_string().as_bytes(), &wire[at..]].concat());
        self.with_text(text)
    }

    /// The same event with one more argument, a string. Copies the text, not the attachments.
    #[must_use]
    pub fn with_last_arg(&self, arg: &str) -> Self {
        let wire = self.text.wire();
        let mut amended = Vec::with_capacity(wire.len() + arg.len() + 4);
        amended.extend_from_slice(wire.strip_suffix(b"]").unwrap_or(wire));
        amended.push(b',');
        write_string(&mut amended, arg);
        amended.push(b']');
        self.with_text(share(amended))
    }

    fn with_text(&self, text: Text) -> Self {
        Self { text, attachments: self.attachments.clone() }
    }
}

/// Where the ack id or the data begins: after the type, the attachment count and the namespace.
fn data_at(wire: &[u8], namespace: &NamespaceName) -> usize {
    let mut at = 2;
    if wire.get(1).is_some_and(|kind| *kind >= BINARY) {
        at += wire[2..].iter().position(|byte| *byte == b'-').map_or(0, |dash| dash + 1);
    }
    if !namespace.is_root() {
        at += namespace.as_str().len() + 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::proto::{NamespaceName, encode};

    #[test]
    fn an_ack_id_follows_the_namespace_and_a_last_argument_precedes_the_bracket() {
        let bytes = (Bytes::from_static(b"x"),);
        for (namespace, plain, binary) in [
            ("/", r#"47["a",1,"o"]"#, r#"51-7["a",{"_placeholder":true,"num":0},"o"]"#),
            // A namespace may hold brackets, dashes and digits of its own.
            (
                "/5-[x",
                r#"2/5-[x,7["a",1,"o"]"#,
                r#"51-/5-[x,7["a",{"_placeholder":true,"num":0},"o"]"#,
            ),
        ] {
            let namespace: NamespaceName = namespace.parse().unwrap();
            let plain = plain.replacen("47", "27", usize::from(namespace.is_root()));
            let event = encode::event(&namespace, None, "a", &1).unwrap();
            assert!(event.is_plain_event(&namespace));
            let amended = event.with_ack_id(&namespace, 7).with_last_arg("o");
            assert_eq!(amended.text().as_str(), plain);
            assert!(!amended.is_plain_event(&namespace));
            let event = encode::event(&namespace, None, "a", &bytes).unwrap();
            assert!(event.is_plain_event(&namespace));
            let amended = event.with_ack_id(&namespace, 7).with_last_arg("o");
            assert_eq!(amended.text().as_str(), binary);
            assert_eq!(amended.attachments(), event.attachments());
        }
    }

    #[test]
    fn acks_and_control_packets_are_not_plain_events() {
        let root = NamespaceName::default();
        assert!(!encode::ack(&root, 1, &()).unwrap().is_plain_event(&root));
        assert!(!encode::disconnect(&root).is_plain_event(&root));
        assert!(!encode::connect(&root, "x").is_plain_event(&root));
    }
}
