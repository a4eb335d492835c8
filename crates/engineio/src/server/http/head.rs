//! The head of a handshake's request, for as long as its session lives.

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Uri};

use super::Parts;

/// Copies a head into memory of its own. In the head that hyper gives, each value is a piece of the
/// connection's read buffer and keeps all of it alive, 8 KiB or more.
pub(super) fn own(head: &mut Parts) {
    let path = head.uri.path_and_query().map_or("", |path| path.as_str());
    let len = head.headers.values().fold(path.len(), |len, value| len + value.len());
    let mut text = BytesMut::with_capacity(len);
    text.extend_from_slice(path.as_bytes());
    head.headers.values().for_each(|value| text.extend_from_slice(value.as_bytes()));
    let mut text = text.freeze();
    let path = text.split_to(path.len());
    // Names need no copy: they are known ones, or have memory of their own.
    for value in head.headers.values_mut() {
        *value = shared(value, text.split_to(value.len()));
    }
    head.uri = uri(&head.uri, path);
}

fn shared(value: &HeaderValue, copy: Bytes) -> HeaderValue {
    // The bytes were a value before, so this does not fail.
    let mut own = HeaderValue::from_maybe_shared(copy).unwrap_or_else(|_| value.clone());
    own.set_sensitive(value.is_sensitive());
    own
}

fn uri(uri: &Uri, path: Bytes) -> Uri {
    let mut parts = http::uri::Parts::default();
    // HTTP/2 gives these two in buffers of their own.
    parts.scheme = uri.scheme().cloned();
    parts.authority = uri.authority().cloned();
    // They were a URI before, so this does not fail.
    parts.path_and_query = http::uri::PathAndQuery::from_maybe_shared(path).ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

#[cfg(test)]
mod tests {
    use http::{Method, Request, Version};

    use super::*;

    #[test]
    fn a_head_stays_as_it_was_and_leaves_its_buffer() {
        let buffer = Bytes::from(b"/socket.io/?a=b one two \xff".to_vec());
        let value = |range| HeaderValue::from_maybe_shared(buffer.slice(range)).unwrap();
        let mut secret = value(20..23);
        secret.set_sensitive(true);
        for uri in [
            Uri::from_maybe_shared(buffer.slice(..15)).unwrap(),
            "https://h:1/p?q".parse().unwrap(),
        ] {
            let request = Request::builder()
                .method(Method::POST)
                .version(Version::HTTP_2)
                .uri(uri)
                .header("x-one", value(16..19))
                .header("x-two", "")
                .header("x-one", &secret)
                .header("x-bytes", value(24..25));
            let (head, ()) = request.body(()).unwrap().into_parts();
            let mut owned = head.clone();
            own(&mut owned);
            assert_eq!((&owned.uri, &owned.headers), (&head.uri, &head.headers));
            assert!(owned.headers.get_all("x-one").iter().nth(1).unwrap().is_sensitive());
            let within = buffer.as_ptr_range();
            let bytes = owned.headers.values().map(HeaderValue::as_bytes);
            for bytes in bytes.chain([owned.uri.path().as_bytes()]) {
                assert!(bytes.is_empty() || !within.contains(&bytes.as_ptr()));
            }
        }
    }
}
