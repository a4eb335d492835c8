//! `engine.io-client` of the npm registry against the server of `engineio`.

mod close;
mod echo;
mod heartbeat;
mod jsonp;
mod upgrade;
