//! The protocol by itself: a server's session and a client's, and a network of two function calls.
//!
//! `cargo run -p engineio --example core --no-default-features`

use std::error::Error;
use std::sync::Arc;

use engineio::proto::client::{self, Request};
use engineio::proto::{Event, Sid, Time, Transport, server};

fn main() -> Result<(), Box<dyn Error>> {
    // Time is an argument: nothing here reads a clock.
    let now = Time::ZERO;
    let sid = Sid::from_entropy([7; Sid::ENTROPY]);
    let config = server::Config { upgrades: false, ..server::Config::default() };
    let mut server = server::Session::new(sid, Transport::Polling, Arc::new(config), now);
    let mut client = client::Session::new(Transport::Polling, Arc::default(), now);
    client.send(&["hello".into()])?;

    loop {
        let mut quiet = true;
        while let Some(request) = client.poll_request() {
            quiet = false;
            println!("client: {request:?}");
            match request {
                // The session of a server begins with this request held.
                Request::Get { sid: None } => {}
                Request::Get { .. } => server.handle_poll(now)?,
                Request::Post { body, .. } => {
                    server.handle_post()?;
                    server.handle_payload(now, body)?;
                    client.handle_posted();
                }
                Request::Websocket { .. } => unreachable!("the handshake offers no upgrade"),
            }
        }
        if let Some(body) = server.poll_payload() {
            quiet = false;
            println!("server: {body:?}");
            client.handle_payload(now, body)?;
        }
        while let Some(event) = server.poll_event() {
            println!("server hears {event:?}");
            if let Event::Message(message) = event {
                server.send(&[message])?;
            }
        }
        while let Some(event) = client.poll_event() {
            println!("client hears {event:?}");
            if let Event::Message(_) = event {
                client.close(now);
            }
        }
        if quiet {
            println!("closed: {:?}", server.close_reason());
            return Ok(());
        }
    }
}
