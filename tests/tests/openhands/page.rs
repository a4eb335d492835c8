//! The built-in page and a built one, in a browser.

use serde_json::{Value, json};
use tests::{OpenHands, Script, Tool, install, tests};

use super::auth::{Keyed, conversation, keyed};
use super::rest::{accepting, get, post};

/// A browser with one page.
struct Browser(Script);

impl Browser {
    async fn start() -> Self {
        let chromium = install(Tool::Chromium);
        let mut script = Script::node("openhands/page.mjs", &[&chromium.to_string_lossy()]);
        script.expect("ready").await;
        Self(script)
    }

    async fn ask(&mut self, order: Value) -> Value {
        self.0.tell(&order).await;
        self.0.expect("done").await
    }

    async fn goto(&mut self, url: &str) {
        assert_eq!(self.ask(json!(["goto", url])).await, 200, "{url}");
    }

    async fn click(&mut self, selector: &str) {
        self.ask(json!(["click", selector])).await;
    }

    async fn until(&mut self, selector: &str, count: usize) {
        self.ask(json!(["until", selector, count])).await;
    }

    async fn text(&mut self, selector: &str) -> String {
        self.ask(json!(["text", selector])).await.as_str().unwrap().to_owned()
    }

    async fn complaints(&mut self) -> Vec<String> {
        serde_json::from_value(self.ask(json!(["complaints"])).await).unwrap()
    }

    /// The ids of the events that it shows, in their order.
    async fn ids(&mut self) -> Vec<u64> {
        let ids = self.ask(json!(["all", "#events > li", "data-id"])).await;
        let ids = ids.as_array().unwrap().iter();
        ids.map(|id| id.as_str().unwrap().parse().unwrap()).collect()
    }

    async fn say(&mut self, text: &str) {
        self.ask(json!(["fill", "#text", text])).await;
        self.click("#send").await;
    }

    async fn close(mut self) {
        self.0.tell(&json!(["close"])).await;
        self.0.finish().await;
    }
}

const AGENT_MESSAGES: &str = "#events > li[data-kind=message][data-source=agent]";
const USER_MESSAGES: &str = "#events > li[data-kind=message][data-source=user]";
const LIVE: &str = "#state[data-state=live]";

/// Ids that a page must show, and those that it may: of the agent's past states only the newest.
async fn stored(server: &OpenHands, path: &str) -> (Vec<u64>, Vec<u64>) {
    let (_, page) = get(server, &format!("{path}/events?limit=100")).await;
    assert_eq!(page["has_more"], false);
    let id = |event: &Value| event["id"].as_u64().unwrap();
    let all = page["events"].as_array().unwrap();
    let is_state = |event: &&Value| event["observation"] == "agent_state_changed";
    let must = all.iter().filter(|event| !is_state(event)).map(id).collect();
    (must, all.iter().map(id).collect())
}

/// No event twice, none out of order, none missing and none that there is not.
async fn assert_exactly_once(browser: &mut Browser, server: &OpenHands, path: &str) {
    let shown = browser.ids().await;
    assert!(shown.is_sorted_by(|a, b| a < b), "{shown:?}");
    let (must, may) = stored(server, path).await;
    let missing: Vec<_> = must.iter().filter(|id| !shown.contains(id)).collect();
    let foreign: Vec<_> = shown.iter().filter(|id| !may.contains(id)).collect();
    assert!(missing.is_empty() && foreign.is_empty(), "{shown:?}: {missing:?}, {foreign:?}");
}

#[tokio::test]
async fn a_conversation_is_replayed_goes_on_live_and_survives_a_restart() {
    let server = OpenHands::start(&["--agent", "demo"]).await;
    let hello = json!({"initial_user_msg": "hello"});
    let (_, created) = post(&server, "/api/conversations", &hello).await;
    let id = created["conversation_id"].as_str().unwrap().to_owned();
    let path = format!("/api/conversations/{id}");

    let mut browser = Browser::start().await;
    browser.goto(&server.url()).await;
    let (_, document) = get(&server, "/openapi.json").await;
    assert_eq!(browser.text("#version").await, document["info"]["version"]);
    assert_eq!(browser.text("#agent").await, "demo");
    assert_eq!(browser.text("#address").await, server.url());
    assert!(browser.text("#snippet").await.contains(&server.url()));
    // Replayed.
    browser.click(&format!("#conversations button[data-id='{id}']")).await;
    browser.until(LIVE, 1).await;
    browser.until(AGENT_MESSAGES, 1).await;
    assert_exactly_once(&mut browser, &server, &path).await;
    // Live; and whatever is said stays text.
    browser.say("<img src=x onerror=alert(1)>").await;
    browser.until(USER_MESSAGES, 2).await;
    browser.until(AGENT_MESSAGES, 2).await;
    assert!(browser.text(&format!(":nth-match({USER_MESSAGES}, 2)")).await.contains("<img src=x"));
    assert_eq!(browser.ask(json!(["all", "#events img", "src"])).await, json!([]));
    assert_exactly_once(&mut browser, &server, &path).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    // The server dies and comes back; something happens before the page does.
    let server = server.restart(&["--agent", "demo"]).await;
    let meanwhile = json!({"message": "meanwhile"});
    assert_eq!(post(&server, &format!("{path}/message"), &meanwhile).await.0, 200);
    browser.until(AGENT_MESSAGES, 3).await;
    browser.until(LIVE, 1).await;
    browser.say("and on").await;
    browser.until(AGENT_MESSAGES, 4).await;
    assert_exactly_once(&mut browser, &server, &path).await;
    for complaint in browser.complaints().await {
        assert!(complaint.contains("ERR_CONNECTION_REFUSED"), "{complaint}");
    }
    // Stopped and started, by its buttons.
    browser.click("#stop").await;
    browser.until("#state[data-state=ended]", 1).await;
    assert_eq!(get(&server, &path).await.1["status"], "STOPPED");
    browser.click("#start").await;
    browser.until(LIVE, 1).await;
    browser.say("last").await;
    browser.until(AGENT_MESSAGES, 5).await;
    assert_exactly_once(&mut browser, &server, &path).await;
    // A reload shows it again, from the beginning.
    let shown = browser.ids().await.len();
    browser.ask(json!(["reload"])).await;
    browser.until(AGENT_MESSAGES, 5).await;
    browser.until(LIVE, 1).await;
    assert_exactly_once(&mut browser, &server, &path).await;
    assert!(browser.ids().await.len() <= shown, "past states of the agent are not replayed");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn where_there_are_keys_the_page_asks_for_one() {
    let Keyed { server, alice, bob, .. } = keyed(&[]).await;
    let id = conversation(&server, &alice).await;
    let button = format!("#conversations button[data-id='{id}']");
    let mut browser = Browser::start().await;
    browser.goto(&format!("{}/#{id}", server.url())).await;
    for key in ["wrong", &bob] {
        browser.until("#key-form:not([hidden])", 1).await;
        browser.ask(json!(["fill", "#key", key])).await;
        browser.click("#key-form button").await;
    }
    // Bob's is taken, and shows him nothing of Alice.
    browser.until("#key-form[hidden]", 1).await;
    browser.until("#state[data-state=refused]", 1).await;
    browser.until("#note:not([hidden])", 1).await;
    assert!(browser.text("#note").await.contains("not allowed"));
    assert_eq!(browser.ask(json!(["all", &button, "data-id"])).await, json!([]));
    browser.ask(json!(["forget"])).await;
    browser.until("#key-form:not([hidden])", 1).await;
    browser.ask(json!(["fill", "#key", alice])).await;
    browser.click("#key-form button").await;
    browser.until(&button, 1).await;
    browser.until(LIVE, 1).await;
    browser.until(USER_MESSAGES, 1).await;
    // The tab keeps it.
    browser.ask(json!(["reload"])).await;
    browser.until(LIVE, 1).await;
    browser.until(USER_MESSAGES, 1).await;
    for complaint in browser.complaints().await {
        assert!(complaint.contains("401") || complaint.contains("403"), "{complaint}");
    }
    browser.close().await;
}

#[tokio::test]
async fn the_page_may_load_nothing_from_elsewhere() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let (head, _) = accepting(&server, "/", "text/html").await;
    assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
    let mut browser = Browser::start().await;
    browser.goto(&server.url()).await;
    browser.click("#new").await;
    browser.until(LIVE, 1).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    let image = json!(["image", format!("{}/image.png", server.url())]);
    assert_eq!(browser.ask(image).await, "refused");
    let complaints = browser.complaints().await;
    assert!(complaints.iter().any(|said| said.starts_with("policy: img-src")), "{complaints:?}");
    browser.close().await;
}

#[tokio::test]
async fn a_built_page_is_served_on_every_path_it_routes() {
    let folder = tests().join("fixtures/page");
    let server =
        OpenHands::start(&["--agent", "none", "--static-dir", folder.to_str().unwrap()]).await;
    let mut browser = Browser::start().await;
    for path in ["/", "/conversations/abc", "/settings/secrets"] {
        browser.goto(&format!("{}{path}", server.url())).await;
        browser.until("body[data-ready]", 1).await;
        assert_eq!(browser.text("#path").await, path);
        assert_eq!(browser.text("#mode").await, "oss");
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    assert_eq!(get(&server, "/console/page.js").await.0, 200, "the index stands in");
    assert_eq!(get(&server, "/api/nope").await, (404, json!({"detail": "Not Found"})));
    browser.close().await;
}
