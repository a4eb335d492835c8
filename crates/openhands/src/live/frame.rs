//! Events as packets: `42["oh_event",{…}]`.

use engineio::proto::Text;
use socketio::proto::{Encoded, Namespace, encode};
use socketio::server::{EmitError, Socket};

use crate::domain::{Ephemeral, Source};
use crate::log::StoredEvent;

/// The packet of an event, made by the first who sends it and shared by all others. The stored
/// bytes are not parsed.
pub(super) fn framed(event: &StoredEvent) -> Option<Encoded> {
    if let Some(wire) = event.frame.get() {
        return Text::from_wire(wire.clone()).ok().map(Encoded::from_text);
    }
    let packet = match event.source {
        Source::Environment => text(&as_agent(&event.json)),
        Source::User | Source::Agent => text(&event.json),
    }?;
    // Whoever else was as fast has made the same bytes.
    let _ = event.frame.set(packet.text().wire().clone());
    Some(packet)
}

/// The packet of a message in JSON.
pub(super) fn text(json: &[u8]) -> Option<Encoded> {
    encode::event_raw(&Namespace::default(), None, "oh_event", &[json])
        .inspect_err(|error| tracing::error!(%error, "stored event not framed"))
        .ok()
}

/// Sends what is not stored, if there is room.
pub(super) fn status(socket: &Socket, message: &Ephemeral) -> Result<(), EmitError> {
    text(message.json()).map_or(Ok(()), |packet| socket.send(&packet))
}

/// OpenHands 0.62 shows the environment as the agent on its socket. Events are written with their
/// source right behind id and timestamp, so the first match is the event's own.
fn as_agent(json: &[u8]) -> Vec<u8> {
    let at = json.windows(ENVIRONMENT.len()).take(WITHIN).position(|part| part == ENVIRONMENT);
    match at {
        Some(at) => [&json[..at], AGENT, &json[at + ENVIRONMENT.len()..]].concat(),
        None => json.to_vec(),
    }
}

const ENVIRONMENT: &[u8] = br#""source":"environment""#;
const AGENT: &[u8] = br#""source":"agent""#;
/// Bytes in which the source must come: id and timestamp are before it.
const WITHIN: usize = 120;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::domain::{EventId, Kind, ObservationKind};

    fn event(source: Source, json: &'static str) -> StoredEvent {
        let kind = Kind::Observation(ObservationKind::AgentStateChanged);
        StoredEvent::new(EventId(0), kind, source, Bytes::from_static(json.as_bytes()))
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
}
