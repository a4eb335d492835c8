//! Events with an ack over a websocket, for a tool that counts calls: `EVENTS`. `benches/locks` counts
//! how often each of them locks its session.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use socketio::server::{Ack, Data, Server};

fn main() -> io::Result<()> {
    let events = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(100);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::default();
        let echo = async |Data(text): Data<String>| Ack(text);
        server.of("/").map_err(io::Error::other)?.on("echo", echo);
        let app = axum::Router::new().nest_service("/socket.io", server.service());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        tokio::spawn(async move { axum::serve(listener, app).await });
        tokio::task::spawn_blocking(move || client(&address, events)).await?
    })
}

fn client(address: &str, events: usize) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let request = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\n\
                   connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    frame(&mut stream, "0{")?;
    send(&mut stream, "40")?;
    frame(&mut stream, "40{")?;
    for _ in 0..events {
        send(&mut stream, r#"421["echo","x"]"#)?;
        frame(&mut stream, r#"431["x"]"#)?;
    }
    Ok(())
}

/// Sends a short text, with a mask of zeros.
fn send(stream: &mut TcpStream, text: &str) -> io::Result<()> {
    let len = u8::try_from(text.len()).map_err(io::Error::other)?;
    let mut frame = vec![0x81, 0x80 | len, 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    stream.write_all(&frame)
}

/// Reads a frame that begins with this text.
fn frame(stream: &mut TcpStream, begin: &str) -> io::Result<()> {
    let mut head = [0; 2];
    stream.read_exact(&mut head)?;
    let len = match head[1] {
        126 => {
            let mut len = [0; 2];
            stream.read_exact(&mut len)?;
            u16::from_be_bytes(len).into()
        }
        len => usize::from(len),
    };
    let mut data = vec![0; len];
    stream.read_exact(&mut data)?;
    match data.starts_with(begin.as_bytes()) {
        true => Ok(()),
        false => Err(io::Error::other(String::from_utf8_lossy(&data).into_owned())),
    }
}
