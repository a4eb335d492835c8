use std::os::unix::fs::symlink;
use std::sync::Arc;

use futures_util::StreamExt as _;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::*;

/// A workspace with these files, in a folder with a secret beside it.
fn workspace(files: &[(&str, &str)]) -> (TempDir, Workspace) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(folder.path().join("secret"), "secret").unwrap();
    std::fs::create_dir(folder.path().join("outside")).unwrap();
    std::fs::write(folder.path().join("outside/secret"), "secret").unwrap();
    for (name, text) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    (folder, Workspace::open(&root).unwrap().unwrap())
}

#[test]
fn folders_come_first_and_what_is_ignored_does_not() {
    let files = [
        ("b.txt", ""),
        ("A.txt", ""),
        ("z/one.py", ""),
        ("z/two.log", ""),
        ("node_modules/x", ""),
        (".git/HEAD", ""),
        ("built/x", ""),
        (".gitignore", "*.log\n/built/\n[\n"),
    ];
    let (_folder, workspace) = workspace(&files);
    let list = |path| workspace.list(path, &FileLimits::default());
    assert_eq!(list("").unwrap(), ["z/", ".gitignore", "A.txt", "b.txt"]);
    for same in ["z", "z/", "./z", "/workspace/z", "/workspace/z/"] {
        assert_eq!(list(same).unwrap(), ["z/one.py"], "{same}");
    }
    assert_eq!(list("/workspace").unwrap().len(), 4);
    assert_eq!(list("nope").unwrap_err().to_string(), "File not found: nope");
    assert!(matches!(list("b.txt"), Err(FileError::NoFolder(_))), "{:?}", list("b.txt"));
    let few = FileLimits { list_entries: 6, ..FileLimits::default() };
    let error = workspace.list("", &few).unwrap_err().to_string();
    assert_eq!(error, "there are more than 6 entries of a folder");
    assert_eq!(Workspace::open(&_folder.path().join("none")).unwrap().map(drop), None);
}

#[test]
fn nothing_outside_is_reached() {
    let (folder, workspace) = workspace(&[("in/a", "a")]);
    let root = folder.path().join("root");
    symlink(folder.path().join("secret"), root.join("absolute")).unwrap();
    symlink("../secret", root.join("up")).unwrap();
    symlink("../outside", root.join("folder")).unwrap();
    symlink("/workspace/x", root.join("dangling")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    symlink("in/a", root.join("fine")).unwrap();
    let limits = FileLimits::default();
    for path in [
        "../secret",
        "/etc/passwd",
        "in/../../secret",
        "/workspace/../secret",
        "absolute",
        "up",
        "folder/secret",
        "dangling",
    ] {
        let error = workspace.read(path, &limits).unwrap_err();
        assert!(matches!(error, FileError::Outside(_)), "{path}: {error}");
    }
    assert!(matches!(workspace.list("folder", &limits), Err(FileError::Outside(_))));
    assert!(matches!(workspace.read("loop", &limits), Err(FileError::NotFound(_))));
    assert!(matches!(workspace.read("in/a\0b", &limits), Err(FileError::NotFound(_))));
    assert_eq!(workspace.read("fine", &limits).unwrap(), "a");
}

#[test]
fn no_path_outside_is_read_while_a_link_is_exchanged() {
    let (folder, workspace) = workspace(&[("real/secret", "mine")]);
    let root = folder.path().join("root");
    let outside = folder.path().join("outside");
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let ended = Arc::clone(&stop);
    let exchange = std::thread::spawn(move || {
        while !ended.load(std::sync::atomic::Ordering::Relaxed) {
            let _ = symlink(&outside, root.join("next"));
            let _ = std::fs::rename(root.join("next"), root.join("turn"));
            let _ = symlink("real", root.join("next"));
            let _ = std::fs::rename(root.join("next"), root.join("turn"));
        }
    });
    let limits = FileLimits::default();
    for _ in 0..2000 {
        if let Ok(text) = workspace.read("turn/secret", &limits) {
            assert_eq!(text, "mine");
        }
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    exchange.join().unwrap();
}

#[test]
fn what_is_no_text_is_refused() {
    let (folder, workspace) = workspace(&[("large", "12345"), ("d/x", "")]);
    let root = folder.path().join("root");
    std::fs::write(root.join("binary"), [0xff, 0]).unwrap();
    let made = std::process::Command::new("mkfifo").arg(root.join("pipe")).status().unwrap();
    assert!(made.success());
    let limits = FileLimits { read_bytes: 4, ..FileLimits::default() };
    for (path, error) in [
        ("large", "\"large\" has 5 bytes, the limit is 4"),
        ("binary", "Unable to open binary file: binary"),
        ("pipe", "\"pipe\" is no file"),
        ("d", "\"d\" is no file"),
    ] {
        assert_eq!(workspace.read(path, &limits).unwrap_err().to_string(), error, "{path}");
    }
}

async fn archive(workspace: Option<Workspace>, limits: &FileLimits) -> Result<Vec<u8>, FileError> {
    let room = Arc::new(Semaphore::new(1));
    let permit = Arc::clone(&room).acquire_owned().await.unwrap();
    let mut pieces = Box::pin(zip(workspace, limits, permit)?);
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.unwrap();
        assert!(piece.len() <= 128 << 10, "{}", piece.len());
        bytes.extend_from_slice(&piece);
    }
    // The thread gives its place back.
    let _ = room.acquire().await.unwrap();
    Ok(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_holds_every_file_and_follows_no_link() {
    // What does not compress well fills more than the pieces that wait.
    let large: String =
        (0..300_000_u32).map(|n| format!("{:x}", n.wrapping_mul(2_654_435_761))).collect();
    let files = [("a.txt", "a"), ("d/e/b.txt", "b"), (".git/HEAD", "ref"), ("large", &large)];
    let (folder, workspace) = workspace(&files);
    let root = folder.path().join("root");
    symlink("../outside", root.join("folder")).unwrap();
    symlink("../secret", root.join("file")).unwrap();
    std::fs::create_dir(root.join("empty")).unwrap();
    let bytes = archive(Some(workspace), &FileLimits::default()).await.unwrap();
    let mut zip = zip::ZipArchive::new(io::Cursor::new(bytes)).unwrap();
    let names: Vec<_> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(
        names,
        [".git/", ".git/HEAD", "a.txt", "d/", "d/e/", "d/e/b.txt", "empty/", "large"]
    );
    for (name, text) in files {
        let mut found = String::new();
        zip.by_name(name).unwrap().read_to_string(&mut found).unwrap();
        assert!(found == text, "{name}");
    }
    let none = archive(None, &FileLimits::default()).await.unwrap();
    assert_eq!(zip::ZipArchive::new(io::Cursor::new(none)).unwrap().len(), 0);
}

#[tokio::test]
async fn an_archive_of_too_much_is_refused_before_it_begins() {
    let files = [("a", "1234"), ("d/e/f", "1234")];
    for (limits, error) in [
        (
            FileLimits { archive_bytes: 7, ..FileLimits::default() },
            "\"workspace\" has 8 bytes, the limit is 7",
        ),
        (
            FileLimits { archive_entries: 3, ..FileLimits::default() },
            "there are more than 3 files in the workspace",
        ),
        (
            FileLimits { archive_depth: 1, ..FileLimits::default() },
            "there are more than 1 folders in one another",
        ),
    ] {
        let (_folder, workspace) = workspace(&files);
        // A folder has bytes of its own on some systems: they do not count.
        let refused = archive(Some(workspace), &limits).await.unwrap_err();
        assert_eq!(refused.to_string(), error);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_nobody_takes_ends() {
    let large = "x".repeat(64);
    let (_folder, workspace) = workspace(&[("a", &large)]);
    let room = Arc::new(Semaphore::new(1));
    let permit = Arc::clone(&room).acquire_owned().await.unwrap();
    drop(zip(Some(workspace), &FileLimits::default(), permit).unwrap());
    let _ = room.acquire().await.unwrap();
}

#[tokio::test]
async fn an_upload_is_there_when_it_is_whole() {
    let (folder, workspace) = workspace(&[("old", "old")]);
    let root = folder.path().join("root");
    symlink("../secret", root.join("link")).unwrap();
    let workspace = Arc::new(workspace);
    for name in ["new", "old", "link", "deep/down/new"] {
        let mut upload = workspace.upload(name).await.unwrap();
        upload.write(&"ab".into(), 4).await.unwrap();
        upload.write(&"cd".into(), 4).await.unwrap();
        assert_ne!(std::fs::read_to_string(root.join(name)).ok().as_deref(), Some("abcd"));
        assert_eq!(upload.finish().await.unwrap(), 4);
        assert_eq!(std::fs::read_to_string(root.join(name)).unwrap(), "abcd", "{name}");
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("secret")).unwrap(), "secret");
    let mut upload = workspace.upload("large").await.unwrap();
    let error = upload.write(&"12345".into(), 4).await.unwrap_err();
    assert_eq!(error.to_string(), "\"large\" has 5 bytes, the limit is 4");
    drop(upload);
    let names = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["deep", "link", "new", "old"], "nothing is left beside them");
    assert_eq!(workspace.size(&FileLimits::default()).unwrap(), 16);
}

#[test]
fn an_uploaded_file_keeps_its_path_below_the_workspace() {
    for (given, path) in [
        ("up.txt", Some("up.txt")),
        ("proj/src/index.js", Some("proj/src/index.js")),
        ("proj\\src\\index.js", Some("proj/src/index.js")),
        ("./a//b", Some("a/b")),
        ("/workspace/up.txt", Some("up.txt")),
        ("/workspace/a/up.txt", Some("a/up.txt")),
        ("/etc/passwd", Some("etc/passwd")),
        ("C:\\dir\\up.txt", Some("dir/up.txt")),
        ("../../up.txt", Some("up.txt")),
        ("a/../../up.txt", Some("up.txt")),
        ("a/b/../up.txt", Some("a/up.txt")),
        (" a b ", Some("a b")),
        (".env", Some(".env")),
        ("up.", Some("up.")),
        ("..", None),
        ("a/..", None),
        ("a/b/..", None),
        ("a/.", None),
        ("a/", None),
        ("a\\", None),
        ("/", None),
        ("C:", None),
        ("", None),
        ("a\nb", None),
        ("a/b\0/c", None),
        (&"x".repeat(256), None),
        (&format!("{}x", "a/".repeat(63)), Some(&*format!("{}x", "a/".repeat(63)))),
        (&format!("{}x", "a/".repeat(64)), None),
        (&format!("{}x", "0123456789abcdef/".repeat(62)), None),
    ] {
        assert_eq!(upload_path(given).as_deref(), path, "{given:?}");
    }
}
