//! What of a conversation is exported as its trajectory, over REST and by the command.

use serde::Deserialize;
use serde_json::Value;

use super::{ActionKind, Kind, ObservationKind};

#[derive(Default, Deserialize)]
struct Parts {
    #[serde(default)]
    args: Hidden,
    #[serde(default)]
    extras: Hidden,
}

#[derive(Default, Deserialize)]
struct Hidden {
    #[serde(default)]
    hidden: bool,
}

/// Whether an event is a command that the agent ran for itself, or its result.
pub(crate) fn is_hidden(kind: Kind, json: &[u8]) -> bool {
    let run =
        matches!(kind, Kind::Action(ActionKind::Run) | Kind::Observation(ObservationKind::Run));
    run && {
        let parts: Parts = serde_json::from_slice(json).unwrap_or_default();
        parts.args.hidden || parts.extras.hidden
    }
}

/// The event without what only a browser needs; `None` when it has nothing of it. Pages a browser
/// agent saw are large and of no use to a reader.
pub(crate) fn without_blobs(kind: Kind, json: &[u8]) -> Option<String> {
    if kind != Kind::Observation(ObservationKind::Browse) {
        return None;
    }
    let mut stored: Value = serde_json::from_slice(json).ok()?;
    let extras = stored.get_mut("extras")?.as_object_mut()?;
    extras.retain(|key, _| !BLOBS.contains(&key.as_str()));
    Some(stored.to_string())
}

const BLOBS: &[&str] = &[
    "screenshot",
    "set_of_marks",
    "dom_object",
    "axtree_object",
    "active_page_index",
    "last_browser_action",
    "last_browser_action_error",
    "focused_element_bid",
    "extra_element_properties",
];
