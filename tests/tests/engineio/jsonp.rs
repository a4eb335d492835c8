//! Polling by scripts and forms, in a browser, on a page of another origin.

use engineio::server::{Config, Origins, Server};
use serde_json::json;
use tests::{Host, Script, Tool, install};

use super::echo::echo;

const PAGE: &str = "http://page.example";

#[tokio::test]
async fn every_message_comes_back_by_scripts() {
    let mut config = Config::default();
    config.allow_eio3 = true;
    config.jsonp = true;
    config.origins = Origins::List([PAGE.to_owned()].into());
    let host = Host::engineio(&Server::new(config, echo)).await;
    let chromium = install(Tool::Chromium);
    let args = [&chromium.to_string_lossy(), &*host.url(), PAGE];
    let mut browser = Script::node("engineio/jsonp.mjs", &args);
    let all = json!({
        "text": true, "empty text": true, "unicode": true, "line feeds": true, "markup": true,
        "large text": true, "binary": true,
    });
    let expected = json!({ "same": all, "scripts": true, "requests": 0 });
    assert_eq!(browser.expect("seen").await, expected);
    browser.finish().await;
}
