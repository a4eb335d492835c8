//! The document of the API.

use http::header;

/// `openapi.json` as it is written; a test holds it against the routes.
pub(super) async fn document() -> ([(header::HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}

const DOCUMENT: &str = include_str!("openapi.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use axum::body::Body;
    use http::{Method, Request};
    use serde_json::Value;
    use tower_service::Service as _;

    use super::super::{Files, HttpConfig, Parts, Rest, ServerInfo, router, routes};
    use super::*;
    use crate::agent::{NoAgent, OneAgent};
    use crate::auth::Keys;
    use crate::hub::{Hub, HubConfig};
    use crate::limits::{Limits, LimitsConfig};
    use crate::log::sqlite::{SqliteConfig, SqliteLog};
    use crate::metrics::Metrics;
    use crate::settings::UserSettings;
    use crate::workspace::FileLimits;

    fn described() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    #[tokio::test]
    async fn the_document_has_every_route_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let log = SqliteLog::open(folder.path(), SqliteConfig::default()).unwrap();
        let hub = Hub::new(
            Arc::new(log),
            Arc::new(OneAgent::new(NoAgent)),
            HubConfig::new(folder.path()),
        );
        let settings = Arc::new(UserSettings::open(folder.path()).unwrap());
        let keys = Keys::open(folder.path(), None).unwrap();
        let limits = Arc::new(Limits::new(LimitsConfig::default()));
        let config = HttpConfig::new(folder.path());
        let metrics = Metrics::new();
        let rest = Rest(Arc::new(Parts {
            hub: Arc::clone(&hub),
            settings: Arc::clone(&settings),
            keys: Arc::clone(&keys),
            limits: Arc::clone(&limits),
            metrics: metrics.clone(),
            info: ServerInfo::new(folder.path().to_owned(), metrics.clone()),
            files: Files::new(FileLimits::default()),
        }));
        let mut served = router(hub, settings, keys, limits, metrics, config);
        let mut real = BTreeSet::new();
        for path in routes(&rest).paths() {
            // No route has this method, so the refusal names the methods that exist.
            let method = Method::from_bytes(b"NONE").unwrap();
            let asked =
                path.replace("{id}", "x").replace("{owner}/{name}", "x/x").replace("{name}", "x");
            let request = Request::builder().method(method).uri(asked).body(Body::empty()).unwrap();
            let answer = served.call(request).await.unwrap();
            assert_eq!(answer.status(), 405, "{path}");
            let allowed = answer.headers()[header::ALLOW].to_str().unwrap();
            for method in allowed.split(',').filter(|method| *method != "HEAD") {
                real.insert(format!("{method} {path}"));
            }
        }
        let document = described();
        let written: BTreeSet<_> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().keys();
                methods
                    .filter(|key| *key != "parameters")
                    .map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect();
        let missing: Vec<_> = real.difference(&written).collect();
        let gone: Vec<_> = written.difference(&real).collect();
        assert!(
            missing.is_empty() && gone.is_empty(),
            "not written: {missing:?}, not served: {gone:?}"
        );
    }

    #[test]
    fn the_document_is_of_this_version_and_its_references_lead_somewhere() {
        let document = described();
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        for reference in DOCUMENT.split("\"$ref\": \"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
