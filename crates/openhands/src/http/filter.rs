//! Which events a search wants: OpenHands 0.62 reads it from the body of the GET, and here the
//! query can say the same.

use serde::Deserialize;

use super::ApiError;
use super::body::Fields;
use crate::domain::trajectory::is_hidden;
use crate::hub::StoredEvent;

/// Conditions that all must hold; one that is not set always does.
#[derive(Debug, Default)]
pub(super) struct Filter {
    exclude_hidden: bool,
    /// In lower case.
    query: Option<String>,
    include_types: Option<Vec<String>>,
    exclude_types: Option<Vec<String>>,
    source: Option<String>,
    start_date: Option<String>,
    end_date: Option<String>,
}

impl Filter {
    /// Without hidden events, as a trajectory is exported.
    pub(super) fn visible() -> Self {
        Self { exclude_hidden: true, ..Self::default() }
    }

    /// Reads the body, if there is one.
    pub(super) fn read(body: &[u8]) -> Result<Self, ApiError> {
        if body.is_empty() || body == b"null" {
            return Ok(Self::default());
        }
        let fields = Fields::read(body)?;
        let text =
            |key| fields.text(key).map(|text| text.map(str::to_owned).filter(|text| is_said(text)));
        let list = |key| fields.texts(key).map(said);
        Ok(Self {
            exclude_hidden: fields.flag("exclude_hidden")?,
            query: text("query")?.map(|text| text.to_lowercase()),
            include_types: list("include_types")?,
            exclude_types: list("exclude_types")?,
            source: text("source")?,
            start_date: text("start_date")?,
            end_date: text("end_date")?,
        })
    }

    /// Adds what the query of the address says; it outweighs the body.
    pub(super) fn over(self, query: Conditions) -> Self {
        let list = |text: Option<String>| {
            said(text.map(|text| text.split(',').map(|name| name.trim().to_owned()).collect()))
        };
        let text = |text: Option<String>| text.filter(|text| is_said(text));
        Self {
            exclude_hidden: self.exclude_hidden,
            query: text(query.query).map(|text| text.to_lowercase()).or(self.query),
            include_types: list(query.include_types).or(self.include_types),
            exclude_types: list(query.exclude_types).or(self.exclude_types),
            source: text(query.source).or(self.source),
            start_date: text(query.start_date).or(self.start_date),
            end_date: text(query.end_date).or(self.end_date),
        }
    }

    /// Whether every event is wanted, so that none must be looked at.
    pub(super) fn is_empty(&self) -> bool {
        matches!(
            self,
            Self {
                exclude_hidden: false,
                query: None,
                include_types: None,
                exclude_types: None,
                source: None,
                start_date: None,
                end_date: None,
            }
        )
    }

    /// Whether an event is wanted. Dates are compared as texts, as in the original.
    pub(super) fn wants(&self, event: &StoredEvent) -> bool {
        let named = |types: &Option<Vec<String>>| {
            types.as_ref().map(|types| types.iter().any(|name| name == event.kind.name()))
        };
        let source = || self.source.as_deref().is_none_or(|source| source == event.source.as_str());
        named(&self.include_types).unwrap_or(true)
            && !named(&self.exclude_types).unwrap_or(false)
            && source()
            && !(self.exclude_hidden && is_hidden(event.kind, &event.json))
            && self.dates(event)
            && self.query.as_deref().is_none_or(|query| contains(&event.json, query))
    }

    fn dates(&self, event: &StoredEvent) -> bool {
        if self.start_date.is_none() && self.end_date.is_none() {
            return true;
        }
        let time: Time = serde_json::from_slice(&event.json).unwrap_or_default();
        self.start_date.as_deref().is_none_or(|start| &*time.timestamp >= start)
            && self.end_date.as_deref().is_none_or(|end| &*time.timestamp <= end)
    }
}

/// Whether a condition says something: a form sends a blank one for a field that nobody
/// filled in.
fn is_said(text: &str) -> bool {
    !text.trim().is_empty()
}

/// The names that say something; `None` when there are none.
fn said(names: Option<Vec<String>>) -> Option<Vec<String>> {
    let names: Vec<String> = names?.into_iter().filter(|text| is_said(text)).collect();
    (!names.is_empty()).then_some(names)
}

/// The same conditions in the query of the address; types are split at commas.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Conditions {
    query: Option<String>,
    include_types: Option<String>,
    exclude_types: Option<String>,
    source: Option<String>,
    start_date: Option<String>,
    end_date: Option<String>,
}

#[derive(Default, Deserialize)]
struct Time {
    #[serde(default)]
    timestamp: String,
}

fn contains(json: &[u8], query: &str) -> bool {
    String::from_utf8_lossy(json).to_lowercase().contains(query)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::domain::{ActionKind, EventId, Kind, ObservationKind, Source};

    fn message(source: Source, json: &'static str) -> StoredEvent {
        let kind = Kind::Action(ActionKind::Message);
        StoredEvent::new(EventId(0), kind, source, Bytes::from_static(json.as_bytes()))
    }

    #[test]
    fn each_condition_alone_can_refuse_an_event() {
        let event = message(
            Source::User,
            r#"{"id":0,"timestamp":"2026-11-22T06:54:03.5","source":"user","message":"Turn ÄÖ 3"}"#,
        );
        for (body, wanted) in [
            ("", true),
            ("null", true),
            ("{}", true),
            (r#"{"query":"turn äö"}"#, true),
            (r#"{"query":"turn 4"}"#, false),
            (r#"{"source":"user","query":null}"#, true),
            (r#"{"source":"agent"}"#, false),
            (r#"{"include_types":["message","run"]}"#, true),
            (r#"{"include_types":["run"]}"#, false),
            (r#"{"exclude_types":["message"]}"#, false),
            (r#"{"start_date":"2026-11-22T06:54:03"}"#, true),
            (r#"{"start_date":"2026-11-22T06:54:04"}"#, false),
            (r#"{"end_date":"2026-11-22T06:54:04"}"#, true),
            (r#"{"end_date":"2026-11-22T06:54:03"}"#, false),
        ] {
            assert_eq!(Filter::read(body.as_bytes()).unwrap().wants(&event), wanted, "{body}");
        }
    }

    #[test]
    fn the_address_outweighs_the_body() {
        let event = message(Source::User, "{}");
        let filter = Filter::read(br#"{"source":"agent","include_types":["run"]}"#).unwrap();
        let query = Conditions {
            source: Some("user".into()),
            include_types: Some("run, message".into()),
            ..Conditions::default()
        };
        assert!(filter.over(query).wants(&event));
    }

    #[test]
    fn hidden_commands_are_left_out_of_a_trajectory() {
        for (kind, json, wanted) in [
            (Kind::Action(ActionKind::Run), r#"{"args":{"command":"x","hidden":true}}"#, false),
            (Kind::Action(ActionKind::Run), r#"{"args":{"command":"x","hidden":false}}"#, true),
            (Kind::Observation(ObservationKind::Run), r#"{"extras":{"hidden":true}}"#, false),
            (Kind::Action(ActionKind::Message), r#"{"args":{"hidden":true}}"#, true),
        ] {
            let json = Bytes::from_static(json.as_bytes());
            let event = StoredEvent::new(EventId(0), kind, Source::Agent, json);
            assert_eq!(Filter::visible().wants(&event), wanted, "{:?}", event.json);
        }
    }
}
