//! JSONP: polling by script elements and forms, for browsers without XMLHttpRequest across
//! origins. Only in protocol 3. [engine.io 6.6, transport "polling" with `j` in the query]

use bytes::Bytes;

/// A payload as a script that hands it to the client's callback of this number.
///
/// ```
/// use engineio::proto::jsonp;
/// assert_eq!(jsonp::script(2, "6:4hello"), r#"___eio[2]("6:4hello");"#);
/// ```
pub fn script(callback: u32, payload: &str) -> String {
    // A string: nothing in it can fail to serialise. Both separators end a line in JavaScript,
    // though not in JSON.
    let text = serde_json::to_string(payload)
        .unwrap_or_default()
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029");
    format!("___eio[{callback}]({text});")
}

/// The payload in a posted form: its field `d`. `None` when the field is missing.
///
/// Old browsers rewrite line ends in forms, so the client writes a newline as `\n`, and a `\n` that
/// was there before as `\\n`.
pub fn payload(form: &[u8]) -> Option<Bytes> {
    let (_, data) = form_urlencoded::parse(form).find(|(key, _)| key == "d")?;
    let mut payload = String::with_capacity(data.len());
    let mut rest = data.as_ref();
    while let Some(at) = rest.find('\\') {
        payload.push_str(&rest[..at]);
        rest = &rest[at..];
        let (from, to) = if rest.starts_with("\\\\n") {
            ("\\\\n", "\\n")
        } else if rest.starts_with("\\n") {
            ("\\n", "\n")
        } else {
            ("\\", "\\")
        };
        payload.push_str(to);
        rest = &rest[from.len()..];
    }
    payload.push_str(rest);
    Some(payload.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_javascript_and_not_only_json() {
        for (text, expected) in [
            ("1:6", r#"___eio[0]("1:6");"#),
            ("4:4\"\\\n", r#"___eio[0]("4:4\"\\\n");"#),
            ("3:4\u{2028}\u{2029}", "___eio[0](\"3:4\\u2028\\u2029\");"),
            ("2:4€", "___eio[0](\"2:4€\");"),
        ] {
            assert_eq!(script(0, text), expected);
        }
    }

    #[test]
    fn forms_are_unescaped() {
        for (form, expected) in [
            ("d=6%3A4hello", Some("6:4hello")),
            ("x=1&d=1%3A2", Some("1:2")),
            ("d=3%3A4%5Cn", Some("3:4\n")),
            ("d=4%3A4%5C%5Cn", Some("4:4\\n")),
            ("d=4%3A4%5Ca%5C", Some("4:4\\a\\")),
            ("d=2%3A4%E2%82%AC", Some("2:4€")),
            ("d=", Some("")),
            ("e=1", None),
            ("", None),
        ] {
            assert_eq!(payload(form.as_bytes()).as_deref(), expected.map(str::as_bytes), "{form}");
        }
    }
}
