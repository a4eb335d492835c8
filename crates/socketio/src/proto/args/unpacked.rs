//! Stands in for `packed.rs` without the feature `msgpack`: nothing comes as MessagePack then.

use serde::Deserialize;

use super::Array;

/// There is none.
pub(in crate::proto) enum Packed {}

impl Packed {
    pub(in crate::proto) fn name(&self) -> &[u8] {
        match *self {}
    }

    pub(in crate::proto) fn len(&self) -> usize {
        match *self {}
    }

    pub(in crate::proto) fn size(&self) -> usize {
        match *self {}
    }

    pub(in crate::proto) fn parse<'de, T: Deserialize<'de>>(&'de self) -> Option<T> {
        match *self {}
    }

    pub(in crate::proto) fn array(&self) -> &Array {
        match *self {}
    }
}
