//! Memory of idle sessions: `cargo run --release -p benches --example idle -- [SESSIONS]`.
//!
//! Starts a server as a process of its own, opens that many websockets, then as many polling
//! sessions with a held GET each, and reads after each what the server's resident memory has
//! become. Linux only: it reads `/proc`.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use engineio::server::{Config, Server, Socket};

const SESSIONS: usize = 400;

fn main() -> io::Result<()> {
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some("serve") {
        return serve();
    }
    let sessions = argument.and_then(|text| text.parse().ok()).unwrap_or(SESSIONS);
    println!("{sessions} sessions each; resident KiB per session, connection included");
    for (name, open) in [("websocket", websocket as Open), ("polling", polling)] {
        let (mut server, address) = start()?;
        // Warm: the first sessions also pay for what all share.
        let warm: Vec<_> = (0..50).map(|_| open(&address)).collect::<io::Result<_>>()?;
        let before = resident(&server)?;
        let held: Vec<_> = (0..sessions).map(|_| open(&address)).collect::<io::Result<_>>()?;
        std::thread::sleep(Duration::from_millis(500));
        let grown = resident(&server)?.saturating_sub(before);
        println!("{name:<10} {:.1}", grown as f64 / sessions as f64);
        drop((warm, held));
        server.kill()?;
        server.wait()?;
    }
    Ok(())
}

type Open = fn(&str) -> io::Result<TcpStream>;

/// The server's process and its address.
fn start() -> io::Result<(Child, String)> {
    let mut child =
        Command::new(std::env::current_exe()?).arg("serve").stdout(Stdio::piped()).spawn()?;
    let mut address = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut address)?;
    }
    Ok((child, address.trim().to_owned()))
}

fn serve() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::new(Config::default(), |mut socket: Socket| async move {
            while socket.recv().await.is_some() {}
        });
        let app = axum::Router::new().route_service("/engine.io/", server.service());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        axum::serve(listener, app).await
    })
}

/// Resident KiB of a process.
fn resident(child: &Child) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| io::Error::other("no VmRSS in /proc"))
}

fn websocket(address: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(
        format!(
            "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: {address}\r\n\
             connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        .as_bytes(),
    )?;
    until(&mut stream, "\"maxPayload\":1000000}")?;
    Ok(stream)
}

/// A session whose next GET is held.
fn polling(address: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    let get = |query: &str| format!("GET /engine.io/?{query} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    stream.write_all(get("EIO=4&transport=polling").as_bytes())?;
    let answer = until(&mut stream, "\"maxPayload\":1000000}")?;
    let sid = answer.split("\"sid\":\"").nth(1).and_then(|rest| rest.get(..20));
    let sid = sid.ok_or_else(|| io::Error::other("a handshake without a sid"))?;
    stream.write_all(get(&format!("EIO=4&transport=polling&sid={sid}")).as_bytes())?;
    Ok(stream)
}

/// What the server sends, up to and with `end`.
fn until(stream: &mut TcpStream, end: &str) -> io::Result<String> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(end.as_bytes()) {
        stream.read_exact(&mut byte)?;
        read.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&read).into_owned())
}
