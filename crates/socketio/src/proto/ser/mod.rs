//! Walks data by serde and writes it in one of the [`Format`]s: what JSON and MessagePack share.
//!
//! Shapes, variants and keys are as in `serde_json`, so that data means the same in both.

mod key;
mod spread;
mod value;

use std::fmt;

use serde::Serialize;
use serde_json::Error;

pub(super) use self::spread::spread;
use self::value::Value;

/// Writes what values are made of, one after the other.
pub(super) trait Format {
    /// What it remembers of an array or object that is open.
    type Place: Default;

    fn null(&mut self);
    fn bool(&mut self, flag: bool);
    fn unsigned(&mut self, number: u64);
    fn signed(&mut self, number: i64);
    fn wide_unsigned(&mut self, number: u128);
    fn wide_signed(&mut self, number: i128);
    fn float32(&mut self, number: f32);
    fn float64(&mut self, number: f64);
    fn string(&mut self, text: &str) -> Result<(), Error>;
    fn display<T: fmt::Display + ?Sized>(&mut self, text: &T) -> Result<(), Error>;
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error>;
    /// A struct by which `serde_json` tells itself what to write.
    fn private<T>(&mut self, name: &'static str, value: &T) -> Result<(), Error>
    where
        T: Serialize + ?Sized;

    /// `len` is a hint.
    fn open(&mut self, shape: Shape, len: Option<usize>) -> Result<Self::Place, Error>;
    /// Stands before every element of an array, and before every key of an object.
    fn separate(&mut self, is_first: bool);
    /// Stands behind every key.
    fn colon(&mut self);
    /// With as many elements or members as came.
    fn close(&mut self, shape: Shape, place: Self::Place, len: usize) -> Result<(), Error>;
    /// An object whose one member is the variant of an enum, and is next.
    fn open_variant(&mut self, variant: &'static str) -> Result<(), Error>;
    fn close_variant(&mut self);

    /// One value.
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error>
    where
        Self: Sized,
    {
        value.serialize(Value::new(self))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Array,
    Object,
}
