//! The cookie with the session's id, by which load balancers find the session's server.

use http::HeaderValue;

use crate::proto::Sid;

/// A cookie with the session's id. Default attributes as in engine.io 6.6: `Path=/`, `HttpOnly`,
/// `SameSite=Lax`.
///
/// ```
/// use engineio::server::{Config, Cookie};
/// let mut config = Config::default();
/// config.cookie = Some(Cookie::new("io")?.path("/engine.io")?);
/// # Ok::<(), engineio::server::InvalidCookie>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    name: String,
    path: String,
    http_only: bool,
    secure: bool,
    same_site: SameSite,
}

/// Whether a browser sends a cookie with requests that another site's page causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Never.
    Strict,
    /// Only when the user goes there.
    Lax,
    /// Always; browsers then ask for [`Cookie::secure`].
    None,
}

/// A name or a path that cannot stand in a cookie.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} cannot stand in a cookie")]
pub struct InvalidCookie {
    /// The text.
    pub text: String,
}

impl Cookie {
    /// A cookie of this name.
    ///
    /// # Errors
    /// [`InvalidCookie`] when the name is not a token of RFC 6265.
    pub fn new(name: &str) -> Result<Self, InvalidCookie> {
        let is_token = |b: u8| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&b);
        check(name, !name.is_empty() && name.bytes().all(is_token))?;
        Ok(Self {
            name: name.to_owned(),
            path: "/".to_owned(),
            http_only: true,
            secure: false,
            same_site: SameSite::Lax,
        })
    }

    /// The path below which it is sent.
    ///
    /// # Errors
    /// [`InvalidCookie`] when it has a `;` or anything but visible ASCII.
    pub fn path(mut self, path: &str) -> Result<Self, InvalidCookie> {
        check(path, path.bytes().all(|b| b.is_ascii_graphic() && b != b';'))?;
        path.clone_into(&mut self.path);
        Ok(self)
    }

    /// Whether scripts of the page cannot read it.
    pub fn http_only(self, http_only: bool) -> Self {
        Self { http_only, ..self }
    }

    /// Whether it is only sent over TLS.
    pub fn secure(self, secure: bool) -> Self {
        Self { secure, ..self }
    }

    /// Whether other sites' pages cause it to be sent.
    pub fn same_site(self, same_site: SameSite) -> Self {
        Self { same_site, ..self }
    }

    /// The value of `Set-Cookie`.
    pub(crate) fn header(&self, sid: Sid) -> Option<HeaderValue> {
        let Self { name, path, .. } = self;
        let mut text = format!("{name}={sid}; Path={path}");
        if self.http_only {
            text.push_str("; HttpOnly");
        }
        if self.secure {
            text.push_str("; Secure");
        }
        text.push_str(match self.same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        });
        HeaderValue::try_from(text).ok()
    }
}

fn check(text: &str, valid: bool) -> Result<(), InvalidCookie> {
    if valid { Ok(()) } else { Err(InvalidCookie { text: text.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_written_as_browsers_read_them() {
        let sid = Sid::from_entropy([0; 15]);
        let cookie = Cookie::new("io").unwrap();
        let written = |cookie: &Cookie| cookie.header(sid).unwrap().to_str().unwrap().to_owned();
        assert_eq!(written(&cookie), "io=AAAAAAAAAAAAAAAAAAAA; Path=/; HttpOnly; SameSite=Lax");
        let cookie = cookie.path("/a").unwrap().http_only(false).secure(true);
        assert_eq!(
            written(&cookie.same_site(SameSite::None)),
            "io=AAAAAAAAAAAAAAAAAAAA; Path=/a; Secure; SameSite=None"
        );
    }

    #[test]
    fn texts_that_would_break_out_are_refused() {
        for name in ["", "a=b", "a;b", "a b", "é", "a\n"] {
            assert!(Cookie::new(name).is_err(), "{name:?}");
        }
        for path in ["/; Domain=x", "/a\r\n", "/é"] {
            assert!(Cookie::new("io").unwrap().path(path).is_err(), "{path:?}");
        }
    }
}
