//! Compression of payloads, for clients that accept it.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::{HeaderMap, HeaderValue, header};

/// Which payloads are compressed: by brotli, gzip or deflate, as the client prefers; among equals
/// in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compression {
    /// Fewest bytes of a payload that is compressed. Default 1,024, as in engine.io 6.6.
    pub threshold: usize,
}

impl Default for Compression {
    fn default() -> Self {
        Self { threshold: 1024 }
    }
}

impl Compression {
    /// Compresses a body, if it is worth it and the client accepts one of the codings.
    pub(crate) async fn apply(
        &self,
        body: Bytes,
        request: &HeaderMap,
        response: &mut HeaderMap,
    ) -> Bytes {
        if body.len() < self.threshold {
            return body;
        }
        response.append(header::VARY, HeaderValue::from_static("accept-encoding"));
        let Some(coding) = choose(request) else { return body };
        let compressed = if body.len() < BLOCKING {
            coding.compress(&body)
        } else {
            let body = body.clone();
            // Long enough to hold up other sessions of the thread.
            let compressing = tokio::task::spawn_blocking(move || coding.compress(&body));
            compressing.await.unwrap_or_else(|error| Err(io::Error::other(error)))
        };
        match compressed {
            Ok(compressed) => {
                let name = HeaderValue::from_static(coding.name());
                response.insert(header::CONTENT_ENCODING, name);
                compressed.into()
            }
            Err(error) => {
                tracing::warn!(%error, "payload not compressed");
                body
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Brotli,
    Gzip,
    Deflate,
}

impl Coding {
    const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Deflate];

    fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    fn compress(self, body: &[u8]) -> io::Result<Vec<u8>> {
        let compressed = Vec::with_capacity(body.len() / 4);
        match self {
            Self::Brotli => {
                let mut writer = brotli::CompressorWriter::new(
                    compressed,
                    BUFFER,
                    BROTLI_QUALITY,
                    BROTLI_WINDOW,
                );
                writer.write_all(body)?;
                writer.flush()?;
                Ok(writer.into_inner())
            }
            Self::Gzip => {
                let mut writer = GzEncoder::new(compressed, Level::fast());
                writer.write_all(body)?;
                writer.finish()
            }
            Self::Deflate => {
                let mut writer = ZlibEncoder::new(compressed, Level::fast());
                writer.write_all(body)?;
                writer.finish()
            }
        }
    }
}

/// The coding with the highest weight in `Accept-Encoding`. [RFC 9110, 12.5.3]
fn choose(request: &HeaderMap) -> Option<Coding> {
    let accepted = request.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    let weight = |coding: Coding| {
        let mut any = 0;
        for part in accepted.split(',') {
            let (name, parameters) = part.split_once(';').unwrap_or((part, ""));
            match name.trim() {
                name if name.eq_ignore_ascii_case(coding.name()) => return thousandths(parameters),
                "*" => any = thousandths(parameters),
                _ => {}
            }
        }
        any
    };
    // The last of equals is the greatest, so the preferred one comes last.
    let best = Coding::ALL.into_iter().rev().max_by_key(|&coding| weight(coding))?;
    (weight(best) > 0).then_some(best)
}

/// `q=0.5` in thousandths; 1 when it is not given or not readable.
fn thousandths(parameters: &str) -> u16 {
    let weight = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().ok())?
    });
    // Within 0 to 1000, which fits.
    (weight.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0) as u16
}

/// Bytes from which on a thread of its own compresses.
const BLOCKING: usize = 64 << 10;
const BUFFER: usize = 4 << 10;
const BROTLI_QUALITY: u32 = 4;
const BROTLI_WINDOW: u32 = 19;

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn accepting(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_client_chooses_the_coding() {
        for (accepted, coding) in [
            ("gzip, deflate, br", Some(Coding::Brotli)),
            ("gzip, deflate", Some(Coding::Gzip)),
            ("deflate", Some(Coding::Deflate)),
            ("br;q=0.5, gzip;q=0.8", Some(Coding::Gzip)),
            ("GZIP", Some(Coding::Gzip)),
            ("br;q=0, *;q=0.1", Some(Coding::Gzip)),
            ("*", Some(Coding::Brotli)),
            ("identity", None),
            ("gzip;q=0", None),
            ("", None),
        ] {
            assert_eq!(choose(&accepting(accepted)), coding, "{accepted}");
        }
        assert_eq!(choose(&HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn what_is_compressed_reads_the_same() {
        for size in [1024, 200_000] {
            let body = Bytes::from("hello ".repeat(size).into_bytes());
            for coding in Coding::ALL {
                let mut headers = HeaderMap::new();
                let (compression, request) = (Compression::default(), accepting(coding.name()));
                let compressed = compression.apply(body.clone(), &request, &mut headers).await;
                assert_eq!(headers[header::CONTENT_ENCODING], coding.name());
                assert!(compressed.len() < body.len() / 10);
                let mut read = Vec::new();
                match coding {
                    Coding::Brotli => {
                        brotli::Decompressor::new(&compressed[..], 4096).read_to_end(&mut read)
                    }
                    Coding::Gzip => {
                        flate2::read::GzDecoder::new(&compressed[..]).read_to_end(&mut read)
                    }
                    Coding::Deflate => {
                        flate2::read::ZlibDecoder::new(&compressed[..]).read_to_end(&mut read)
                    }
                }
                .unwrap();
                assert!(read == body, "{coding:?}");
            }
        }
    }

    #[tokio::test]
    async fn small_payloads_stay() {
        let body = Bytes::from_static(b"4a");
        let mut headers = HeaderMap::new();
        let same = Compression::default().apply(body.clone(), &accepting("br"), &mut headers).await;
        assert!(same == body && headers.is_empty());
    }
}
