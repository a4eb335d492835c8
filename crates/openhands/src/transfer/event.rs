//! One event in the form of OpenHands 0.62, and in ours.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::text::{compact, pythonic};
use crate::domain::{ActionKind, EventId, Kind, ObservationKind, Source};

/// An event of the original as the log takes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Original {
    pub(super) kind: Kind,
    pub(super) source: Source,
    pub(super) time: String,
    pub(super) json: String,
    /// Whether its action or observation is one this program knows.
    pub(super) is_known: bool,
    /// Whether halves of characters or numbers that JSON does not have were replaced in it.
    pub(super) is_mended: bool,
}

/// Why an event or a file of the original was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Fault {
    /// It cannot be read.
    #[error("unreadable: {0}")]
    Io(#[from] std::io::Error),
    /// It is not a file.
    #[error("no file")]
    NoFile,
    /// It is too large.
    #[error("{len} bytes, the limit is {max}")]
    TooLarge {
        /// Its bytes.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// The folder holds too many.
    #[error("{len} files, the limit is {max}")]
    TooMany {
        /// How many, as far as they were counted.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// Its id is too far from the one before it: the gap would have to be filled.
    #[error("its id is {gap} beyond the event before it, the limit is {max}")]
    FarAway {
        /// Ids between.
        gap: u64,
        /// The limit.
        max: u64,
    },
    /// It was written half, or is something else.
    #[error("no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It says that it is another event.
    #[error("its id is {found}")]
    OtherId {
        /// What it says.
        found: String,
    },
    /// A field that must be there is not, or is another thing.
    #[error("{key:?} must be {expected}, it is {found}")]
    Field {
        /// The field.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is, cut to 40 characters.
        found: String,
    },
}

/// Reads an event. It keeps all it holds, in its order after the id, the time and the source; the
/// guide's `type` and `result` come last, as in every event of the log. Without a time of its own
/// it has `time`. An event of an unknown kind is stored as a null event, which no client is sent.
pub(super) fn read(bytes: &[u8], id: EventId, time: &str) -> Result<Original, Fault> {
    let compacted = compact(bytes)?;
    let Fields(fields) = serde_json::from_str(&compacted.json)?;
    let raw = |key| fields.iter().rev().find(|(name, _)| name == key).map(|(_, raw)| raw.get());
    match raw("id") {
        None => {}
        Some(found) if found.parse() == Ok(id.0) => {}
        Some(found) => return Err(Fault::OtherId { found: shown(Some(found)) }),
    }
    let time = match raw("timestamp") {
        None => time.to_owned(),
        some => text("timestamp", "a string", some)?,
    };
    let source = text("source", "a source", raw("source"))?;
    let source = Source::from_name(&source).ok_or_else(|| Fault::Field {
        key: "source",
        expected: "agent, user or environment",
        found: shown(raw("source")),
    })?;
    let (key, is_action) = match (raw("action"), raw("observation")) {
        (_, None) => ("action", true),
        (None, Some(_)) => ("observation", false),
        (Some(action), Some(_)) => {
            let expected = "absent beside an action";
            return Err(Fault::Field { key: "observation", expected, found: shown(Some(action)) });
        }
    };
    let name = text(key, "a string", raw(key))?;
    let (known, unknown) = match is_action {
        true => (ActionKind::from_name(&name).map(Kind::Action), Kind::Action(ActionKind::Null)),
        false => (
            ObservationKind::from_name(&name).map(Kind::Observation),
            Kind::Observation(ObservationKind::Null),
        ),
    };

    let has_success = raw("success").is_some();
    let mut json = String::with_capacity(compacted.json.len() + 64);
    let quoted = serde_json::to_string(&time)?;
    // Writing to a String cannot fail, here and below.
    let _ = write!(json, "{{\"id\":{id},\"timestamp\":{quoted},\"source\":\"{source}\"");
    for (at, (name, raw)) in fields.iter().enumerate() {
        // Of a name that comes twice the last counts, as in Python.
        let counts = !fields[at + 1..].iter().any(|(later, _)| later == name);
        if counts && !OURS.contains(&&**name) {
            let renewed = renewed(name, raw.get(), known);
            let raw = renewed.as_deref().unwrap_or(raw.get());
            let _ = write!(json, ",{}:{raw}", serde_json::to_string(name)?);
            if !has_success && let Some(success) = success(name, raw, known) {
                let _ = write!(json, ",\"success\":{success}");
            }
        }
    }
    let _ = write!(json, ",\"type\":{}", serde_json::to_string(&name)?);
    if let Some(content) = raw("content").filter(|content| !is_action && is_text(content)) {
        let _ = write!(json, ",\"result\":{content}");
    }
    json.push('}');
    Ok(Original {
        kind: known.unwrap_or(unknown),
        source,
        time,
        json,
        is_known: known.is_some(),
        is_mended: compacted.mended,
    })
}

/// A field as 0.62 reads it from the file of an older version; `None` when it is as it should be.
fn renewed(name: &str, raw: &str, kind: Option<Kind>) -> Option<String> {
    let (old, is_old): (&[&str], _) = match (kind?, name) {
        (Kind::Action(_), "args") => (&["images_urls"], true),
        (Kind::Observation(ObservationKind::Run), "extras") => (&["exit_code", "command_id"], true),
        _ => (&[], false),
    };
    // Most events are new, and are not parsed for it.
    if !is_old || !old.iter().any(|key| raw.contains(key)) {
        return None;
    }
    let mut fields: Map<String, Value> = serde_json::from_str(raw).ok()?;
    if let Some(urls) = fields.remove("images_urls") {
        // The new name counts when both are there.
        fields.entry("image_urls").or_insert(urls);
    }
    let (exit_code, pid) = (fields.remove("exit_code"), fields.remove("command_id"));
    if exit_code.is_some() || pid.is_some() {
        let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
        if let Value::Object(metadata) = metadata {
            metadata.entry("exit_code").or_insert(exit_code.unwrap_or(json!(-1)));
            metadata.entry("pid").or_insert(pid.unwrap_or(json!(-1)));
        }
    }
    serde_json::to_string(&fields).ok()
}

/// Whether a command succeeded, from its extras: older versions did not write it.
fn success(name: &str, raw: &str, kind: Option<Kind>) -> Option<bool> {
    match kind? {
        Kind::Observation(ObservationKind::Run) if name == "extras" => {
            let extras: Value = serde_json::from_str(raw).ok()?;
            Some(extras.pointer("/metadata/exit_code")?.as_i64()? == 0)
        }
        Kind::Observation(ObservationKind::RunIpython) if name == "extras" => Some(true),
        _ => None,
    }
}

/// The event that the log gets where the original has none: ids have no gaps here, and clients that
/// come back with a `latest_event_id` of the original must get what follows it.
pub(super) fn placeholder(id: EventId, time: &str) -> Result<Original, Fault> {
    let null = format!(
        "{{\"source\":\"environment\",\"message\":\"No observation\",\"observation\":\"null\",\
         \"content\":\"{MISSING}\",\"extras\":{{}}}}"
    );
    read(null.as_bytes(), id, time)
}

/// An event of the log as a file of the original.
///
/// # Errors
/// When the log holds no JSON.
pub(super) fn written(json: &[u8]) -> Result<String, serde_json::Error> {
    let Fields(fields) = serde_json::from_slice(json)?;
    let mut out = String::with_capacity(json.len());
    for (name, raw) in &fields {
        if !GUIDE.contains(&&**name) {
            out.push(if out.is_empty() { '{' } else { ',' });
            // Writing to a String cannot fail.
            let _ = write!(out, "{}:{raw}", serde_json::to_string(name)?);
        }
    }
    out.push('}');
    Ok(pythonic(&out))
}

fn text(key: &'static str, expected: &'static str, raw: Option<&str>) -> Result<String, Fault> {
    let parsed = raw.and_then(|raw| serde_json::from_str(raw).ok());
    parsed.ok_or_else(|| Fault::Field { key, expected, found: shown(raw) })
}

fn is_text(raw: &str) -> bool {
    raw.starts_with('"') && raw != "\"\""
}

fn shown(raw: Option<&str>) -> String {
    raw.map_or_else(|| "absent".to_owned(), |raw| raw.chars().take(SHOWN).collect())
}

/// The fields of an object in their order, their values as they were written.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, raw)) = map.next_entry::<String, &RawValue>()? {
                    fields.push((Cow::Owned(name), raw));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// Added to what the original writes.
const GUIDE: &[&str] = &["type", "result"];
/// Written in their own place.
const OURS: &[&str] = &["id", "timestamp", "source", "type", "result"];
/// The content of an event that replaces a missing one.
const MISSING: &str = "not in the store this was imported from";
/// Characters of a foreign text that a report repeats.
const SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Draft;

    #[test]
    fn an_event_of_the_original_comes_in_and_goes_out_as_it_was() {
        let file = r#"{"id": 7, "timestamp": "2026-01-02T03:04:05.678901", "source": "agent", "message": "caf\u00e9", "cause": 6, "observation": "run", "content": "caf\u00e9", "extras": {"command": "ls", "cost": 0.10}, "success": true}"#;
        let original = read(file.as_bytes(), EventId(7), "").unwrap();
        assert_eq!(
            original.json,
            r#"{"id":7,"timestamp":"2026-01-02T03:04:05.678901","source":"agent","message":"café","cause":6,"observation":"run","content":"café","extras":{"command":"ls","cost":0.10},"success":true,"type":"run","result":"café"}"#
        );
        assert_eq!(original.kind, Kind::Observation(ObservationKind::Run));
        assert!(original.is_known && !original.is_mended);
        assert_eq!(written(original.json.as_bytes()).unwrap(), file);
    }

    #[test]
    fn an_event_of_an_older_version_is_read_as_the_newest_one_reads_it() {
        for (file, part) in [
            (
                r#"{"source":"user","action":"message","args":{"content":"c","images_urls":["u"]}}"#,
                r#""args":{"content":"c","image_urls":["u"]},"type""#,
            ),
            (
                r#"{"source":"agent","observation":"run","content":"","extras":{"command_id":5,"command":"ls","exit_code":0}}"#,
                r#""extras":{"command":"ls","metadata":{"exit_code":0,"pid":5}},"success":true,"type""#,
            ),
            (
                r#"{"source":"agent","observation":"run","content":"","extras":{"command":"ls","exit_code":2}}"#,
                r#""extras":{"command":"ls","metadata":{"exit_code":2,"pid":-1}},"success":false,"type""#,
            ),
            (
                r#"{"source":"agent","observation":"run","content":"","extras":{"metadata":{"exit_code":1}}}"#,
                r#""extras":{"metadata":{"exit_code":1}},"success":false,"type""#,
            ),
            (
                r#"{"source":"agent","observation":"run","content":"","extras":{"metadata":{"exit_code":1}},"success":false}"#,
                r#""extras":{"metadata":{"exit_code":1}},"success":false,"type""#,
            ),
            (
                r#"{"source":"agent","observation":"run_ipython","content":"","extras":{"code":"1"}}"#,
                r#""extras":{"code":"1"},"success":true,"type""#,
            ),
            (
                r#"{"source":"agent","observation":"run","content":"","extras":{"command":"images_urls exit_code"}}"#,
                r#""extras":{"command":"images_urls exit_code"},"type""#,
            ),
        ] {
            let json = read(file.as_bytes(), EventId(1), "T").unwrap().json;
            assert!(json.contains(part), "{json}\n{part}");
        }
    }

    #[test]
    fn a_number_that_json_does_not_have_costs_no_content() {
        let file =
            r#"{"source":"agent","observation":"run","content":"kept","extras":{"cost":NaN}}"#;
        let original = read(file.as_bytes(), EventId(1), "T").unwrap();
        assert!(original.json.contains(r#""content":"kept","extras":{"cost":null}"#));
        assert!(original.is_mended);
    }

    #[test]
    fn what_this_program_writes_comes_back_byte_by_byte() {
        for draft in [
            Draft::user_message("é \u{7f} \"x\""),
            Draft::run("ls", "why"),
            Draft::error("bad", "", Some(EventId(3))),
            Draft::agent_state_changed(crate::domain::AgentState::Running, "", None),
        ] {
            let ours = draft.into_json(EventId(4), "2026-01-02T03:04:05.678901");
            let file = written(&ours).unwrap();
            assert!(!file.contains("\"type\""), "{file}");
            assert_eq!(read(file.as_bytes(), EventId(4), "").unwrap().json.as_bytes(), &*ours);
        }
    }

    #[test]
    fn order_id_and_time_are_put_right_and_of_two_fields_the_last_counts() {
        let file = r#"{"action":"null","args":{"a":1},"args":{},"source":"user"}"#;
        let original = read(file.as_bytes(), EventId(3), "T").unwrap();
        assert_eq!(
            original.json,
            r#"{"id":3,"timestamp":"T","source":"user","action":"null","args":{},"type":"null"}"#
        );
    }

    #[test]
    fn an_unknown_kind_is_kept_as_a_null_event() {
        for (file, kind) in [
            (r#"{"source":"agent","action":"fly","args":{}}"#, Kind::Action(ActionKind::Null)),
            (
                r#"{"source":"agent","observation":"agent_ready"}"#,
                Kind::Observation(ObservationKind::Null),
            ),
        ] {
            let original = read(file.as_bytes(), EventId(0), "T").unwrap();
            assert_eq!((original.kind, original.is_known), (kind, false));
            assert!(original.json.contains("fly") || original.json.contains("agent_ready"));
        }
    }

    #[test]
    fn each_fault_is_named() {
        for (file, fault) in [
            ("", "no JSON: EOF"),
            (r#"{"id": 1, "sou"#, "no JSON: EOF"),
            ("[]", "no JSON: invalid type"),
            (r#"{"id":2,"source":"user","action":"null"}"#, "its id is 2"),
            (r#"{"id":"1","source":"user","action":"null"}"#, "its id is \"1\""),
            (r#"{"action":"null"}"#, "\"source\" must be a source, it is absent"),
            (
                r#"{"source":"root","action":"null"}"#,
                "\"source\" must be agent, user or environment, it is \"root\"",
            ),
            (r#"{"source":"user"}"#, "\"action\" must be a string, it is absent"),
            (r#"{"source":"user","observation":7}"#, "\"observation\" must be a string, it is 7"),
            (
                r#"{"source":"user","action":"a","observation":"b"}"#,
                "\"observation\" must be absent beside an action",
            ),
            (
                r#"{"source":"user","action":"a","timestamp":null}"#,
                "\"timestamp\" must be a string, it is null",
            ),
        ] {
            let found = read(file.as_bytes(), EventId(1), "T").unwrap_err().to_string();
            assert!(found.starts_with(fault), "{file}: {found}");
        }
    }

    #[test]
    fn a_placeholder_is_a_null_event_with_its_time() {
        let null = placeholder(EventId(9), "T").unwrap();
        assert_eq!(null.kind, Kind::Observation(ObservationKind::Null));
        assert!(null.json.starts_with(r#"{"id":9,"timestamp":"T","source":"environment","#));
    }
}
