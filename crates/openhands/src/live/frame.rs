//! Events as packets: `42["oh_event",{…}]`.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use engineio::proto::Text;
use socketio::proto::{Encoded, NamespaceName, encode};
use socketio::server::{EmitError, Socket};

use super::oversize::shortened;
use crate::domain::{Ephemeral, EventId, Source};
use crate::hub::{Envelope, StoredEvent};

/// The bytes around an event in its packet. A log that reads events into them saves a copy of each.
pub fn envelope() -> Envelope {
    ENVELOPE.clone()
}

/// Packets of those events of a page that are shown, in their order.
pub(super) fn frames(
    page: &[Arc<StoredEvent>],
    shows: impl Fn(&StoredEvent) -> bool,
) -> Vec<(EventId, Encoded)> {
    let shown = page.iter().filter(|event| shows(event));
    let mut frames: Vec<_> = shown.filter_map(|event| Some((event.id, framed(event)?))).collect();
    let len: usize = page.iter().map(|event| event.json.len()).sum();
    let sent: usize = frames.iter().map(|(_, frame)| frame.size()).sum();
    if sent < len / 2 {
        // Events of a page may share its buffer: a few of them would hold all of it while they wait
        // for a slow client.
        frames.iter_mut().for_each(|(_, frame)| *frame = copied(frame));
    }
    frames
}

/// The packet of an event. Either its bytes stand in the page already, or the first client to need
/// them makes them and leaves them in the event for the others. The stored JSON is not parsed.
fn framed(event: &StoredEvent) -> Option<Encoded> {
    let is_environment = event.source == Source::Environment;
    if let Some(bytes) = &event.enveloped
        && !is_environment
        // A log may have been opened with another envelope.
        && bytes.starts_with(&ENVELOPE.before)
        && bytes.len() <= MAX_FRAME
    {
        return Some(packet(bytes));
    }
    if let Some(bytes) = event.form.get() {
        return Some(packet(bytes));
    }
    let made = match is_environment {
        true => text(&as_agent(&event.json))?,
        false => text(&event.json)?,
    };
    let made = fitting(made, &event.json)?;
    Some(packet(event.form.get_or_init(|| made.text().wire().clone())))
}

/// The packet, or that of its event made to fit what clients take.
pub(super) fn fitting(packet: Encoded, event: &[u8]) -> Option<Encoded> {
    if packet.size() <= MAX_FRAME {
        return Some(packet);
    }
    let max = MAX_FRAME - (ENVELOPE.before.len() + ENVELOPE.after.len());
    let shortened = shortened(event, max)?;
    tracing::warn!(bytes = event.len(), max, "an event is sent with its long texts cut");
    text(&as_agent(&shortened))
}

/// A packet of bytes that stand in an envelope of ours, or were made by [`text`]: both are UTF-8 and
/// begin as a text of the engine does.
fn packet(bytes: &Bytes) -> Encoded {
    Encoded::from_text(Text::from_checked(bytes.clone()))
}

fn copied(packet: &Encoded) -> Encoded {
    Encoded::from_text(Text::new(packet.text().as_str()))
}

/// The packet of a message in JSON.
pub(super) fn text(json: &[u8]) -> Option<Encoded> {
    encode::event_raw(&NamespaceName::default(), None, "oh_event", &[json])
        .inspect_err(|error| tracing::error!(%error, "stored event not framed"))
        .ok()
}

/// Sends what is not stored, if there is room.
pub(super) fn status(socket: &Socket, message: &Ephemeral) -> Result<(), EmitError> {
    text(message.json()).map_or(Ok(()), |packet| socket.send(&packet))
}

/// OpenHands 0.62 shows the environment as the agent on its socket. Events are written with their
/// source right after id and timestamp, so the first match is the event's own.
fn as_agent(json: &[u8]) -> Vec<u8> {
    let at = json.windows(ENVIRONMENT.len()).take(WITHIN).position(|part| part == ENVIRONMENT);
    match at {
        Some(at) => [&json[..at], AGENT, &json[at + ENVIRONMENT.len()..]].concat(),
        None => json.to_vec(),
    }
}

/// Most bytes of a packet: those of the `maxPayload` that the server announces, above which clients
/// close their connection.
pub(crate) const MAX_FRAME: usize = 4 << 20;
const ENVIRONMENT: &[u8] = br#""source":"environment""#;
const AGENT: &[u8] = br#""source":"agent""#;
/// Bytes in which the source must come: id and timestamp are before it.
const WITHIN: usize = 120;

/// A packet without an event: the event stands before its last byte.
static ENVELOPE: LazyLock<Envelope> = LazyLock::new(|| {
    let empty = text(b"").map(|packet| packet.text().wire().clone()).unwrap_or_default();
    let at = empty.len().saturating_sub(1);
    Envelope { before: empty.slice(..at), after: empty.slice(at..) }
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{EventId, Kind, ObservationKind};

    fn event(source: Source, json: &'static str) -> StoredEvent {
        let kind = Kind::Observation(ObservationKind::AgentStateChanged);
        StoredEvent::new(EventId(0), kind, source, Bytes::from_static(json.as_bytes()))
    }

    fn shown(page: &[Arc<StoredEvent>]) -> Vec<String> {
        let frames = frames(page, |event| event.id.0 != 9);
        frames.iter().map(|(_, frame)| frame.text().as_str().to_owned()).collect()
    }

    #[test]
    fn the_environment_is_shown_as_the_agent_and_the_rest_is_untouched() {
        let event = event(
            Source::Environment,
            r#"{"id":0,"timestamp":"t","source":"environment","content":"\"source\":\"environment\""}"#,
        );
        assert_eq!(
            framed(&event).unwrap().text().as_str(),
            r#"2["oh_event",{"id":0,"timestamp":"t","source":"agent","content":"\"source\":\"environment\""}]"#
        );
    }

    #[test]
    fn a_frame_is_made_once() {
        let event = event(Source::Agent, r#"{"id":0}"#);
        let (first, second) = (framed(&event).unwrap(), framed(&event).unwrap());
        assert_eq!(first.text().wire().as_ptr(), second.text().wire().as_ptr());
    }

    #[test]
    fn what_was_read_into_the_envelope_is_sent_as_it_is() {
        let wire = Bytes::from_static(br#"42["oh_event",{"id":0}]"#);
        let Envelope { before, after } = envelope();
        assert_eq!([&before[..], br#"{"id":0}"#, &after].concat(), wire);
        let read = |source, wire: &Bytes| {
            let json = r#"{"id":0}"#;
            StoredEvent { enveloped: Some(wire.clone()), ..event(source, json) }
        };
        let sent = |event: &StoredEvent| framed(event).unwrap().text().wire().clone();
        assert_eq!(sent(&read(Source::User, &wire)).as_ptr(), wire.as_ptr());
        // Another log's envelope, and a source that is shown as another: framed from the JSON.
        assert_eq!(sent(&read(Source::User, &Bytes::from_static(br#"4<{"id":0}>"#))), wire);
        assert_eq!(sent(&read(Source::Environment, &wire)), wire);
    }

    #[test]
    fn few_of_a_page_do_not_hold_all_of_it() {
        let page = |hidden: &'static str| {
            let mut events = [event(Source::User, r#"{"id":0}"#), event(Source::User, hidden)];
            events[1].id = EventId(9);
            events.map(Arc::new)
        };
        let is_shared = |page: &[Arc<StoredEvent>]| {
            let sent = frames(page, |event| event.id.0 != 9)[0].1.text().wire().as_ptr();
            sent == framed(&page[0]).unwrap().text().wire().as_ptr()
        };
        let (few, most) =
            (page(r#"{"id":9,"x":"0123456789012345678901234567890123456789"}"#), page("{}"));
        assert_eq!((is_shared(&few), is_shared(&most)), (false, true));
        assert_eq!(shown(&few), [r#"2["oh_event",{"id":0}]"#]);
        assert_eq!(shown(&few), shown(&most));
    }
}
