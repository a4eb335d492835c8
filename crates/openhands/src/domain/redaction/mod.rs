//! Known secrets, replaced by a mark wherever an event holds them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aho_corasick::{AhoCorasick, MatchKind};

/// A table of secrets. Cloning shares it: what is learned later holds for all clones.
///
/// A secret is found in every string of an event, at any depth: in lists, in messages, in the names
/// of nested fields, and inside JSON that is itself a string, as a tool call's arguments are. The
/// longest of several that begin at one place is replaced, by [`Redaction::MARK`]. Left alone are
/// what makes an event an event: `source`, `timestamp`, `action`, `observation`, `type`, and the
/// names of its fields and of their fields.
#[derive(Clone, Default)]
pub struct Redaction(pub(super) Arc<Secrets>);

#[derive(Default)]
pub(super) struct Secrets {
    /// Whether there is anything to hide. Drafts ask this first: many servers know no secret.
    pub(super) any: AtomicBool,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    secrets: BTreeMap<String, Vec<String>>,
    finder: Option<Arc<Finder>>,
}

/// A secret that cannot be looked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedactionError {
    /// More than can be looked for at once. The table is as it was.
    #[error("secrets of {len} bytes, the limit is {max}")]
    TooLarge {
        /// Bytes in all their forms.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// The search could not be built from them. The table is as it was.
    #[error("no search for the secrets: {0}")]
    NoSearch(String),
}

impl Redaction {
    /// What stands where a secret was, as in OpenHands 0.62.
    pub const MARK: &str = "<secret_hidden>";
    /// Fewest characters of a secret: shorter ones are part of too many words to be hidden.
    pub const MIN_CHARS: usize = 4;
    /// Most bytes of all secrets, in all their forms.
    pub const MAX_BYTES: usize = 8 << 20;

    /// Replaces the secrets of `origin` by these; those of other origins stay. Short ones are left out.
    ///
    /// # Errors
    /// [`RedactionError`].
    pub fn learn(
        &self,
        origin: &str,
        secrets: impl IntoIterator<Item = String>,
    ) -> Result<(), RedactionError> {
        let long = |secret: &String| secret.chars().count() >= Self::MIN_CHARS;
        let secrets = secrets.into_iter().filter(long).collect();
        let mut table = self.table();
        let mut all = table.secrets.clone();
        all.insert(origin.to_owned(), secrets);
        let finder = Finder::new(all.values().flatten())?;
        self.0.any.store(finder.is_some(), Ordering::SeqCst);
        *table = Table { secrets: all, finder: finder.map(Arc::new) };
        Ok(())
    }

    /// `json`, a whole event as serde_json writes it, without the secrets.
    pub fn event<'a>(&self, json: &'a str) -> Cow<'a, str> {
        self.strings(json.as_bytes(), 0).map_or(Cow::Borrowed(json), Cow::Owned)
    }

    /// As [`Redaction::event`], for a text that begins after `open` brackets; `None` when it stays as
    /// it is. Without secrets, and in an event without any, nothing is checked or copied.
    pub(super) fn strings(&self, json: &[u8], open: usize) -> Option<String> {
        let finder = self.table().finder.clone().filter(|finder| finder.written.is_match(json))?;
        // What serde_json wrote is UTF-8.
        let json = std::str::from_utf8(json).ok()?;
        Some(Walk { json, finder: &finder, open, name: "" }.replaced())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Redaction {
    // Without the values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.table().secrets.values().map(Vec::len).sum::<usize>();
        f.debug_struct("Redaction").field("known", &known).finish()
    }
}

struct Finder {
    /// Finds secrets in a text, plain or escaped once.
    plain: AhoCorasick,
    /// Finds what `plain` would, before the text's own escapes are taken back: most events hold no
    /// secret, and need not be looked at string by string.
    written: AhoCorasick,
}

impl Finder {
    fn new<'a>(secrets: impl Iterator<Item = &'a String>) -> Result<Option<Self>, RedactionError> {
        let mut plain: Vec<String> = secrets
            .flat_map(|secret| [secret.clone(), escaped(secret), to_ascii(secret)])
            .collect();
        plain.sort_unstable();
        plain.dedup();
        let written: Vec<String> = plain.iter().map(|secret| escaped(secret)).collect();
        let (len, max) = (written.iter().map(String::len).sum(), Redaction::MAX_BYTES);
        if len > max {
            return Err(RedactionError::TooLarge { len, max });
        }
        if plain.is_empty() {
            return Ok(None);
        }
        let search = |texts: &[String]| {
            let found = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(texts);
            found.map_err(|error| RedactionError::NoSearch(error.to_string()))
        };
        Ok(Some(Self { plain: search(&plain)?, written: search(&written)? }))
    }
}

/// A text as it stands between the quotes of JSON.
fn escaped(text: &str) -> String {
    // A string always has a JSON form.
    let quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// The same as Python writes it: without characters beyond ASCII.
fn to_ascii(text: &str) -> String {
    let mut out = String::new();
    super::python::push_ascii(&mut out, &escaped(text));
    out
}

struct Walk<'a> {
    json: &'a str,
    finder: &'a Finder,
    open: usize,
    /// The field of the event we are in.
    name: &'a str,
}

impl<'a> Walk<'a> {
    fn replaced(mut self) -> String {
        let mut out = String::with_capacity(self.json.len());
        let mut rest = self.json;
        while let Some(at) = rest.find('"') {
            let (before, from) = rest.split_at(at);
            self.count(before);
            out.push_str(before);
            let (quoted, behind) = from.split_at(end_of_string(from));
            match self.change(quoted, behind.starts_with(':')) {
                Some(changed) => out.push_str(&changed),
                None => out.push_str(quoted),
            }
            rest = behind;
        }
        out.push_str(rest);
        out
    }

    fn count(&mut self, between: &str) {
        for byte in between.bytes() {
            match byte {
                b'{' | b'[' => self.open += 1,
                b'}' | b']' => self.open = self.open.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// A string without secrets; `None` when it stays as it is.
    fn change(&mut self, quoted: &'a str, is_name: bool) -> Option<String> {
        if is_name && self.open <= 1 {
            self.name = quoted;
        }
        let stays = match is_name {
            true => self.open <= 2,
            false => self.open <= 1 && STRUCTURE.contains(&self.name),
        };
        if stays {
            return None;
        }
        let text: String = serde_json::from_str(quoted).ok()?;
        if !self.finder.plain.is_match(&text) {
            return None;
        }
        let mut hidden = String::with_capacity(text.len());
        self.finder.plain.replace_all_with(&text, &mut hidden, |_, _, hidden| {
            hidden.push_str(Redaction::MARK);
            true
        });
        serde_json::to_string(&hidden).ok()
    }
}

/// Bytes of the string at the start of `text`, both quotes included.
pub(crate) fn end_of_string(text: &str) -> usize {
    let mut escapes = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escapes => escapes = false,
            b'\\' => escapes = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// What readers go by; the values are names and times.
const STRUCTURE: &[&str] =
    &["\"source\"", "\"timestamp\"", "\"action\"", "\"observation\"", "\"type\""];

#[cfg(test)]
mod tests;
