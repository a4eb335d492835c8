//! Arguments under the names of older clients, as OpenHands 0.62 still takes them.
//!
//! In: the arguments of an action as they came. Out: the same under today's names, to be checked like
//! all others. An argument that has no meaning any more goes; what is given under both names counts
//! under the new one.

use serde_json::{Map, Value};

/// Brings arguments under today's names.
pub(super) fn renew(args: &mut Map<String, Value>) {
    for (old, new) in RENAMED {
        if let Some(value) = args.remove(*old)
            && args.get(*new).is_none_or(Value::is_null)
        {
            args.insert((*new).to_owned(), value);
        }
    }
    for gone in GONE {
        args.remove(*gone);
    }
    match args.get_mut(RISK) {
        Some(Value::Null) => _ = args.remove(RISK),
        Some(value) => {
            let level = value
                .as_str()
                .and_then(|name| LEVELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)));
            if let Some((_, level)) = level {
                *value = (*level).into();
            }
        }
        None => {}
    }
}

const RENAMED: &[(&str, &str)] =
    &[("images_urls", "image_urls"), ("is_confirmed", "confirmation_state")];
const GONE: &[&str] = &["keep_prompt", "task_completed", "translated_ipython_code"];
const RISK: &str = "security_risk";
/// The levels of risk by the names that models write.
const LEVELS: &[(&str, i64)] = &[("UNKNOWN", -1), ("LOW", 0), ("MEDIUM", 1), ("HIGH", 2)];
