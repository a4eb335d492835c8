//! Patterns of namespaces: `/tenant-{id}`.

use std::sync::Arc;

use crate::proto::{Misuse, RawJson};

/// Decides which names a template serves.
#[derive(Clone)]
pub(crate) enum Matcher {
    Pattern(Pattern),
    Predicate(Arc<Predicate>),
}

type Predicate = dyn Fn(&str, Option<&RawJson>) -> bool + Send + Sync;

impl Matcher {
    /// The values of the pattern's parameters, if the name matches.
    pub(crate) fn matches(
        &self,
        name: &str,
        auth: Option<&RawJson>,
    ) -> Option<Vec<(String, String)>> {
        match self {
            Self::Pattern(pattern) => pattern.matches(name),
            Self::Predicate(predicate) => predicate(name, auth).then(Vec::new),
        }
    }
}

/// Text with parameters in braces. A parameter matches one or more characters other than `/`, up to
/// the first occurrence of the text that follows it in the pattern. The last text must end the
/// name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// The text before the first parameter.
    head: String,
    /// Each parameter, and the text after it.
    rest: Vec<(String, String)>,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Result<Self, Misuse> {
        let misuse = || Misuse::Namespace { name: text.to_owned() };
        let mut parts = text.split('{');
        let head = parts.next().unwrap_or_default();
        if !head.starts_with('/') || text.contains(',') || head.contains('}') {
            return Err(misuse());
        }
        let mut rest: Vec<(String, String)> = Vec::new();
        for part in parts {
            let (param, behind) = part.split_once('}').ok_or_else(misuse)?;
            let is_adjacent = rest.last().is_some_and(|(_, behind)| behind.is_empty());
            if param.is_empty() || behind.contains('}') || is_adjacent {
                return Err(misuse());
            }
            rest.push((param.to_owned(), behind.to_owned()));
        }
        Ok(Self { head: head.to_owned(), rest })
    }

    fn matches(&self, name: &str) -> Option<Vec<(String, String)>> {
        let mut left = name.strip_prefix(&self.head[..])?;
        let mut params = Vec::with_capacity(self.rest.len());
        for (at, (param, behind)) in self.rest.iter().enumerate() {
            let len = if at + 1 == self.rest.len() {
                left.strip_suffix(&behind[..])?.len()
            } else {
                left.find(&behind[..])?
            };
            let value = &left[..len];
            if value.is_empty() || value.contains('/') {
                return None;
            }
            params.push((param.clone(), value.to_owned()));
            left = &left[len + behind.len()..];
        }
        left.is_empty().then_some(params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_take_what_stands_between_the_text() {
        type Row = (&'static str, &'static str, Option<&'static [(&'static str, &'static str)]>);
        const TABLE: &[Row] = &[
            ("/a", "/a", Some(&[])),
            ("/a", "/ab", None),
            ("/t-{id}", "/t-7", Some(&[("id", "7")])),
            ("/t-{id}", "/t-", None),
            ("/t-{id}", "/t-7/x", None),
            ("/t-{id}/x", "/t-7/x", Some(&[("id", "7")])),
            ("/{a}-{b}", "/x-y-z", Some(&[("a", "x"), ("b", "y-z")])),
            ("/{a}-end", "/x-end-end", Some(&[("a", "x-end")])),
            ("/{é}é{b}", "/ßéü", Some(&[("é", "ß"), ("b", "ü")])),
        ];
        for (pattern, name, params) in TABLE {
            let found = Pattern::new(pattern).unwrap().matches(name);
            let found: Option<Vec<_>> =
                found.as_ref().map(|p| p.iter().map(|(k, v)| (&k[..], &v[..])).collect());
            assert_eq!(found.as_deref(), *params, "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "a", "{a}", "/{a", "/a}", "/{}", "/{a}{b}", "/{a},b", "/{a}b}"] {
            assert!(Pattern::new(text).is_err(), "{text}");
        }
    }
}
