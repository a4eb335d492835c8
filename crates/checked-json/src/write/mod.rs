//! Writes types as JSON, byte for byte as `serde_json` does.
//!
//! Structure and strings are written here, strings up to 64 bytes at a time; numbers, `Display` text
//! and raw values are written by `serde_json` itself into the same buffer. Keys of maps are in `key.rs`.

mod key;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::Write as _;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::Error;

use self::key::Key;
use crate::scan::{BLOCK, lane_marks, look};
use crate::{AsJson, WriteBytes};

/// Writes `value` as JSON.
///
/// # Errors
/// Those of `serde_json`, such as a map with keys that do not become strings.
///
/// ```
/// assert_eq!(checked_json::to_vec(&("a", Some(1.5)))?, br#"["a",1.5]"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    // As much as `serde_json` begins with.
    let mut writer = Writer::new(Vec::with_capacity(128), AsJson);
    writer.value(value)?;
    Ok(writer.text)
}

/// Appends values to a text: a [`Serializer`](serde::Serializer) by `&mut`.
///
/// `B` says what is written where a type writes bytes; see [`bytes`](crate::bytes). After an error a
/// part of the value may have been written.
///
/// ```
/// use checked_json::{AsJson, Writer};
/// let mut writer = Writer::new(b"data: ".to_vec(), AsJson);
/// writer.value(&[1, 2])?;
/// assert_eq!(writer.text, b"data: [1,2]");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Writer<B = AsJson> {
    /// The text so far. Anything may be appended between two values.
    pub text: Vec<u8>,
    /// The hook for bytes.
    pub bytes: B,
}

impl<B: WriteBytes> Writer<B> {
    /// Writes after what `text` holds.
    #[inline]
    pub fn new(text: Vec<u8>, bytes: B) -> Self {
        Self { text, bytes }
    }

    /// Writes one value.
    ///
    /// # Errors
    /// Those of `serde_json`, of the hook, and of the type itself.
    #[inline]
    pub fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    /// Appends what `Display` gives, as a string.
    fn display<T: fmt::Display + ?Sized>(&mut self, text: &T) -> Result<(), Error> {
        serde_json::Serializer::new(&mut self.text).collect_str(text)
    }

    /// Begins an object whose one member is a variant of an enum.
    fn open_variant(&mut self, variant: &'static str) {
        self.text.push(b'{');
        write_string(&mut self.text, variant);
        self.text.push(b':');
    }
}

/// An array or object that is open.
#[derive(Debug)]
pub struct Open<'a, B> {
    writer: &'a mut Writer<B>,
    /// The bracket that ends it.
    close: u8,
    is_empty: bool,
    /// It is the content of a variant, whose own object ends after it.
    is_variant: bool,
    /// The name of a struct by which `serde_json` tells itself what to write.
    private: Option<&'static str>,
}

impl<'a, B> Open<'a, B> {
    #[inline]
    fn array(writer: &'a mut Writer<B>) -> Self {
        writer.text.push(b'[');
        Self { writer, close: b']', is_empty: true, is_variant: false, private: None }
    }

    #[inline]
    fn object(writer: &'a mut Writer<B>) -> Self {
        writer.text.push(b'{');
        Self { writer, close: b'}', is_empty: true, is_variant: false, private: None }
    }
}

/// What `serde_json` writes. It does not fail for these, and neither does a vector.
macro_rules! scalars {
    ($($method:ident($($value:ident: $type:ty)?);)*) => {$(
        #[inline]
        fn $method(self, $($value: $type)?) -> Result<(), Error> {
            let written = serde_json::Serializer::new(&mut self.text).$method($($value)?);
            debug_assert!(written.is_ok());
            Ok(())
        }
    )*};
}

impl<'a, B: WriteBytes> Serializer for &'a mut Writer<B> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Open<'a, B>;
    type SerializeTuple = Open<'a, B>;
    type SerializeTupleStruct = Open<'a, B>;
    type SerializeTupleVariant = Open<'a, B>;
    type SerializeMap = Open<'a, B>;
    type SerializeStruct = Open<'a, B>;
    type SerializeStructVariant = Open<'a, B>;

    scalars! {
        serialize_bool(value: bool);
        serialize_i8(value: i8);
        serialize_i16(value: i16);
        serialize_i32(value: i32);
        serialize_i64(value: i64);
        serialize_i128(value: i128);
        serialize_u8(value: u8);
        serialize_u16(value: u16);
        serialize_u32(value: u32);
        serialize_u64(value: u64);
        serialize_u128(value: u128);
        serialize_f32(value: f32);
        serialize_f64(value: f64);
        serialize_unit();
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Error> {
        write_string(&mut self.text, text);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes.write_bytes(bytes, &mut self.text)
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.open_variant(variant);
        self.value(value)?;
        self.text.push(b'}');
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, _len: Option<usize>) -> Result<Open<'a, B>, Error> {
        Ok(Open::array(self))
    }

    #[inline]
    fn serialize_tuple(self, _len: usize) -> Result<Open<'a, B>, Error> {
        Ok(Open::array(self))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Open<'a, B>, Error> {
        Ok(Open::array(self))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Open<'a, B>, Error> {
        self.open_variant(variant);
        Ok(Open { is_variant: true, ..Open::array(self) })
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Open<'a, B>, Error> {
        Ok(Open::object(self))
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Open<'a, B>, Error> {
        if name.starts_with(PRIVATE) {
            let (is_empty, is_variant, private) = (true, false, Some(name));
            return Ok(Open { writer: self, close: b'}', is_empty, is_variant, private });
        }
        Ok(Open::object(self))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Open<'a, B>, Error> {
        self.open_variant(variant);
        Ok(Open { is_variant: true, ..Open::object(self) })
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.display(value)
    }
}

impl<B: WriteBytes> Open<'_, B> {
    /// Puts a comma before every element and member but the first.
    #[inline]
    fn separate(&mut self) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.writer.text.push(b',');
        }
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.separate();
        self.writer.value(value)
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        if let Some(name) = self.private {
            return write_private(&mut self.writer.text, name, value);
        }
        self.separate();
        write_string(&mut self.writer.text, key);
        self.writer.text.push(b':');
        self.writer.value(value)
    }

    #[inline]
    fn close(self) -> Result<(), Error> {
        let text = &mut self.writer.text;
        if self.private.is_none() {
            text.push(self.close);
        }
        if self.is_variant {
            text.push(b'}');
        }
        Ok(())
    }
}

macro_rules! parts {
    ($($part:ident: $method:ident($($key:ident: $type:ty)?) by $by:ident;)*) => {$(
        impl<B: WriteBytes> $part for Open<'_, B> {
            type Ok = ();
            type Error = Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: $type,)?
                value: &T,
            ) -> Result<(), Error> {
                self.$by($($key,)? value)
            }

            #[inline]
            fn end(self) -> Result<(), Error> {
                self.close()
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element() by element;
    SerializeTuple: serialize_element() by element;
    SerializeTupleStruct: serialize_field() by element;
    SerializeTupleVariant: serialize_field() by element;
    SerializeStruct: serialize_field(key: &'static str) by field;
    SerializeStructVariant: serialize_field(key: &'static str) by field;
}

impl<B: WriteBytes> SerializeMap for Open<'_, B> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.separate();
        key.serialize(Key { writer: &mut *self.writer })?;
        self.writer.text.push(b':');
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.writer.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

/// Lets `serde_json` write a struct of its own, which has one field of the same name.
fn write_private<T: Serialize + ?Sized>(
    text: &mut Vec<u8>,
    name: &'static str,
    value: &T,
) -> Result<(), Error> {
    let mut json = serde_json::Serializer::new(text);
    let mut open = json.serialize_struct(name, 1)?;
    SerializeStruct::serialize_field(&mut open, name, value)?;
    SerializeStruct::end(open)
}

/// Appends `text` as a JSON string, with its quotes.
///
/// ```
/// let mut out = b"name: ".to_vec();
/// checked_json::write_string(&mut out, "a\"b\n");
/// assert_eq!(out, br#"name: "a\"b\n""#);
/// ```
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    // A long string gets room for some escapes and for what follows: a large buffer that runs full is
    // copied as a whole.
    let spare = if bytes.len() < BLOCK { 0 } else { bytes.len() / SPARE };
    out.reserve(bytes.len() + 2 + spare);
    out.push(b'"');
    if bytes.len() < BLOCK && is_plain(bytes) {
        out.extend_from_slice(bytes);
    } else {
        write_blocks(out, bytes);
    }
    out.push(b'"');
}

/// Whether nothing in a short string has to be escaped, as in most keys and words.
fn is_plain(bytes: &[u8]) -> bool {
    let plain = |lane: &[u8; 16]| lane_marks(lane) == 0;
    if let Some(last) = bytes.last_chunk() {
        return plain(last) && bytes.as_chunks().0.iter().all(plain);
    }
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => plain(&std::array::from_fn(|i| [first, last][i / 8][i % 8])),
        _ => !bytes.iter().any(|byte| ESCAPED[usize::from(*byte)]),
    }
}

#[inline(never)]
fn write_blocks(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut written = 0;
    for block in (0..bytes.len()).step_by(BLOCK) {
        let mut marks = look(bytes, block);
        while marks != 0 {
            let at = block + marks.trailing_zeros() as usize;
            let Some(byte) = bytes.get(at) else { break };
            out.extend_from_slice(&bytes[written..at]);
            write_escape(out, *byte);
            written = at + 1;
            marks &= marks - 1;
        }
    }
    out.extend_from_slice(&bytes[written..]);
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            // Writing to a vector cannot fail.
            let _ = write!(out, "\\u{byte:04x}");
            return;
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

/// A long string gets room for one escape in so many bytes: each line of code or output has one.
const SPARE: usize = 16;
/// Which bytes must be escaped in a string.
const ESCAPED: [bool; 256] = {
    let mut escaped = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        escaped[control] = true;
        control += 1;
    }
    escaped[b'"' as usize] = true;
    escaped[b'\\' as usize] = true;
    escaped
};
/// How the names of the structs begin that `serde_json` makes of raw values and of numbers with their
/// text: it writes what they hold. Should that name change, tests of raw values fail.
const PRIVATE: &str = "$serde_json::private::";
