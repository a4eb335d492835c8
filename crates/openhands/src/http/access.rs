//! The owner of a conversation and its shares.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::ApiError;
use super::body::{Fields, Raw};
use crate::auth::{Caller, Role};
use crate::domain::{Access, ConversationId, Right, Share, UserName};
use crate::hub::Hub;

/// `{"owner":…,"shared":[{"user":…,"right":…}]}`.
pub(super) async fn shown(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = ConversationId::new(&id)?;
    let access = hub.access(&id).await?.ok_or(ApiError::NoConversation(id))?;
    Ok(Json(form(&access)))
}

/// The same form; what is absent stays. Shares are given as a whole; `"*"` is every user. Only an
/// admin gives a conversation another owner.
pub(super) async fn change(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    Raw(body): Raw,
) -> Result<Json<Value>, ApiError> {
    let id = ConversationId::new(&id)?;
    let fields = Fields::read(&body)?;
    fields.only(&["owner", "shared"])?;
    let mut fields = fields.into_map();
    let missing = || ApiError::NoConversation(id.clone());
    let mut access = Access::clone(&*hub.access(&id).await?.ok_or_else(missing)?);
    if let Some(owner) = fields.remove("owner") {
        let owner = match owner {
            Value::Null => None,
            Value::String(name) => Some(UserName::new(&name).map_err(|e| wrong("owner", &e))?),
            _ => return Err(wrong("owner", &"an owner is a user name or null")),
        };
        if owner != access.owner && caller.role() != Role::Admin {
            let text = "only an admin gives a conversation another owner";
            return Err(ApiError::Forbidden(text.to_owned()));
        }
        access.owner = owner;
    }
    if let Some(shared) = fields.remove("shared") {
        access.shares = shares(&shared)?;
    }
    match hub.set_access(&id, access.clone()).await? {
        true => Ok(Json(form(&access))),
        false => Err(missing()),
    }
}

fn shares(shared: &Value) -> Result<Vec<Share>, ApiError> {
    let expected = || wrong("shared", &"a list of {\"user\":…,\"right\":\"read\"|\"write\"}");
    let list = shared.as_array().ok_or_else(expected)?;
    if list.len() > Access::MAX_SHARES {
        let text = format!("{} shares, the limit is {}", list.len(), Access::MAX_SHARES);
        return Err(wrong("shared", &text));
    }
    let mut shares: Vec<Share> = Vec::with_capacity(list.len());
    for one in list {
        let text = |key| one.get(key).and_then(Value::as_str).ok_or_else(expected);
        let with = text("user")?.parse().map_err(|error| wrong("shared", &error))?;
        let right = Right::from_name(text("right")?).filter(|right| *right < Right::Own);
        let right = right.ok_or_else(expected)?;
        if shares.iter().any(|share| share.with == with) {
            return Err(wrong("shared", &format!("{:?} stands there twice", with.as_str())));
        }
        shares.push(Share { with, right });
    }
    Ok(shares)
}

fn form(access: &Access) -> Value {
    let share = |share: &Share| json!({"user": share.with.as_str(), "right": share.right});
    let shared: Vec<Value> = access.shares.iter().map(share).collect();
    json!({"owner": access.owner, "shared": shared})
}

fn wrong(key: &str, text: &impl ToString) -> ApiError {
    ApiError::invalid("value_error", &["body", key], &text.to_string(), Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_and_shown_in_one_form() {
        let list = json!([{"user": "bob", "right": "write"}, {"user": "*", "right": "read"}]);
        let access = Access { owner: None, shares: shares(&list).unwrap() };
        assert_eq!(form(&access), json!({"owner": null, "shared": list}));
        let many: Vec<Value> =
            (0..101).map(|n| json!({"user": format!("u{n}"), "right": "read"})).collect();
        for wrong in [
            json!("bob"),
            json!([{"user": "bob"}]),
            json!([{"user": "bob", "right": "own"}]),
            json!([{"user": "Bob", "right": "read"}]),
            json!([{"user": "b", "right": "read"}, {"user": "b", "right": "write"}]),
            json!(many),
        ] {
            assert!(shares(&wrong).is_err(), "{wrong}");
        }
    }
}
