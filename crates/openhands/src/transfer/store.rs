//! The folders of an OpenHands 0.62 file store.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;

use super::event::Fault;
use crate::domain::{ConversationId, EventId, UserName};
use crate::log::sqlite::utc_text;

/// A conversation's folder, and what its `metadata.json` says.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: ConversationId,
    pub(super) folder: PathBuf,
    pub(super) title: Option<String>,
    /// Its owner, if that can be the name of a user here.
    pub(super) owner: Option<UserName>,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    /// Why `metadata.json` says nothing.
    pub(super) fault: Option<Fault>,
    /// Files of events, of which some may be none.
    pub(super) files: u64,
}

/// The folders below `root` that hold conversations: those of everybody, and those of users, as far
/// as they have names that a user can have here.
///
/// # Errors
/// When `root` cannot be read, or is not a store.
pub(super) fn shelves(root: &Path) -> io::Result<Vec<(PathBuf, Option<UserName>)>> {
    let mut shelves = Vec::new();
    let sessions = root.join("sessions");
    if sessions.is_dir() {
        shelves.push((sessions, None));
    }
    let users = root.join("users");
    if users.is_dir() {
        for user in names(&users)? {
            let conversations = users.join(&user).join("conversations");
            if conversations.is_dir() {
                shelves.push((conversations, user.parse().ok()));
            }
        }
    }
    match shelves.is_empty() {
        // A folder that is not there says so itself.
        true => fs::read_dir(root).and(Err(io::Error::new(
            io::ErrorKind::NotFound,
            "neither \"sessions\" nor \"users/…/conversations\" in it",
        ))),
        false => Ok(shelves),
    }
}

/// The names in a folder, in order. A name that is not UTF-8 is not listed: the original never writes it.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// Looks at the conversation in `folder`; `None` when there is none. It is `owner`'s unless its
/// metadata say whose.
pub(super) fn look(
    folder: PathBuf,
    id: ConversationId,
    owner: Option<UserName>,
) -> io::Result<Option<Found>> {
    let metadata = folder.join("metadata.json");
    let files = match fs::read_dir(folder.join("events")) {
        Ok(entries) => Some(entries.count() as u64),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if files.is_none() && !metadata.exists() {
        return Ok(None);
    }
    let read = read(&metadata, MAX_METADATA)
        .and_then(|bytes| Ok(serde_json::from_slice::<serde_json::Map<String, Value>>(&bytes)?));
    let (values, fault) = match read {
        Ok(values) => (values, None),
        Err(fault) => (serde_json::Map::new(), Some(fault)),
    };
    let changed = fs::metadata(&folder).and_then(|folder| folder.modified());
    let changed = utc(changed.unwrap_or(SystemTime::UNIX_EPOCH));
    let time = |key| values.get(key).and_then(Value::as_str).and_then(normal);
    let created_at = time("created_at").unwrap_or(changed);
    Ok(Some(Found {
        id,
        owner: values
            .get("user_id")
            .and_then(Value::as_str)
            .and_then(|id| id.parse().ok())
            .or(owner),
        title: values.get("title").and_then(Value::as_str).map(str::to_owned),
        updated_at: time("last_updated_at").unwrap_or_else(|| created_at.clone()),
        created_at,
        fault,
        files: files.unwrap_or(0),
        folder,
    }))
}

/// A time in the form of the log, from any ISO 8601 form. Without a zone it is UTC, which is what
/// the original means.
fn normal(text: &str) -> Option<String> {
    let time = text.parse::<Timestamp>().or_else(|_| format!("{text}Z").parse()).ok()?;
    Some(utc_text(time))
}

fn utc(time: SystemTime) -> String {
    utc_text(Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// The ids of events that have a file, in order, and the names that are none.
///
/// # Errors
/// When the folder cannot be read, or has more than [`MAX_EVENTS`] files.
pub(super) fn events(folder: &Path) -> Result<(Vec<EventId>, Vec<String>), Fault> {
    let entries = match fs::read_dir(folder.join("events")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Default::default()),
        Err(error) => return Err(error.into()),
    };
    let (mut ids, mut strange) = (Vec::new(), Vec::new());
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        // Only the name that the original writes: "007.json" is another file than "7.json".
        let id = name.strip_suffix(".json").and_then(|stem| stem.parse::<u64>().ok());
        match id.filter(|id| format!("{id}.json") == name) {
            Some(id) => ids.push(EventId(id)),
            None => strange.push(name),
        }
        let (len, max) = ((ids.len() + strange.len()) as u64, MAX_EVENTS);
        if len > max {
            return Err(Fault::TooMany { len, max });
        }
    }
    ids.sort_unstable();
    strange.sort_unstable();
    Ok((ids, strange))
}

/// Reads a whole file.
///
/// # Errors
/// When it is not a file, larger than `max` bytes, or unreadable.
pub(super) fn read(path: &Path, max: u64) -> Result<Vec<u8>, Fault> {
    // Before it is opened: a pipe would wait for its other end.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(Fault::NoFile);
    }
    check(&metadata, max)?;
    let mut bytes = Vec::new();
    File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    // It may have grown.
    match bytes.len() as u64 > max {
        true => Err(Fault::TooLarge { len: bytes.len() as u64, max }),
        false => Ok(bytes),
    }
}

fn check(metadata: &Metadata, max: u64) -> Result<(), Fault> {
    match metadata.len() > max {
        true => Err(Fault::TooLarge { len: metadata.len(), max }),
        false => Ok(()),
    }
}

/// The original's cache of events: asked by id for what has no file of its own. A page is read once
/// for all it holds, and where its events are is not trusted: after a burnt id it holds other events
/// than its name says.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    /// Where pages begin, and where they say they end.
    pages: BTreeMap<u64, u64>,
    /// The page that was read last, by its begin.
    read: Option<(u64, Vec<Cached>)>,
}

impl Cache {
    pub(super) fn new(folder: &Path) -> Self {
        let folder = folder.join("event_cache");
        let mut pages = BTreeMap::new();
        for name in names(&folder).unwrap_or_default() {
            let range = name.strip_suffix(".json").and_then(|range| range.split_once('-'));
            if let Some((Ok(from), Ok(to))) = range.map(|(from, to)| (from.parse(), to.parse()))
                && (pages.len() as u64) < MAX_EVENTS
            {
                pages.insert(from, to);
            }
        }
        Self { folder, pages, read: None }
    }

    /// The event of this id, if a page holds it.
    pub(super) fn event(&mut self, id: EventId) -> Option<Box<RawValue>> {
        // A shifted page holds at most as many events beyond its end as it has.
        let near = id.0.saturating_sub(2 * PAGE_EVENTS)..=id.0;
        let near: Vec<u64> = self.pages.range(near).map(|(from, _)| *from).collect();
        near.into_iter().rev().find_map(|from| {
            let page = self.page(from);
            page.iter().find(|(found, _)| *found == id.0).map(|(_, raw)| raw.clone())
        })
    }

    fn page(&mut self, from: u64) -> &[Cached] {
        if self.read.as_ref().is_none_or(|(read, _)| *read != from) {
            let to = self.pages.get(&from).copied().unwrap_or(from);
            let path = self.folder.join(format!("{from}-{to}.json"));
            // A page that cannot be read holds nothing: its events are missing, and said to be.
            let bytes = read(&path, MAX_PAGE).unwrap_or_default();
            let events: Vec<Box<RawValue>> = serde_json::from_slice(&bytes).unwrap_or_default();
            let with_id = events.into_iter().filter_map(|raw| {
                let event: Numbered = serde_json::from_str(raw.get()).ok()?;
                Some((event.id, raw))
            });
            self.read = Some((from, with_id.collect()));
        }
        self.read.as_ref().map_or(&[], |(_, events)| events)
    }
}

/// An event of a page, under the id it says it has.
type Cached = (u64, Box<RawValue>);

#[derive(serde::Deserialize)]
struct Numbered {
    id: u64,
}

/// The secrets that the store keeps for its users: they must not come in with the events.
pub(super) fn secrets(root: &Path) -> Vec<String> {
    let mut secrets = Vec::new();
    let mut homes = vec![root.to_owned()];
    let users = root.join("users");
    homes.extend(names(&users).unwrap_or_default().into_iter().map(|user| users.join(user)));
    for home in homes {
        for file in ["settings.json", "secrets.json"] {
            let value = read(&home.join(file), MAX_METADATA)
                .ok()
                .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
            if let Some(value) = value {
                collect(&value, false, &mut secrets);
            }
        }
    }
    secrets
}

/// The texts under names that hold a secret; below `custom_secrets` every text that describes
/// nothing.
// The recursion is as deep as the JSON, and serde_json reads at most 128 levels.
fn collect(value: &Value, is_secret: bool, secrets: &mut Vec<String>) {
    match value {
        Value::String(text) if is_secret => secrets.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, is_secret, secrets)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let named = SECRETS.contains(&name.as_str());
                collect(value, (is_secret || named) && name != "description", secrets);
            }
        }
        _ => {}
    }
}

const SECRETS: &[&str] =
    &["llm_api_key", "search_api_key", "sandbox_api_key", "custom_secrets", "token", "secret"];
/// Most bytes of `metadata.json`, `settings.json`, `secrets.json`.
const MAX_METADATA: u64 = 1 << 20;
/// Most bytes of a page of the cache.
const MAX_PAGE: u64 = 64 << 20;
/// Most files of events of one conversation.
pub(super) const MAX_EVENTS: u64 = 10_000_000;
/// Events of a page.
const PAGE_EVENTS: u64 = 25;
