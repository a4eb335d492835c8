//! What the Autobahn suite asks of an endpoint, in groups 1 to 7 and 10, as a table of our own: frames
//! in; messages, pongs and the close code out. Each case is read whole and cut at every byte, or
//! every few for the large ones, and by both roles.

use super::*;

/// The data of a frame or a message.
#[derive(Clone, Copy)]
enum Data {
    Is(&'static [u8]),
    /// This byte so many times.
    Many(u8, usize),
}
use Data::{Is, Many};

/// What is said at the end, or nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// The connection stays open.
    Open,
    /// It closes by this code.
    Code(u16),
    /// It closes without a code.
    NoCode,
}
use End::{Code, NoCode, Open as Stays};

/// Number of the case, frames (first byte and data), messages, data of the pongs, end.
type Case = (&'static str, &'static [(u8, Data)], &'static [Data], &'static [Data], End);

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const SHUT: u8 = 0x88;
/// The first frame of several, those between, and the last.
const BEGIN: u8 = 0x01;
const BEGIN_BINARY: u8 = 0x02;
const MORE: u8 = 0x00;
const LAST: u8 = 0x80;

const HELLO: Data = Is(b"Hello, world!");
const NONE: Data = Is(b"");
const MIXED: &str = "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-UTF-8!!";

#[rustfmt::skip]
const CASES: &[Case] = &[
    // 1: whole messages of all lengths.
    ("1.1.1", &[(TEXT, NONE)], &[NONE], &[], Stays),
    ("1.1.2", &[(TEXT, Many(b'*', 125))], &[Many(b'*', 125)], &[], Stays),
    ("1.1.3", &[(TEXT, Many(b'*', 126))], &[Many(b'*', 126)], &[], Stays),
    ("1.1.4", &[(TEXT, Many(b'*', 127))], &[Many(b'*', 127)], &[], Stays),
    ("1.1.5", &[(TEXT, Many(b'*', 128))], &[Many(b'*', 128)], &[], Stays),
    ("1.1.6", &[(TEXT, Many(b'*', 65_535))], &[Many(b'*', 65_535)], &[], Stays),
    ("1.1.7", &[(TEXT, Many(b'*', 65_536))], &[Many(b'*', 65_536)], &[], Stays),
    ("1.2.1", &[(BINARY, NONE)], &[NONE], &[], Stays),
    ("1.2.2", &[(BINARY, Many(0xfe, 125))], &[Many(0xfe, 125)], &[], Stays),
    ("1.2.3", &[(BINARY, Many(0xfe, 126))], &[Many(0xfe, 126)], &[], Stays),
    ("1.2.4", &[(BINARY, Many(0xfe, 127))], &[Many(0xfe, 127)], &[], Stays),
    ("1.2.5", &[(BINARY, Many(0xfe, 128))], &[Many(0xfe, 128)], &[], Stays),
    ("1.2.6", &[(BINARY, Many(0xfe, 65_535))], &[Many(0xfe, 65_535)], &[], Stays),
    ("1.2.7", &[(BINARY, Many(0xfe, 65_536))], &[Many(0xfe, 65_536)], &[], Stays),
    // 2: pings and pongs.
    ("2.1", &[(PING, NONE)], &[], &[NONE], Stays),
    ("2.2", &[(PING, HELLO)], &[], &[HELLO], Stays),
    ("2.3", &[(PING, Is(b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"))], &[], &[Is(b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")], Stays),
    ("2.4", &[(PING, Many(0xfe, 125))], &[], &[Many(0xfe, 125)], Stays),
    ("2.5", &[(PING, Many(0xfe, 126))], &[], &[], Code(1002)),
    ("2.7", &[(PONG, NONE)], &[], &[], Stays),
    ("2.8", &[(PONG, HELLO)], &[], &[], Stays),
    ("2.9", &[(PONG, HELLO), (PING, Is(b"ping"))], &[], &[Is(b"ping")], Stays),
    ("2.10", &[(PING, Is(b"0")), (PING, Is(b"1")), (PING, Is(b"2")), (PING, Is(b"3")), (PING, Is(b"4"))],
        &[], &[Is(b"0"), Is(b"1"), Is(b"2"), Is(b"3"), Is(b"4")], Stays),
    // 3: reserved bits.
    ("3.1", &[(TEXT | 0x10, HELLO)], &[], &[], Code(1002)),
    ("3.2", &[(TEXT, HELLO), (TEXT | 0x20, HELLO), (PING, NONE)], &[HELLO], &[], Code(1002)),
    ("3.3", &[(TEXT, HELLO), (TEXT | 0x30, HELLO), (PING, NONE)], &[HELLO], &[], Code(1002)),
    ("3.4", &[(TEXT, HELLO), (TEXT | 0x40, HELLO), (PING, NONE)], &[HELLO], &[], Code(1002)),
    ("3.5", &[(BINARY | 0x50, Many(0xff, 8))], &[], &[], Code(1002)),
    ("3.6", &[(PING | 0x60, HELLO)], &[], &[], Code(1002)),
    ("3.7", &[(SHUT | 0x70, NONE)], &[], &[], Code(1002)),
    // 4: opcodes that are none.
    ("4.1.1", &[(0x83, NONE)], &[], &[], Code(1002)),
    ("4.1.2", &[(0x84, HELLO)], &[], &[], Code(1002)),
    ("4.1.3", &[(TEXT, HELLO), (0x85, NONE), (PING, NONE)], &[HELLO], &[], Code(1002)),
    ("4.1.4", &[(TEXT, HELLO), (0x86, HELLO), (PING, NONE)], &[HELLO], &[], Code(1002)),
    ("4.1.5", &[(TEXT, HELLO), (0x87, HELLO), (PING, NONE)], &[HELLO], &[], Code(1002)),
    ("4.2.1", &[(0x8b, NONE)], &[], &[], Code(1002)),
    ("4.2.2", &[(0x8c, HELLO)], &[], &[], Code(1002)),
    ("4.2.3", &[(TEXT, HELLO), (0x8d, NONE), (PING, NONE)], &[HELLO], &[], Code(1002)),
    ("4.2.4", &[(TEXT, HELLO), (0x8e, HELLO), (PING, NONE)], &[HELLO], &[], Code(1002)),
    ("4.2.5", &[(TEXT, HELLO), (0x8f, HELLO), (PING, NONE)], &[HELLO], &[], Code(1002)),
    // 5: fragments.
    ("5.1", &[(0x09, Is(b"one")), (LAST, Is(b"two"))], &[], &[], Code(1002)),
    ("5.2", &[(0x0a, Is(b"one")), (LAST, Is(b"two"))], &[], &[], Code(1002)),
    ("5.3", &[(BEGIN, Is(b"one")), (LAST, Is(b"two"))], &[Is(b"onetwo")], &[], Stays),
    ("5.6", &[(BEGIN, Is(b"one")), (PING, HELLO), (LAST, Is(b"two"))], &[Is(b"onetwo")], &[HELLO], Stays),
    ("5.9", &[(LAST, Is(b"lost")), (TEXT, HELLO)], &[], &[], Code(1002)),
    ("5.12", &[(MORE, Is(b"lost")), (TEXT, HELLO)], &[], &[], Code(1002)),
    ("5.15", &[(BEGIN, Is(b"one")), (LAST, Is(b"two")), (MORE, Is(b"lost")), (TEXT, HELLO)], &[Is(b"onetwo")], &[], Code(1002)),
    ("5.16", &[(MORE, Is(b"lost")), (BEGIN, Is(b"one")), (LAST, Is(b"two"))], &[], &[], Code(1002)),
    ("5.17", &[(LAST, Is(b"lost")), (BEGIN, Is(b"one")), (LAST, Is(b"two"))], &[], &[], Code(1002)),
    ("5.18", &[(BEGIN, Is(b"one")), (TEXT, Is(b"two"))], &[], &[], Code(1002)),
    ("5.19", &[(BEGIN, Is(b"a")), (MORE, Is(b"b")), (PING, Is(b"1")), (MORE, Is(b"c")), (PING, Is(b"2")), (LAST, Is(b"d"))],
        &[Is(b"abcd")], &[Is(b"1"), Is(b"2")], Stays),
    ("5.20", &[(BEGIN_BINARY, Is(b"\xff")), (PING, NONE), (LAST, Is(b"\xfe")), (BINARY, Is(b"\xfd"))],
        &[Is(b"\xff\xfe"), Is(b"\xfd")], &[NONE], Stays),
    // 6: UTF-8, whole and in fragments. Strings of their own are below.
    ("6.1.2", &[(BEGIN, NONE), (MORE, NONE), (LAST, NONE)], &[NONE], &[], Stays),
    ("6.1.3", &[(BEGIN, NONE), (MORE, Is(b"middle")), (LAST, NONE)], &[Is(b"middle")], &[], Stays),
    ("6.2.1", &[(TEXT, Is(MIXED.as_bytes()))], &[Is(MIXED.as_bytes())], &[], Stays),
    ("6.2.2", &[(BEGIN, Is("Hello-\u{b5}@\u{df}\u{f6}\u{e4}".as_bytes())), (LAST, Is("\u{fc}\u{e0}\u{e1}-UTF-8!!".as_bytes()))],
        &[Is(MIXED.as_bytes())], &[], Stays),
    ("6.2.4", &[(BEGIN, Is(b"\xce")), (MORE, Is(b"\xba\xe1\xbd")), (LAST, Is(b"\xb9"))], &[Is(b"\xce\xba\xe1\xbd\xb9")], &[], Stays),
    ("6.3.2", &[(BEGIN, Is(b"\xce\xba\xed")), (MORE, Is(b"\xa0")), (LAST, Is(b"\x80edited"))], &[], &[], Code(1007)),
    ("6.4.1", &[(BEGIN, Is(b"\xce\xba\xe1\xbd\xb9")), (MORE, Is(b"\xf4\x90\x80\x80")), (LAST, Is(b"edited"))], &[], &[], Code(1007)),
    // 7: the end.
    ("7.1.1", &[(TEXT, HELLO), (SHUT, NONE)], &[HELLO], &[], NoCode),
    ("7.1.2", &[(SHUT, NONE), (SHUT, NONE)], &[], &[], NoCode),
    ("7.1.3", &[(SHUT, NONE), (PING, HELLO)], &[], &[], NoCode),
    ("7.1.4", &[(SHUT, NONE), (TEXT, HELLO)], &[], &[], NoCode),
    ("7.1.5", &[(BEGIN, Is(b"one")), (SHUT, NONE), (LAST, Is(b"two"))], &[], &[], NoCode),
    ("7.1.6", &[(TEXT, Many(b'*', 70_000)), (SHUT, NONE), (PING, NONE)], &[Many(b'*', 70_000)], &[], NoCode),
    ("7.3.1", &[(SHUT, NONE)], &[], &[], NoCode),
    ("7.3.2", &[(SHUT, Is(b"a"))], &[], &[], Code(1002)),
    ("7.3.3", &[(SHUT, Is(b"\x03\xe8"))], &[], &[], Code(1000)),
    ("7.3.4", &[(SHUT, Is(b"\x03\xe8bye"))], &[], &[], Code(1000)),
    ("7.3.5", &[(SHUT, Many(0x0f, 125))], &[], &[], Code(0x0f0f)),
    ("7.3.6", &[(SHUT, Many(0x0f, 126))], &[], &[], Code(1002)),
    ("7.5.1", &[(SHUT, Is(b"\x03\xe8\xce\xba\xed\xa0\x80"))], &[], &[], Code(1007)),
];

#[test]
fn cases_of_the_autobahn_suite_end_as_it_asks() {
    for (name, frames, messages, pongs, end) in CASES {
        check(name, frames, messages, pongs, *end);
    }
}

#[test]
fn text_is_utf8_whole_and_in_fragments() {
    // Groups 6.5 to 6.22: the first and the last of each length, surrogates, overlong forms, beginnings
    // without their end.
    let valid: [&'static [u8]; 16] = [
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5",
        b"\x00",
        b"\xc2\x80",
        b"\xe0\xa0\x80",
        b"\xf0\x90\x80\x80",
        b"\x7f",
        b"\xdf\xbf",
        b"\xef\xbf\xbf",
        b"\xf4\x8f\xbf\xbf",
        b"\xed\x9f\xbf",
        b"\xee\x80\x80",
        b"\xef\xbf\xbd",
        b"\xef\xbf\xbe",
        b"\xf0\x9f\xbf\xbe",
        b"\xf0\xaf\xbf\xbf",
        b"\xf4\x8f\xbf\xbe",
    ];
    for text in valid {
        check("valid", &[(TEXT, Is(text))], &[Is(text)], &[], Stays);
        let (first, last) = text.split_at(1);
        check("valid", &[(BEGIN, Is(first)), (LAST, Is(last))], &[Is(text)], &[], Stays);
    }
    let invalid: [&'static [u8]; 22] = [
        b"\xf8\x88\x80\x80\x80",
        b"\xfc\x84\x80\x80\x80\x80",
        b"\xf7\xbf\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\x80",
        b"\xbf",
        b"\x80\xbf\x80",
        b"\xc0 ",
        b"\xe0 ",
        b"\xf0 ",
        b"\xc3",
        b"\xe1\xbd",
        b"\xf0\x90\x80",
        b"\xfe",
        b"\xff",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xc1\xbf",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xed\xa0\x80\xed\xb0\x80",
    ];
    for text in invalid {
        check("invalid", &[(TEXT, Is(text))], &[], &[], Code(1007));
        let (first, last) = text.split_at(1);
        check("invalid", &[(BEGIN, Is(first)), (LAST, Is(last))], &[], &[], Code(1007));
    }
}

#[test]
fn a_close_is_answered_by_its_code_if_it_may_have_that() {
    // Groups 7.7, 7.9 and 7.13.
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        check_close(code, code);
    }
    for code in [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535] {
        check_close(code, 1002);
    }
}

#[test]
fn a_message_in_many_fragments_is_whole() {
    // Group 10.
    let mut frames = vec![(BEGIN, Many(b'*', 1_300))];
    frames.extend([(MORE, Many(b'*', 1_300)); 49]);
    frames.push((LAST, Many(b'*', 536)));
    check("10.1.1", &frames, &[Many(b'*', 65_536)], &[], Stays);
}

fn check_close(code: u16, answered: u16) {
    let data: &'static [u8] = Box::leak(Box::new(code.to_be_bytes()));
    check("code", &[(SHUT, Is(data))], &[], &[], Code(answered));
}

/// Reads the frames in pieces of several lengths, as each role.
fn check(name: &str, frames: &[(u8, Data)], messages: &[Data], pongs: &[Data], end: End) {
    for (role, mask) in [(Role::Server, Some([0x12, 0x9a, 0xff, 0])), (Role::Client, None)] {
        let frames = frames.iter().map(|(first, data)| {
            let data = bytes(*data);
            frame(*first, mask, if data.len() > 65_535 { 2 } else { 0 }, &data)
        });
        let frames = frames.collect::<Vec<_>>().concat();
        let lens = match frames.len() {
            0..2_000 => (1..=frames.len()).collect(),
            len => vec![4_093, len],
        };
        for len in lens {
            let (got, answered, last) = read(role, cut(&frames, &[len]));
            let messages: Vec<_> = messages.iter().copied().map(bytes).collect();
            assert!(got == messages, "{name}, {role:?}, by {len}");
            let pongs: Vec<_> = pongs.iter().copied().map(bytes).collect();
            assert_eq!((answered, last), (pongs, end), "{name}, {role:?}, by {len}");
        }
    }
}

/// The messages, the pongs, and how it ended.
fn read(role: Role, pieces: Vec<Vec<u8>>) -> (Vec<Vec<u8>>, Vec<Vec<u8>>, End) {
    let (mut io, mut codec) = (Memory::default(), Codec::new(role, 1 << 20));
    let (mut got, mut is_over) = (Vec::new(), false);
    for piece in pieces {
        io.unread.extend(piece);
        while !is_over {
            match codec.next(&mut io) {
                Some(Received::Frame(Frame::Text(data) | Frame::Binary(data))) => {
                    got.push(data.to_vec());
                }
                Some(Received::Closed | Received::Failed(_)) => is_over = true,
                None => break,
            }
        }
    }
    assert!(codec.goodbye(&mut io) && codec.goodbye(&mut io));
    let (mut pongs, mut ends) = (Vec::new(), Vec::new());
    let mut rest = &io.written[..];
    while let [first, second, after @ ..] = rest {
        // Control frames have short headers.
        let (len, is_masked) = (usize::from(second & 0x7f), second & 0x80 != 0);
        assert_eq!(is_masked, role == Role::Client);
        let (mask, after) = after.split_at(if is_masked { 4 } else { 0 });
        let (data, after) = after.split_at(len);
        let mut data = data.to_vec();
        if let Ok(mask) = mask.try_into() {
            apply_mask(&mut data, mask);
        }
        match *first {
            PONG => pongs.push(data),
            SHUT => ends.push(match data.first_chunk() {
                Some(code) => Code(u16::from_be_bytes(*code)),
                None => NoCode,
            }),
            other => panic!("{other:x}"),
        }
        rest = after;
    }
    assert_eq!(ends.len(), 1, "exactly one close frame");
    (got, pongs, if is_over { ends[0] } else { Stays })
}

fn bytes(data: Data) -> Vec<u8> {
    match data {
        Is(data) => data.to_vec(),
        Many(byte, count) => vec![byte; count],
    }
}
