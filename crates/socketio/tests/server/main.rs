//! The server on real sockets, spoken to by the raw wire: one module per behaviour.

#[cfg(test)]
mod acks;
#[cfg(test)]
mod backpressure;
#[cfg(test)]
mod client_files;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod common;
#[cfg(test)]
mod encodings;
#[cfg(test)]
mod handlers;
#[cfg(test)]
mod handshake;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod limits;
#[cfg(test)]
#[cfg(feature = "msgpack")]
mod msgpack;
#[cfg(test)]
mod namespaces;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod rooms;
#[cfg(test)]
mod version;
