//! The document of the API: every route answers as the document says.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::OpenHands;

use super::rest::{form, get, send};

/// The document, and the parts of it that were compared with an answer.
struct Document {
    document: Value,
    seen: BTreeSet<String>,
}

impl Document {
    /// Compares an answer with what the document says about `METHOD /path/{id}`.
    fn hold(&mut self, operation: &str, (status, answer): &(u16, Value)) {
        let (method, path) = operation.split_once(' ').unwrap();
        let method = method.to_lowercase();
        let responses = &self.document["paths"][path][&method]["responses"];
        let mut response = &responses[status.to_string()];
        assert!(
            response.is_object(),
            "{operation} answers {status}, which is not written: {answer}"
        );
        if let Some(reference) = response["$ref"].as_str() {
            response = self.document.pointer(reference.trim_start_matches('#')).unwrap();
        }
        self.seen.insert(operation.to_owned());
        let Some(schema) = response["content"]["application/json"].get("schema") else { return };
        let schema = json!({"allOf": [schema], "components": self.document["components"]});
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let faults: Vec<_> = validator.iter_errors(answer).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{operation} {status}: {faults:?} in {answer}");
    }
}

#[tokio::test]
async fn every_route_answers_as_it_is_written() {
    let server = OpenHands::start(&[]).await;
    let (status, document) = get(&server, "/openapi.json").await;
    assert_eq!(status, 200);
    let mut held = Document { document, seen: BTreeSet::new() };
    let hello = json!({"initial_user_msg": "hello"}).to_string();
    let created = send(&server, "POST", "/api/conversations", &hello).await;
    held.hold("POST /api/conversations", &created);
    let id = created.1["conversation_id"].as_str().unwrap().to_owned();
    let wrong_id = "x".repeat(101);
    // The agent's turn ends with a message: then there is an event of each kind.
    let events = format!("/api/conversations/{id}/events?limit=100");
    let ends = async {
        while !get(&server, &events).await.1.to_string().contains("wait_for_response\":true") {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tests::within("end of the demo agent's turn", ends).await;
    let action = json!({"action": "message", "args": {"content": "x"}}).to_string();
    for (operation, query, body) in [
        ("GET /alive", "", ""),
        ("GET /health", "", ""),
        ("GET /metrics", "", ""),
        ("GET /server_info", "", ""),
        ("GET /openapi.json", "", ""),
        ("GET /api/options/config", "", ""),
        ("GET /api/options/models", "", ""),
        ("GET /api/options/agents", "", ""),
        ("GET /api/options/security-analyzers", "", ""),
        ("POST /api/settings", "", r#"{"llm_model":"m","llm_api_key":"k","mcp_config":{}}"#),
        ("POST /api/settings", "", r#"{"llm_model":1}"#),
        ("GET /api/settings", "", ""),
        ("GET /api/options/models", "", ""),
        ("POST /api/secrets", "", r#"{"name":"name","value":"v"}"#),
        ("POST /api/secrets", "", r#"{"name":"name","value":"v"}"#),
        ("POST /api/secrets", "", "{}"),
        ("GET /api/secrets", "", ""),
        ("PUT /api/secrets/{name}", "", r#"{"name":"name","description":"d"}"#),
        ("PUT /api/secrets/{name}", "", "[]"),
        ("DELETE /api/secrets/{name}", "", ""),
        ("DELETE /api/secrets/{name}", "", ""),
        ("POST /api/add-git-providers", "", "{}"),
        ("POST /api/add-git-providers", "", r#"{"provider_tokens":{"github":{"token":"t"}}}"#),
        ("POST /api/unset-provider-tokens", "", ""),
        ("GET /api/user/info", "", ""),
        ("GET /api/user/installations", "?provider=github", ""),
        ("GET /api/user/repositories", "", ""),
        ("GET /api/user/repository/branches", "", ""),
        ("GET /api/user/repository/{owner}/{name}/microagents", "", ""),
        ("GET /api/user/repository/{owner}/{name}/microagents/content", "?file_path=x", ""),
        ("GET /api/user/search/repositories", "", ""),
        ("GET /api/user/search/branches", "", ""),
        ("GET /api/user/suggested-tasks", "", ""),
        ("GET /api/microagent-management/conversations", "", ""),
        ("POST /api/conversations", "", "{}"),
        ("POST /api/conversations", "", ""),
        ("GET /api/conversations", "", ""),
        ("GET /api/conversations", "?limit=1", ""),
        ("GET /api/conversations", "?limit=x", ""),
        ("GET /api/conversations", "?page_id=x", ""),
        ("GET /api/conversations/{id}", "", ""),
        ("PATCH /api/conversations/{id}", "", r#"{"title":"t"}"#),
        ("PATCH /api/conversations/{id}", "", r#"{"title":""}"#),
        ("GET /api/conversations/{id}/config", "", ""),
        ("GET /api/conversations/{id}/trajectory", "", ""),
        ("GET /api/conversations/{id}/events", "?limit=100", ""),
        ("GET /api/conversations/{id}/events", "?limit=101", ""),
        ("GET /api/conversations/{id}/events", "?start_id=x", ""),
        ("POST /api/conversations/{id}/events", "", &*action),
        ("POST /api/conversations/{id}/events", "", r#"{"action":"frobnicate"}"#),
        ("POST /api/conversations/{id}/message", "", r#"{"message":"m"}"#),
        ("POST /api/conversations/{id}/message", "", "{}"),
        ("GET /api/conversations/{id}/access", "", ""),
        ("PUT /api/conversations/{id}/access", "", r#"{"shared":[{"user":"*","right":"read"}]}"#),
        ("PUT /api/conversations/{id}/access", "", r#"{"shared":1}"#),
        ("GET /api/conversations/{id}/list-files", "", ""),
        ("GET /api/conversations/{id}/list-files", "?path=../x", ""),
        ("GET /api/conversations/{id}/list-files", "?path=nope", ""),
        ("GET /api/conversations/{id}/select-file", "", ""),
        ("GET /api/conversations/{id}/select-file", "?file=nope", ""),
        ("GET /api/conversations/{id}/zip-directory", "", ""),
        ("POST /api/conversations/{id}/upload-files", "", "{}"),
        ("GET /api/conversations/{id}/git/changes", "", ""),
        ("GET /api/conversations/{id}/git/diff", "", ""),
        ("GET /api/conversations/{id}/git/diff", "?path=x", ""),
        ("GET /api/conversations/{id}/vscode-url", "", ""),
        ("GET /api/conversations/{id}/web-hosts", "", ""),
        ("GET /api/conversations/{id}/microagents", "", ""),
        ("POST /api/conversations/{id}/exp-config", "", "{}"),
        ("POST /api/conversations/{id}/exp-config", "", "x"),
        ("GET /api/conversations/{id}/remember-prompt", "?event_id=1", ""),
        ("POST /api/conversations/{id}/submit-feedback", "", "{}"),
        ("POST /api/conversations/{id}/stop", "", ""),
        ("POST /api/conversations/{id}/start", "", r#"{"providers_set":[]}"#),
        ("POST /api/conversations/{id}/start", "", ""),
        ("DELETE /api/conversations/{id}", "", ""),
    ] {
        let (method, path) = operation.split_once(' ').unwrap();
        let ask =
            |id: &str| format!("{}{query}", path.replace("{id}", id).replace("{name}", "name"));
        // For a conversation that exists, one that does not, and one that cannot exist.
        for id in [&*id, "missing", &*wrong_id].into_iter().take(if path.contains("{id}") {
            3
        } else {
            1
        }) {
            if operation == "DELETE /api/conversations/{id}" && id.len() == 32 {
                // Uploads and reading them need a conversation, so these come last.
                let parts: &[(&str, &str, &[u8])] =
                    &[("files", "f", b"text"), ("files", "..", b"")];
                let sent =
                    form(&server, &format!("/api/conversations/{id}/upload-files"), parts).await;
                held.hold("POST /api/conversations/{id}/upload-files", &sent);
                let read =
                    get(&server, &format!("/api/conversations/{id}/select-file?file=f")).await;
                assert_eq!(read.0, 200);
                held.hold("GET /api/conversations/{id}/select-file", &read);
            }
            held.hold(operation, &send(&server, method, &ask(id), body).await);
        }
    }
    let written: BTreeSet<_> = held.document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            let methods = methods.filter(|key| *key != "parameters");
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let unseen: Vec<_> = written.difference(&held.seen).collect();
    assert!(unseen.is_empty(), "nobody asked for {unseen:?}");
}
