//! Pages of events: how one is found, and read.

use rusqlite::{Connection, OptionalExtension as _, Rows};

use super::buffer::PageBuffer;
use super::readers::{Answer, head_of};
use crate::log::stored::{MAX_ID, Names, row_of};
use crate::log::{ConversationKey, Direction, Envelope, Page, PageOf};

pub(super) fn page(
    db: &Connection,
    key: ConversationKey,
    page: PageOf,
    envelope: &Envelope,
) -> Answer<Page> {
    let (sql, from, to) = match page.direction {
        Direction::Forward => (FORWARD, page.from.0, MAX_ID),
        Direction::Backward => match page.from.last() {
            Some(last) => (BACKWARD, last.0.min(MAX_ID), 0),
            None => return Ok(Ok(Page::default())),
        },
    };
    if from > MAX_ID {
        return Ok(Ok(Page::default()));
    }
    let (from, to) = (row_of(key, from), row_of(key, to));
    if page.direction == Direction::Forward
        && page.max_events >= PIECE_EVENTS
        && let Some([first, last]) = piece(db, from, to, page.max_events)?
    {
        let mut query = db.prepare_cached(PIECE)?;
        let read = Reading { page, envelope, dense: Some(from) };
        match read.rows(query.query([first, last])?)? {
            Ok(Some(read)) => return Ok(Ok(read)),
            Ok(None) => {}
            Err(error) => return Ok(Err(error)),
        }
    }
    let mut query = db.prepare_cached(sql)?;
    let read = Reading { page, envelope, dense: None };
    Ok(read.rows(query.query([from, to])?)?.map(Option::unwrap_or_default))
}

/// The first and the last arrival of the rows that a page begins with, and the one after it, where
/// nothing else seems to have arrived between them. They are then found once, not each by the index.
fn piece(
    db: &Connection,
    from: i64,
    to: i64,
    max_events: usize,
) -> Result<Option<[i64; 2]>, rusqlite::Error> {
    let behind = from.saturating_add(i64::try_from(max_events).unwrap_or(i64::MAX));
    let mut end = db.prepare_cached(END)?;
    let mut end = |from, to| {
        end.query_row([from, to], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?))).optional()
    };
    let Some((first, _)) = end(from, from)? else { return Ok(None) };
    let Some((last, row)) = end(from, behind.min(to))? else { return Ok(None) };
    // Both rise together: as many arrivals as rows are most likely the same ones. The reader
    // of the rows checks it.
    Ok((last - first == row - from).then_some([first, last]))
}

/// A page that is being read.
struct Reading<'a> {
    page: PageOf,
    envelope: &'a Envelope,
    /// The first row, where each must be the one after the last.
    dense: Option<i64>,
}

impl Reading<'_> {
    /// The page; `None` when a row is not the one that must come next.
    fn rows(&self, mut rows: Rows<'_>) -> Answer<Option<Page>> {
        let PageOf { max_events, max_bytes, .. } = self.page;
        let (mut buffer, mut bytes) = (PageBuffer::new(self.envelope), 0_usize);
        let (mut names, mut expected) = (Names::default(), self.dense);
        while let Some(row) = rows.next()? {
            let number = row.get(0)?;
            if let Some(expected) = &mut expected {
                if number != *expected {
                    return Ok(Ok(None));
                }
                *expected += 1;
            }
            let head = match head_of(number, row, &mut names)? {
                Ok(head) => head,
                Err(error) => return Ok(Err(error)),
            };
            let json = row.get_ref(3)?.as_blob()?;
            bytes = bytes.saturating_add(json.len());
            let is_first = buffer.len() == 0;
            if buffer.len() >= max_events || (bytes > max_bytes && !is_first) {
                return Ok(Ok(Some(Page { events: buffer.events(), more: true })));
            }
            let more = max_events - buffer.len() - 1;
            buffer.push(head, json, more);
        }
        Ok(Ok(Some(Page { events: buffer.events(), more: false })))
    }
}

/// For fewer it costs more to look than it saves.
const PIECE_EVENTS: usize = 16;

const FORWARD: &str =
    "SELECT row, kind, source, json FROM events WHERE row BETWEEN ?1 AND ?2 ORDER BY row";
const BACKWARD: &str =
    "SELECT row, kind, source, json FROM events WHERE row BETWEEN ?2 AND ?1 ORDER BY row DESC";
const PIECE: &str =
    "SELECT row, kind, source, json FROM events WHERE arrival BETWEEN ?1 AND ?2 ORDER BY arrival";
/// The last row of a range.
const END: &str =
    "SELECT arrival, row FROM events WHERE row BETWEEN ?1 AND ?2 ORDER BY row DESC LIMIT 1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Position;

    const KEY: ConversationKey = ConversationKey(7);

    /// A log of these rows, in the order in which they arrived.
    fn log(rows: &[(ConversationKey, u64)]) -> Connection {
        let db = Connection::open_in_memory().unwrap();
        crate::log::sqlite::schema::since(0).for_each(|sql| db.execute_batch(sql).unwrap());
        let mut insert = "INSERT INTO events (row, kind, source, json) VALUES ".to_owned();
        for &(key, id) in rows {
            insert += &format!("({}, 'action:think', 'agent', x'{:02x}'),", row_of(key, id), id);
        }
        db.execute_batch(insert.trim_end_matches(',')).unwrap();
        db
    }

    fn ids(db: &Connection, from: u64, direction: Direction, most: [usize; 2]) -> (Vec<u64>, bool) {
        let [max_events, max_bytes] = most;
        let of = PageOf { from: Position(from), direction, max_events, max_bytes };
        let page = page(db, KEY, of, &Envelope::default()).unwrap().unwrap();
        assert!(page.events.iter().all(|event| event.json[..] == [event.id.0 as u8]));
        (page.events.iter().map(|event| event.id.0).collect(), page.more)
    }

    fn is_piece(db: &Connection, from: u64, max_events: usize) -> bool {
        let (from, to) = (row_of(KEY, from), row_of(KEY, MAX_ID));
        piece(db, from, to, max_events).unwrap().is_some()
    }

    #[test]
    fn what_lies_in_one_piece_and_what_does_not_is_read_alike() {
        let of = |key: ConversationKey, ids: std::ops::Range<u64>| ids.map(move |id| (key, id));
        let other = ConversationKey(8);
        let whole: Vec<_> = of(other, 0..3).chain(of(KEY, 0..40)).chain(of(other, 3..6)).collect();
        let mut mixed = whole.clone();
        mixed.sort_by_key(|(key, id)| (*id, key.0));
        // Two have changed their places: as many arrivals as rows, and yet not theirs.
        let mut swapped = whole.clone();
        swapped.swap(0, 13);
        for (rows, seems) in [(whole, true), (mixed, false), (swapped, true)] {
            let db = log(&rows);
            assert_eq!([is_piece(&db, 0, 20), is_piece(&db, 0, 99)], [seems; 2]);
            for (from, direction, most, expected) in [
                (0, Direction::Forward, [3, 99], ((0..3).collect(), true)),
                (0, Direction::Forward, [20, 99], ((0..20).collect(), true)),
                (0, Direction::Forward, [99, 4], ((0..4).collect(), true)),
                (20, Direction::Forward, [20, 99], ((20..40).collect(), false)),
                (20, Direction::Forward, [19, 99], ((20..39).collect(), true)),
                (39, Direction::Forward, [99, 0], (vec![39], false)),
                (40, Direction::Forward, [99, 99], (vec![], false)),
                (40, Direction::Backward, [20, 99], ((20..40).rev().collect(), true)),
                (2, Direction::Backward, [20, 99], (vec![1, 0], false)),
            ] {
                assert_eq!(ids(&db, from, direction, most), expected, "{from} {direction:?}");
            }
        }
    }

    #[test]
    fn a_gap_is_not_skipped_in_silence_and_nothing_of_another_conversation_is_taken() {
        let other = ConversationKey(8);
        // Between 0 and 2 another's event arrived where 1 would be.
        let db = log(&[(KEY, 0), (other, 1), (KEY, 2), (KEY, 3)]);
        assert!(is_piece(&db, 0, 99));
        assert_eq!(ids(&db, 0, Direction::Forward, [99, 99]), (vec![0, 2, 3], false));
        assert_eq!(ids(&db, 1, Direction::Forward, [99, 99]), (vec![2, 3], false));
    }
}
