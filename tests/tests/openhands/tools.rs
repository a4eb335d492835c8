//! The commands beside the server, and the page it can serve.

use std::path::Path;

use tests::{OpenHands, within};

use super::rest::{get, send};
use super::with_messages;

/// Runs a command to its end: exit code, standard output, standard error.
pub(super) async fn run(args: &[&str], data: &Path) -> (Option<i32>, String, String) {
    let mut command = OpenHands::command();
    command.args(args).arg("--data-dir").arg(data);
    let output = within("end of openhands", command.output()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_running_server_is_backed_up_and_checked() {
    let (server, _client) = with_messages(3).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openhands.db");
    let name = file.to_str().unwrap();
    let (code, said, error) = run(&["backup", name], server.data()).await;
    assert_eq!((code, &*error), (Some(0), ""), "{said}");
    assert!(said.starts_with(name) && said.contains("bytes"), "{said}");
    for data in [server.data(), folder.path()] {
        let (code, said, error) = run(&["check"], data).await;
        assert_eq!((code, &*said, &*error), (Some(0), "1 conversations, 3 events, 0 faults\n", ""));
    }
    let (code, _, error) = run(&["backup", name], server.data()).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("is there already") && error.lines().count() == 1, "{error}");

    std::fs::write(&file, b"x".repeat(5000)).unwrap();
    let (code, _, error) = run(&["check"], folder.path()).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("is not a database"), "{error}");
}

#[tokio::test]
async fn the_version_tells_the_build() {
    let output = within("version", OpenHands::command().arg("--version").output()).await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let mut lines = said.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("openhands 0.")), "{said}");
    for name in ["commit", "rustc", "target", "profile", "features"] {
        let fact = lines.next().and_then(|line| line.strip_prefix(name)).map(str::trim);
        assert!(fact.is_some_and(|fact| !fact.is_empty()), "{name} in {said}");
    }
    assert!(said.contains("\nrustc    rustc 1."), "{said}");
}

#[tokio::test]
async fn a_built_page_shadows_no_route() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().to_str().unwrap();
    let data = tempfile::tempdir().unwrap();
    let (code, _, error) =
        run(&["--listen", "127.0.0.1:0", "--static-dir", page], data.path()).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("index.html") && error.lines().count() == 1, "{error}");

    std::fs::write(folder.path().join("index.html"), "the page").unwrap();
    // Files of these names are not served: the routes come first.
    std::fs::write(folder.path().join("alive"), "shadow").unwrap();
    let server = OpenHands::start(&["--agent", "none", "--static-dir", page]).await;
    for path in ["/", "/conversations/abc", "/settings"] {
        assert_eq!(get(&server, path).await, (200, "the page".into()), "{path}");
    }
    assert_eq!(get(&server, "/alive").await.1["status"], "ok");
    assert!(get(&server, "/api/conversations").await.1["results"].is_array());
    for path in ["/api/nope", "/api", "/socket.io/nope/nope"] {
        assert!(matches!(get(&server, path).await.0, 400 | 404), "{path}");
    }
    for path in ["/../openhands.db", "/%2e%2e/openhands.db", "/..%2f..%2fetc/passwd"] {
        assert_eq!(get(&server, path).await.0, 404, "{path}");
    }
    assert_eq!(send(&server, "POST", "/settings", "{}").await.0, 405);
    let (status, home) = get(&OpenHands::start(&["--agent", "none"]).await, "/").await;
    assert!(status == 200 && home.as_str().unwrap().contains("Socket.IO"), "{home}");
}
