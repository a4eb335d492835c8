//! Rate limits: how much one address, connection and user may ask for.
//!
//! In come requests, connects and actions, from `http` and `live`; out goes leave or a refusal with the
//! time to wait. What is counted is bounded: `bucket.rs` forgets full buckets. Start with [`Limits`].

mod address;
mod bucket;

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;
use serde_json::{Value, json};

use self::bucket::{Bucket, Buckets, Rate};
use crate::auth::Caller;
use crate::domain::UserName;

use address::Address;
pub(crate) use address::Peer;

/// Knobs of [`Limits`]; 0 is no limit, and the default of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitsConfig {
    /// Most REST requests of one address in a second, and twice as many at once: 10 is what OpenHands
    /// 0.62 has. Over it: 429 with `Retry-After`.
    pub requests_per_second: u32,
    /// Most connects of one address in a minute, and as many at once. Over it: `44`.
    pub connects_per_minute: u32,
    /// Most actions of one connection in a second, and twice as many at once. Over it the ack, and
    /// an `oh_event` error.
    pub actions_per_second: u32,
    /// The same for one user, over all their connections and REST. Users have names where there are
    /// keys.
    pub user_actions_per_second: u32,
    /// Whether a reverse proxy stands in front: then an address is the last of `X-Forwarded-For`.
    pub behind_proxy: bool,
}

/// What each address, connection and user has left.
#[derive(Debug)]
pub struct Limits {
    config: LimitsConfig,
    /// Whether [`Limits::action`] counts anything. Asked first: by default there is nothing to count.
    pub(crate) counts_actions: bool,
    requests: Option<Buckets<Address>>,
    connects: Option<Buckets<Address>>,
    actions: Option<Rate>,
    users: Option<Buckets<UserName>>,
}

impl Limits {
    /// Nothing is used yet.
    pub fn new(config: LimitsConfig) -> Self {
        let second = |count: u32| Rate::new(count, SECOND, count.saturating_mul(2));
        let connects = config.connects_per_minute;
        let connects = Rate::new(connects, MINUTE, connects);
        let of_addresses = |rate| Buckets::new(rate, MAX_ADDRESSES);
        Self {
            config,
            counts_actions: config.actions_per_second > 0 || config.user_actions_per_second > 0,
            requests: second(config.requests_per_second).map(of_addresses),
            connects: connects.map(of_addresses),
            actions: second(config.actions_per_second),
            users: second(config.user_actions_per_second).map(|rate| Buckets::new(rate, MAX_USERS)),
        }
    }

    /// Counts a REST request.
    pub(crate) fn request(&self, client: &Client<'_>) -> Result<(), TooMany> {
        let Some(requests) = &self.requests else { return Ok(()) };
        let taken = requests.take(&client.address(&self.config), Instant::now());
        taken.map_err(|wait| TooMany::new(What::Requests, self.config.requests_per_second, wait))
    }

    /// Counts a connect to a conversation.
    pub(crate) fn connect(&self, client: &Client<'_>) -> Result<(), TooMany> {
        let Some(connects) = &self.connects else { return Ok(()) };
        let taken = connects.take(&client.address(&self.config), Instant::now());
        taken.map_err(|wait| TooMany::new(What::Connects, self.config.connects_per_minute, wait))
    }

    /// Counts an action of a connection, and of its user.
    pub(crate) fn action(&self, sent: &Sent, caller: &Caller) -> Result<(), TooMany> {
        if let Some(rate) = self.actions {
            let taken =
                sent.0.lock().unwrap_or_else(PoisonError::into_inner).take(rate, Instant::now());
            taken.map_err(|wait| {
                TooMany::new(What::Actions, self.config.actions_per_second, wait)
            })?;
        }
        self.user_action(caller)
    }

    /// Counts an action of a user, whichever way it came.
    pub(crate) fn user_action(&self, caller: &Caller) -> Result<(), TooMany> {
        let (Some(users), Some(user)) = (&self.users, caller.user()) else { return Ok(()) };
        let max = self.config.user_actions_per_second;
        let taken = users.take(user, Instant::now());
        taken.map_err(|wait| TooMany::new(What::UserActions, max, wait))
    }
}

/// What one connection has sent.
#[derive(Debug, Default)]
pub(crate) struct Sent(Mutex<Bucket>);

/// Where a request tells its address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) extensions: &'a http::Extensions,
}

impl Client<'_> {
    fn address(&self, config: &LimitsConfig) -> Address {
        let peer = self.extensions.get::<Peer>();
        Address::new(peer, config.behind_proxy.then_some(self.headers))
    }
}

/// More than a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    what: What,
    max: u32,
    wait: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Requests,
    Connects,
    Actions,
    UserActions,
}

impl TooMany {
    fn new(what: What, max: u32, wait: Duration) -> Self {
        Self { what, max, wait }
    }

    /// Whole seconds until it may be tried again: at least one.
    pub(crate) fn retry_after(self) -> u64 {
        self.wait.as_secs() + u64::from(self.wait.subsec_nanos() > 0)
    }

    /// In a word, for metrics and log.
    pub(crate) fn reason(self) -> &'static str {
        match self.what {
            What::Requests => "too_many_requests",
            What::Connects => "too_many_connects",
            What::Actions | What::UserActions => "too_many_actions",
        }
    }

    /// The data of a refused connect.
    pub(crate) fn data(self) -> Value {
        json!({"retry_after": self.retry_after()})
    }
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, max, .. } = self;
        let wait = self.retry_after();
        match what {
            // Word for word as OpenHands 0.62.
            What::Requests => return f.write_str("Too many requests"),
            What::Connects => write!(f, "too many connects: {max} a minute for one address")?,
            What::Actions => write!(f, "too many actions: {max} a second for one connection")?,
            What::UserActions => write!(f, "too many actions: {max} a second for one user")?,
        }
        write!(f, " is the limit; try again in {wait} s")
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// Addresses that are counted at once.
const MAX_ADDRESSES: usize = 16_384;
/// Users that are counted at once.
const MAX_USERS: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{KeyId, Role};

    #[test]
    fn nothing_is_limited_by_default_and_each_limit_names_itself() {
        let (headers, extensions) = (HeaderMap::new(), http::Extensions::new());
        let client = Client { headers: &headers, extensions: &extensions };
        let caller = Caller::new("alice".parse().unwrap(), Role::User, KeyId::of("k"));
        let sent = Sent::default();
        let limits = Limits::new(LimitsConfig::default());
        for _ in 0..1_000 {
            limits.request(&client).and_then(|()| limits.connect(&client)).unwrap();
            limits.action(&sent, &caller).unwrap();
        }
        let limits = Limits::new(LimitsConfig {
            requests_per_second: 1,
            connects_per_minute: 1,
            actions_per_second: 1,
            user_actions_per_second: 2,
            behind_proxy: false,
        });
        let first = |ask: &dyn Fn() -> Result<(), TooMany>| {
            (0..10).find_map(|_| ask().err()).map(|error| (error.reason(), error.to_string()))
        };
        let other = Sent::default();
        for (found, reason, text) in [
            (first(&|| limits.request(&client)), "too_many_requests", "Too many requests"),
            (
                first(&|| limits.connect(&client)),
                "too_many_connects",
                "too many connects: 1 a minute for one address is the limit; try again in 60 s",
            ),
            (
                first(&|| limits.action(&sent, &caller)),
                "too_many_actions",
                "too many actions: 1 a second for one connection is the limit; try again in 1 s",
            ),
            (
                first(&|| limits.action(&other, &caller).or_else(|_| limits.user_action(&caller))),
                "too_many_actions",
                "too many actions: 2 a second for one user is the limit; try again in 1 s",
            ),
        ] {
            assert_eq!(found, Some((reason, text.to_owned())));
        }
        assert_eq!(limits.user_action(&Caller::anybody()), Ok(()), "nobody has no name");
    }
}
