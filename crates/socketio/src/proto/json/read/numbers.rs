//! Numbers: plain integers, and decimals of few digits; the rest is for `serde_json`.

use std::sync::LazyLock;

use serde::de::Visitor;
use serde_json::{Error, Number};

use super::{Json, Reader};
use crate::proto::json::scan::Scanner;

/// What a type asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) enum Kind {
    /// An integer, or what `serde_json` rounds in a way of its own.
    Other,
    /// A float of 64 bits.
    Float,
    /// What `serde_json` makes of it, which may be its text.
    Any,
}

/// What is read here.
pub(in crate::proto) enum Plain {
    /// From 0 on.
    Unsigned(u64),
    /// Below 0.
    Signed(i64),
    /// With a point.
    Float(f64),
}

impl<'de> Reader<'de> {
    /// A number as the type that suits it; what is not plain is read by `other`.
    #[inline]
    pub(super) fn number<V: Visitor<'de>>(
        &mut self,
        visitor: V,
        kind: Kind,
        other: impl FnOnce(&mut Json<'de>, V) -> Result<V::Value, Error>,
    ) -> Result<V::Value, Error> {
        self.scan.space();
        match self.scan.plain_number(kind) {
            Some(Plain::Unsigned(value)) => visitor.visit_u64(value),
            Some(Plain::Signed(value)) => visitor.visit_i64(value),
            Some(Plain::Float(value)) => visitor.visit_f64(value),
            None => self.by_serde_json(|json| other(json, visitor)),
        }
    }
}

impl Scanner<'_> {
    /// The number that begins here. None, and nothing is read, if it is none or `serde_json` has to
    /// look at it.
    #[inline]
    pub(in crate::proto) fn plain_number(&mut self, kind: Kind) -> Option<Plain> {
        if kind == Kind::Any && *KEEPS_TEXT {
            return None;
        }
        let bytes = self.bytes;
        let is_negative = self.peek()? == b'-';
        let start = self.at + usize::from(is_negative);
        let (value, end) = digits(bytes, start, 0);
        // A key that is read as a number was not checked to be one.
        let is_whole = end == start + 1 || end > start && bytes[start] != b'0';
        if !is_whole {
            return None;
        }
        let (end, number) = match bytes.get(end) {
            Some(b'.') if kind != Kind::Other => {
                let (end, value) = decimal(bytes, start, end, value)?;
                (end, Plain::Float(if is_negative { -value } else { value }))
            }
            Some(b'.' | b'e' | b'E') => return None,
            // Nineteen digits always fit.
            _ if end - start > 19 => return None,
            _ if !is_negative => (end, Plain::Unsigned(value)),
            // -0 is a float to `serde_json`, and so is what is below the least integer.
            _ => {
                let value = 0_i64.checked_sub_unsigned(value).filter(|value| *value < 0)?;
                (end, Plain::Signed(value))
            }
        };
        self.at = end;
        Some(number)
    }
}

/// The end and the value of a number whose digits begin at `start`, and with a `whole` before `point`.
///
/// Up to fifteen digits and the power of ten below them are exact as floats, so that the one division
/// rounds as it must, whichever way `serde_json` was built to read floats.
#[inline(never)]
fn decimal(bytes: &[u8], start: usize, point: usize, whole: u64) -> Option<(usize, f64)> {
    // Most that have more digits are known by the last of them, before they are read.
    let last = bytes.get(start + 9..).and_then(|rest| rest.first_chunk::<8>());
    if last.is_some_and(|last| last.iter().fold(true, |all, byte| all & byte.is_ascii_digit())) {
        return None;
    }
    let (value, end) = digits(bytes, point + 1, whole);
    let (len, fraction) = (end - start - 1, end - point - 1);
    if len > 15 || fraction == 0 || matches!(bytes.get(end), Some(b'e' | b'E')) {
        return None;
    }
    Some((end, value as f64 / *POWERS.get(fraction)?))
}

/// The digits from `at` on, behind those of `value`; and their end. Too many of them wrap.
#[inline]
fn digits(bytes: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    (value, at)
}

/// Whether `serde_json` was built to keep the text of numbers: any crate may ask for that.
static KEEPS_TEXT: LazyLock<bool> =
    LazyLock::new(|| "1.50".parse::<Number>().is_ok_and(|number| number.to_string() == "1.50"));

const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
