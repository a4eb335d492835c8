//! The files of a conversation's workspace, as a page reads, changes and takes them along.

use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tests::OpenHands;

use super::auth::{Keyed, ask, conversation, keyed};
use super::rest::{binary, form, get, post};

/// A server with one conversation, its path, and its workspace with a file in it.
async fn with_workspace() -> (OpenHands, String, PathBuf) {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let (_, created) = post(&server, "/api/conversations", &json!({})).await;
    let path = format!("/api/conversations/{}", created["conversation_id"].as_str().unwrap());
    assert_eq!(get(&server, &format!("{path}/list-files")).await, (200, json!([])), "none yet");
    let sent = form(&server, &format!("{path}/upload-files"), &[("files", "a.txt", b"one")]).await;
    assert_eq!(sent, (200, json!({"uploaded_files": ["a.txt"], "skipped_files": []})));
    let folders = std::fs::read_dir(server.data().join("workspaces")).unwrap();
    let folder = folders.map(|entry| entry.unwrap().path()).next().unwrap();
    (server, path, folder)
}

#[tokio::test]
async fn files_go_in_and_come_out() {
    let (server, path, folder) = with_workspace().await;
    std::fs::create_dir(folder.join("d")).unwrap();
    std::fs::write(folder.join("d/b.py"), "two\n").unwrap();
    std::fs::write(folder.join("blob"), [0xff, 0xfe]).unwrap();
    for (query, expected) in [
        ("list-files", json!(["d/", "a.txt", "blob"])),
        ("list-files?path=d", json!(["d/b.py"])),
        ("list-files?path=/workspace/d/", json!(["d/b.py"])),
        ("select-file?file=d/b.py", json!({"code": "two\n"})),
        ("select-file?file=/workspace/a.txt", json!({"code": "one"})),
    ] {
        assert_eq!(get(&server, &format!("{path}/{query}")).await, (200, expected), "{query}");
    }
    // Bytes stay bytes; a browser's path is only a name; what is no name is skipped.
    let parts: &[(&str, &str, &[u8])] = &[
        ("files", "../../bin.dat", &[0, 0xff, 13, 10]),
        ("other", "x", b"not asked for"),
        ("files", "..", b"no name"),
        ("files", "a.txt", b"anew"),
    ];
    let sent = form(&server, &format!("{path}/upload-files"), parts).await;
    let skipped = json!([{"name": "..", "reason": "\"..\" is no file"}]);
    let uploaded = json!({"uploaded_files": ["bin.dat", "a.txt"], "skipped_files": skipped});
    assert_eq!(sent, (200, uploaded));
    assert_eq!(std::fs::read(folder.join("bin.dat")).unwrap(), [0, 0xff, 13, 10]);

    let (head, body) = binary(&server, &format!("{path}/zip-directory")).await;
    for part in ["200 OK", "content-type: application/zip", "filename=\"workspace.zip\""] {
        assert!(head.contains(part), "{part} in {head}");
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(body)).unwrap();
    let mut text = String::new();
    archive.by_name("a.txt").unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "anew");
    let names: Vec<_> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(names, ["a.txt", "bin.dat", "blob", "d/", "d/b.py"]);
}

#[tokio::test]
async fn refusals_say_why_and_name_no_path_of_the_machine() {
    let (server, path, folder) = with_workspace().await;
    std::os::unix::fs::symlink("/etc", folder.join("etc")).unwrap();
    std::fs::write(folder.join("blob"), [0xff]).unwrap();
    std::fs::write(folder.join("large"), vec![b'x'; (4 << 20) + 1]).unwrap();
    for (query, status, error) in [
        ("select-file?file=nope.txt", 404, "Error opening file: File not found: nope.txt"),
        (
            "select-file?file=../../settings.json",
            400,
            "Error opening file: \"../../settings.json\" is outside of the workspace",
        ),
        (
            "select-file?file=/etc/passwd",
            400,
            "Error opening file: \"/etc/passwd\" is outside of the workspace",
        ),
        (
            "select-file?file=etc/passwd",
            400,
            "Error opening file: \"etc/passwd\" is outside of the workspace",
        ),
        ("select-file?file=blob", 415, "Unable to open binary file: blob"),
        (
            "select-file?file=large",
            413,
            "Error opening file: \"large\" has 4194305 bytes, the limit is 4194304",
        ),
        ("list-files?path=etc", 400, "Error listing files: \"etc\" is outside of the workspace"),
        ("list-files?path=a.txt", 400, "Error listing files: \"a.txt\" is no folder"),
        ("git/changes", 404, "Not a git repository"),
        ("git/diff?path=a.txt", 404, "Not a git repository"),
    ] {
        let answer = get(&server, &format!("{path}/{query}")).await;
        assert_eq!(answer, (status, json!({"error": error})), "{query}");
    }
    for query in [
        "list-files",
        "select-file?file=x",
        "zip-directory",
        "git/changes",
        "git/diff?path=x",
        "vscode-url",
        "web-hosts",
        "microagents",
        "remember-prompt?event_id=1",
    ] {
        let answer = get(&server, &format!("/api/conversations/missing/{query}")).await;
        assert_eq!(answer, (404, json!({"detail": "Conversation missing not found"})), "{query}");
    }
    let field = |place: &str, key: &str| json!([{"type": "missing", "loc": [place, key], "msg": "Field required", "input": null}]);
    let without = get(&server, &format!("{path}/select-file")).await;
    assert_eq!(without, (422, json!({"detail": field("query", "file")})));
    let empty = form(&server, &format!("{path}/upload-files"), &[]).await;
    assert_eq!(empty, (422, json!({"detail": field("body", "files")})));
    let no_form = post(&server, &format!("{path}/upload-files"), &json!({})).await;
    assert_eq!(no_form, (422, json!({"detail": field("body", "files")})));
}

#[tokio::test]
async fn an_upload_may_be_larger_than_other_bodies() {
    let (server, path, folder) = with_workspace().await;
    let large = vec![b'x'; 6 << 20];
    let sent = form(&server, &format!("{path}/upload-files"), &[("files", "large", &large)]).await;
    assert_eq!(sent.0, 200, "{sent:?}");
    assert_eq!(std::fs::metadata(folder.join("large")).unwrap().len(), 6 << 20);
    let message = json!({"message": "x".repeat(5 << 20)});
    assert_eq!(post(&server, &format!("{path}/message"), &message).await.0, 413);
}

#[tokio::test]
async fn what_changed_in_a_repository() {
    let (server, path, folder) = with_workspace().await;
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(&folder).args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        assert!(command.args(args).output().unwrap().status.success(), "git {args:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "a.txt"]);
    git(&["commit", "-qm", "one"]);
    std::fs::write(folder.join("a.txt"), "changed").unwrap();
    std::fs::write(folder.join("new"), "").unwrap();
    let changes = json!([{"status": "M", "path": "a.txt"}, {"status": "A", "path": "new"}]);
    assert_eq!(get(&server, &format!("{path}/git/changes")).await, (200, changes));
    let diff = get(&server, &format!("{path}/git/diff?path=a.txt")).await;
    assert_eq!(diff, (200, json!({"modified": "changed", "original": "one"})));
    assert_eq!(get(&server, &format!("{path}/list-files")).await.1, json!(["a.txt", "new"]));
}

#[tokio::test]
async fn secrets_are_stored_and_never_told() {
    let server = OpenHands::start(&["--agent", "none"]).await;
    let path = "/api/secrets";
    assert_eq!(get(&server, path).await, (200, json!({"custom_secrets": []})));
    let secret = json!({"name": "TOKEN", "value": "hidden value", "description": "a demo secret"});
    let created = json!({"message": "Secret created successfully"});
    assert_eq!(post(&server, path, &secret).await, (201, created));
    let taken = json!({"message": "Secret TOKEN already exists"});
    assert_eq!(post(&server, path, &secret).await, (400, taken));
    let listed = json!({"custom_secrets": [{"name": "TOKEN", "description": "a demo secret"}]});
    assert_eq!(get(&server, path).await, (200, listed));
    let body = json!({"name": "T", "description": null}).to_string();
    let put = super::rest::send(&server, "PUT", "/api/secrets/TOKEN", &body).await;
    assert_eq!(put, (200, json!({"message": "Secret updated successfully"})));
    let gone = json!({"error": "Secret with ID TOKEN not found"});
    let delete = |name: &str| format!("/api/secrets/{name}");
    let answer = super::rest::send(&server, "DELETE", &delete("TOKEN"), "").await;
    assert_eq!(answer, (404, gone));
    let server = server.restart(&["--agent", "none"]).await;
    let listed = json!({"custom_secrets": [{"name": "T", "description": ""}]});
    assert_eq!(get(&server, path).await, (200, listed));
    let answer = super::rest::send(&server, "DELETE", &delete("T"), "").await;
    assert_eq!(answer, (200, json!({"message": "Secret deleted successfully"})));
    let (status, faults) = post(&server, path, &json!({"value": "hidden value"})).await;
    assert_eq!(status, 422);
    assert!(!faults.to_string().contains("hidden value"), "{faults}");
    assert!(!server.said().contains("hidden value"), "{}", server.said());
}

#[tokio::test]
async fn files_and_secrets_are_their_owners() {
    let Keyed { server, alice, bob, .. } = keyed(&[]).await;
    let path = format!("/api/conversations/{}", conversation(&server, &alice).await);
    for route in
        ["list-files", "select-file?file=x", "zip-directory", "git/changes", "git/diff?path=x"]
    {
        let route = format!("{path}/{route}");
        assert_eq!(ask(&server, &bob, "GET", &route, "").await.0, 403, "{route}");
        assert_eq!(get(&server, &route).await.0, 401, "{route}");
        assert_ne!(ask(&server, &alice, "GET", &route, "").await.0, 403, "{route}");
    }
    let upload = form(&server, &format!("{path}/upload-files"), &[("files", "a", b"a")]).await;
    assert_eq!(upload.0, 401);
    let secret = r#"{"name":"TOKEN","value":"v"}"#;
    assert_eq!(ask(&server, &alice, "POST", "/api/secrets", secret).await.0, 201);
    let listed = ask(&server, &bob, "GET", "/api/secrets", "").await;
    assert_eq!(listed, (200, json!({"custom_secrets": []})));
}

#[tokio::test]
async fn what_there_is_not_is_said_so() {
    let (server, path, _) = with_workspace().await;
    let no_token = json!("Git provider token required. (such as GitHub).");
    for (route, expected) in [
        ("/api/user/info", (401, no_token.clone())),
        ("/api/user/repositories", (401, no_token)),
        ("/api/user/suggested-tasks", (401, json!("No providers set."))),
        (&format!("{path}/vscode-url"), (200, json!({"vscode_url": null}))),
        (&format!("{path}/web-hosts"), (200, json!({"hosts": {}}))),
        (&format!("{path}/microagents"), (200, json!({"microagents": []}))),
        (&format!("{path}/security/settings"), (404, json!({"detail": "Not Found"}))),
        (
            "/api/microagent-management/conversations?selected_repository=a/b",
            (200, json!({"results": [], "next_page_id": null})),
        ),
    ] {
        assert_eq!(get(&server, route).await, expected, "{route}");
    }
    let config = json!({"config": {"a": "b"}});
    assert_eq!(post(&server, &format!("{path}/exp-config"), &config).await, (200, json!(false)));
    assert_eq!(post(&server, &format!("{path}/submit-feedback"), &json!({})).await.0, 501);
    let token = json!({"provider_tokens": {"github": {"token": "t", "host": null}}});
    assert_eq!(post(&server, "/api/add-git-providers", &token).await.0, 401);
    let none: Value = json!({"provider_tokens": {"github": {"token": "", "host": null}}});
    assert_eq!(post(&server, "/api/add-git-providers", &none).await.0, 200);
}

#[tokio::test]
async fn a_folder_that_is_uploaded_keeps_its_files_apart() {
    let (server, path, folder) = with_workspace().await;
    let parts: &[(&str, &str, &[u8])] =
        &[("files", "proj/src/index.js", b"source"), ("files", "proj/test/index.js", b"test")];
    let sent = form(&server, &format!("{path}/upload-files"), parts).await;
    let uploaded = json!(["proj/src/index.js", "proj/test/index.js"]);
    assert_eq!(sent, (200, json!({"uploaded_files": uploaded, "skipped_files": []})));
    for (file, text) in [("proj/src/index.js", "source"), ("proj/test/index.js", "test")] {
        assert_eq!(std::fs::read_to_string(folder.join(file)).unwrap(), text);
        let answer = get(&server, &format!("{path}/select-file?file={file}")).await;
        assert_eq!(answer, (200, json!({"code": text})));
    }
    // A file cannot be where a folder is needed, and a link leads nowhere outside.
    std::os::unix::fs::symlink("/tmp", folder.join("out")).unwrap();
    let parts: &[(&str, &str, &[u8])] =
        &[("files", "a.txt/b", b"x"), ("files", "out/escaped.txt", b"x"), ("files", "ok", b"x")];
    let sent = form(&server, &format!("{path}/upload-files"), parts).await;
    assert_eq!(sent.1["uploaded_files"], json!(["ok"]), "{sent:?}");
    assert_eq!(sent.1["skipped_files"].as_array().unwrap().len(), 2, "{sent:?}");
    assert!(!Path::new("/tmp/escaped.txt").exists());
}
