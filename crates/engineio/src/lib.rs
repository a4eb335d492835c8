//! Engine.IO from scratch: protocol 4, and protocol 3 on request.
//!
//! Engine.IO gives an application one ordered stream of messages each way, over HTTP long-polling
//! or websocket, and moves from the first to the second without losing any. It is the layer below
//! Socket.IO, and useful by itself.
//!
//! # A server
//!
//! [`Server`](server::Server) runs one async fn for every session; its
//! [`Service`](server::Service) is a tower and hyper service for any path of any host.
//!
#![cfg_attr(feature = "server", doc = "```no_run")]
#![cfg_attr(not(feature = "server"), doc = "```ignore")]
//! use engineio::server::{Config, Server, Socket};
//!
//! async fn echo(mut socket: Socket) {
//!     while let Some(message) = socket.recv().await {
//!         socket.ready().await; // wait while the client reads slowly
//!         if socket.send(message).is_err() {
//!             break;
//!         }
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> std::io::Result<()> {
//! let server = Server::new(Config::default(), echo);
//! let app = axum::Router::new()
//!     .route("/", axum::routing::get(async || "hello"))
//!     .route_service("/engine.io/", server.service());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! axum::serve(listener, app)
//!     .with_graceful_shutdown(async move {
//!         let _ = tokio::signal::ctrl_c().await;
//!         server.drain(std::time::Duration::from_secs(10)).await;
//!     })
//!     .await
//! # }
//! ```
//!
//! - Who may connect: [`Config::origins`](server::Config::origins) decides about pages (by default
//!   those of the server itself may), [`Config::allow_request`](server::Config::allow_request) about
//!   everything else.
//! - Next to other routes, without a router:
//!   [`Service::with_fallback`](server::Service::with_fallback).
//! - What happens inside: [`Server::stats`](server::Server::stats), and events of `tracing`.
//! - Limits: everything is bounded. [`Config`](server::Config), [`proto::server::Config`] and
//!   [`proto::Limits`] name each limit and what happens when it is reached.
//!
//! The head of a request is read by the host, before this crate sees it: its size and time are
//! limits of the host. With hyper:
//!
#![cfg_attr(feature = "server", doc = "```")]
#![cfg_attr(not(feature = "server"), doc = "```ignore")]
//! use std::time::Duration;
//! let mut builder = hyper::server::conn::http1::Builder::new();
//! builder
//!     .timer(hyper_util::rt::TokioTimer::new()) // without it there is no timeout
//!     .header_read_timeout(Duration::from_secs(15))
//!     .max_buf_size(64 << 10)
//!     .max_headers(100);
//! ```
//!
//! # The protocol alone
//!
//! [`proto`] is the same protocol as pure state machines, in both roles: no socket, clock, entropy
//! or runtime. It builds without features, for other runtimes, for wasm, for tests and fuzzers.
//!
//! ```
//! use std::sync::Arc;
//! use bytes::Bytes;
//! use engineio::proto::{Event, Sid, Time, Transport, server::{Config, Session}};
//!
//! let sid = Sid::from_entropy([7; 15]); // from your generator
//! let mut session =
//!     Session::new(sid, Transport::Polling, Arc::new(Config::default()), Time::ZERO);
//! let open = session.poll_payload(); // answers the handshake
//! assert!(open.is_some_and(|body| body.starts_with(b"0{")));
//!
//! session.handle_post()?; // a POST came, then its body
//! session.handle_payload(Time::ZERO, Bytes::from("4hello"))?;
//! assert_eq!(session.poll_event(), Some(Event::Message("hello".into())));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! - `server` (default): the server, on hyper and tokio-tungstenite.
//! - `compression`: [`Config`](server::Config) learns to compress payloads.
#![cfg_attr(not(feature = "server"), allow(rustdoc::broken_intra_doc_links))]

#[cfg(feature = "server")]
mod io;
pub mod proto;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
mod session;
#[cfg(feature = "server")]
pub mod websocket;
