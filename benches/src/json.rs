//! JSON alone: what each part of `checked-json` buys against the libraries that do the same.
//!
//! `simd-json` reads from a buffer that it changes, so it is given a copy, which its figures hold.

use serde::de::IgnoredAny;

use crate::Operation;
use crate::data::{self, NAME, OhEvent};

const OURS: &str = "ours";
const SERDE: &str = "serde_json";
const SONIC: &str = "sonic-rs";
const SIMD: &str = "simd-json";

/// Whether it is JSON.
pub fn check(size: usize) -> Vec<Operation> {
    let (work, json) = (format!("JSON alone, check, {}", data::name(size)), data::array(size));
    let len = json.len();
    let [ours, serde, sonic, simd] = [(); 4].map(|()| json.clone());
    vec![
        Operation::new(
            (work.clone(), OURS),
            len,
            move || checked_json::check(&ours, checked_json::DEEPEST).is_ok(),
            |ok| *ok,
        ),
        Operation::new(
            (work.clone(), SERDE),
            len,
            move || serde_json::from_slice::<IgnoredAny>(&serde).is_ok(),
            |ok| *ok,
        ),
        Operation::new(
            (work.clone(), SONIC),
            len,
            move || sonic_rs::from_slice::<IgnoredAny>(&sonic).is_ok(),
            |ok| *ok,
        ),
        Operation::new(
            (work, SIMD),
            len,
            move || simd_json::to_tape(&mut simd.to_vec()).is_ok(),
            |ok| *ok,
        ),
    ]
}

/// A type from it. Ours believes that it was checked, the others check as they read.
pub fn read(size: usize) -> Vec<Operation> {
    let (work, json) = (format!("JSON alone, read, {}", data::name(size)), data::array(size));
    let (len, event) = (json.len(), data::event(size));
    let [ours, serde, sonic, simd] = [(); 4].map(|()| json.clone());
    let is_right = || {
        let event = event.clone();
        move |read: &OhEvent| *read == event
    };
    vec![
        Operation::new(
            (work.clone(), OURS),
            len,
            move || checked_json::from_checked::<(IgnoredAny, OhEvent)>(&ours).expect("JSON").1,
            is_right(),
        ),
        Operation::new(
            (work.clone(), SERDE),
            len,
            move || serde_json::from_slice::<(IgnoredAny, OhEvent)>(&serde).expect("JSON").1,
            is_right(),
        ),
        Operation::new(
            (work.clone(), SONIC),
            len,
            move || sonic_rs::from_slice::<(IgnoredAny, OhEvent)>(&sonic).expect("JSON").1,
            is_right(),
        ),
        Operation::new(
            (work, SIMD),
            len,
            move || {
                let mut copy = simd.to_vec();
                simd_json::from_slice::<(IgnoredAny, OhEvent)>(&mut copy).expect("JSON").1
            },
            is_right(),
        ),
    ]
}

/// The text of a type.
pub fn write(size: usize) -> Vec<Operation> {
    let (work, json) = (format!("JSON alone, write, {}", data::name(size)), data::array(size));
    let (len, event) = (json.len(), data::event(size));
    let [ours, serde, sonic, simd] = [(); 4].map(|()| event.clone());
    let is_right = || {
        let json = json.clone();
        move |written: &Vec<u8>| *written == json
    };
    vec![
        Operation::new(
            (work.clone(), OURS),
            len,
            move || checked_json::to_vec(&(NAME, &ours)).expect("JSON"),
            is_right(),
        ),
        Operation::new(
            (work.clone(), SERDE),
            len,
            move || serde_json::to_vec(&(NAME, &serde)).expect("JSON"),
            is_right(),
        ),
        Operation::new(
            (work.clone(), SONIC),
            len,
            move || sonic_rs::to_vec(&(NAME, &sonic)).expect("JSON"),
            is_right(),
        ),
        Operation::new(
            (work, SIMD),
            len,
            move || simd_json::to_vec(&(NAME, &simd)).expect("JSON"),
            is_right(),
        ),
    ]
}
