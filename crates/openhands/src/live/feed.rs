//! Feeding a client: one cursor, from the first event it lacks to the live end.

use std::sync::Arc;
use std::time::Duration;

use socketio::proto::Encoded;
use socketio::server::{EmitError, Socket};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::client::{JoinedClient, Schema};
use super::frame::{fitting, frames, status, text};
use crate::domain::{
    ActionKind, Ephemeral, EventId, Kind, ObservationKind, Position, Right, guide_cause,
    guide_event,
};
use crate::hub::{Conversation, LogError, Next, StoredEvent};

/// Starts to feed a client; ready when it has what there was, or after [`REPLAY`]. The rest runs
/// with the socket and ends with it.
pub(super) async fn start(socket: Socket, client: Arc<JoinedClient>) {
    let (caught_up, replayed) = oneshot::channel();
    let mut feed = Box::pin(feed(socket.clone(), client, caught_up));
    tokio::select! {
        () = &mut feed => return,
        _ = replayed => {}
        () = sleep(REPLAY) => {}
    }
    socket.spawn(feed);
}

/// Sends everything after the client's position, until the client is gone.
async fn feed(socket: Socket, client: Arc<JoinedClient>, caught_up: oneshot::Sender<()>) {
    let conversation = &client.conversation;
    // Before the head is read: whatever is told from here on is heard.
    let statuses = conversation.statuses();
    let head = conversation.head();
    let filter =
        ReplayFilter { head, newest_state: newest_state(&socket, conversation, head).await };
    let sending = async {
        let mut cursor = conversation.subscribe(client.position);
        let mut caught_up = Some(caught_up);
        let measured = Arc::clone(conversation);
        let lag = client.context.metrics.lag(cursor.place().0, move || measured.head().0);
        loop {
            if cursor.place() >= head {
                caught_up.take();
            }
            match cursor.next_page().await {
                Ok(Next::Events(events)) => {
                    let told = |place: Position| lag.moved(place.0);
                    match client.schema {
                        Schema::Upstream => {
                            let frames = frames(&events, |event| filter.shows(event));
                            send(&socket, &client, &frames, told).await?;
                        }
                        Schema::Guide => {
                            for event in events.iter().filter(|event| filter.shows(event)) {
                                let packet = guide(&socket, conversation, event).await;
                                let frame = packet.map(|packet| (event.id, packet));
                                send(&socket, &client, frame.as_slice(), told).await?;
                            }
                        }
                    }
                    told(cursor.place());
                }
                Ok(Next::Deleted) => {
                    socket.disconnect();
                    return Err::<(), _>(EmitError::Disconnected);
                }
                Err(error) => report(&socket, &error).await,
            }
        }
    };
    let told = tell(&socket, statuses, client.schema);
    // The first two end only when the client is gone.
    let ended = tokio::select! {
        end = sending => end,
        end = told => end,
        () = client.stopped.clone().wait() => {
            socket.disconnect();
            return;
        }
        why = barred(&client) => {
            client.context.metrics.refused("not_allowed");
            tracing::info!(socket = %socket.id(), why, "may no longer read: disconnected");
            // A client that reads too slowly for it sees the disconnect alone.
            let _ = status(&socket, &Ephemeral::refusal(&why));
            socket.disconnect();
            return;
        }
    };
    if let Err(error) = ended {
        tracing::debug!(socket = %socket.id(), %error, "feed ended");
    }
}

/// Ready when the client may no longer read, with what it is told.
async fn barred(client: &JoinedClient) -> String {
    let mut keys = client.context.keys.changes();
    let mut access = client.conversation.access_changes();
    loop {
        access.current();
        if let Err(why) = client.allow(Right::Read) {
            return why;
        }
        tokio::select! {
            Ok(()) = keys.changed() => {}
            () = access.changed() => {}
        }
    }
}

/// Which events from before the join a client is sent.
struct ReplayFilter {
    head: Position,
    newest_state: Option<EventId>,
}

impl ReplayFilter {
    /// Whether an event is sent. Null events never are. A recall action is sent only live, as by
    /// OpenHands 0.62; the observation that answers it always. Of the agent's states before the
    /// client joined only the newest is, in its own place: so the last id received is always the
    /// right `latest_event_id`.
    fn shows(&self, event: &StoredEvent) -> bool {
        match event.kind {
            Kind::Action(ActionKind::Null) | Kind::Observation(ObservationKind::Null) => false,
            Kind::Action(ActionKind::Recall) => Position::before(event.id) >= self.head,
            Kind::Observation(ObservationKind::AgentStateChanged) => {
                Position::before(event.id) >= self.head || Some(event.id) == self.newest_state
            }
            _ => true,
        }
    }
}

/// Sends packets of events in their order, and tells how far it has come.
async fn send(
    socket: &Socket,
    client: &JoinedClient,
    mut frames: &[(EventId, Encoded)],
    told: impl Fn(Position),
) -> Result<(), EmitError> {
    while !frames.is_empty() {
        let sent = socket.send_some(frames.iter().map(|(_, packet)| packet))?;
        let (done, left) = frames.split_at(sent);
        client.context.metrics.sent(done.len());
        if let Some((id, _)) = done.last() {
            told(Position::after(*id));
        }
        frames = left;
        if !frames.is_empty() {
            // The client reads slowly: it lags behind, and nobody else does.
            socket.ready().await;
        }
    }
    Ok(())
}

/// The guide's form, which may need the action that an observation answers.
async fn guide(
    socket: &Socket,
    conversation: &Conversation,
    event: &StoredEvent,
) -> Option<Encoded> {
    let stored = parse(event)?;
    let cause = match guide_cause(&stored) {
        Some(id) => cause(socket, conversation, id).await,
        None => None,
    };
    let cause = cause.as_deref().and_then(parse);
    let event = guide_event(&stored, cause.as_ref())?;
    let event = event.to_string();
    fitting(text(event.as_bytes())?, event.as_bytes())
}

fn parse(event: &StoredEvent) -> Option<serde_json::Value> {
    serde_json::from_slice(&event.json)
        .inspect_err(|error| tracing::error!(id = %event.id, %error, "stored event is no JSON"))
        .ok()
}

/// Passes on what is told and not stored. A client that is too slow for it misses it.
async fn tell(
    socket: &Socket,
    mut statuses: Receiver<Ephemeral>,
    schema: Schema,
) -> Result<(), EmitError> {
    loop {
        match statuses.recv().await {
            // The guide's interface knows no statuses.
            Ok(_) if schema == Schema::Guide => {}
            Ok(message) => match status(socket, &message) {
                Err(EmitError::Disconnected) => return Err(EmitError::Disconnected),
                Err(error) => tracing::debug!(socket = %socket.id(), %error, "status dropped"),
                Ok(()) => {}
            },
            Err(RecvError::Lagged(_)) => {}
            // The conversation is gone; its cursor says so too.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// The newest state of the agent before the client joined; reads until the log can be read.
async fn newest_state(
    socket: &Socket,
    conversation: &Conversation,
    head: Position,
) -> Option<EventId> {
    loop {
        match conversation.newest_agent_state(head).await {
            Ok(event) => return event.map(|event| event.id),
            Err(error) => report(socket, &error).await,
        }
    }
}

/// One event; reads until the log can be read.
async fn cause(
    socket: &Socket,
    conversation: &Conversation,
    id: EventId,
) -> Option<Arc<StoredEvent>> {
    loop {
        match conversation.event(id).await {
            Ok(event) => return event,
            Err(error) => report(socket, &error).await,
        }
    }
}

/// Tells the client and the operator that the log cannot be read, and waits a moment.
async fn report(socket: &Socket, error: &LogError) {
    tracing::error!(socket = %socket.id(), %error, "events not read; trying again");
    let _ = status(socket, &Ephemeral::error("STATUS$ERROR", &error.to_string()));
    sleep(RETRY).await;
}

/// Time the replay has before the server listens to the client.
const REPLAY: Duration = Duration::from_secs(2);
/// Time between two tries to read the log.
const RETRY: Duration = Duration::from_secs(1);
