use std::os::unix::fs::{PermissionsExt as _, symlink};

use tempfile::TempDir;

use super::*;

/// A folder in which git is run by hand.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> &Self {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn git(&self, place: &str, args: &str) -> &Self {
        let output = std::process::Command::new("git")
            .current_dir(self.0.path().join(place))
            .args([
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@example.org",
                "-c",
                "init.defaultBranch=main",
            ])
            .args(args.split(' '))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args}: {}", String::from_utf8_lossy(&output.stderr));
        self
    }

    fn workspace(&self) -> Arc<Workspace> {
        Arc::new(Workspace::open(self.0.path()).unwrap().unwrap())
    }

    async fn changes(&self) -> Result<Vec<(char, String)>, FileError> {
        let changes = git().changes(self.workspace()).await?;
        Ok(changes.into_iter().map(|change| (change.status, change.path)).collect())
    }

    async fn diff(&self, path: &str) -> Result<(String, String), FileError> {
        let diff = git().diff(self.workspace(), path).await?;
        Ok((diff.original, diff.modified))
    }
}

fn git() -> Git {
    Git::new(Arc::default())
}

fn found(changes: &[(char, &str)]) -> Vec<(char, String)> {
    changes.iter().map(|(status, path)| (*status, (*path).to_owned())).collect()
}

#[tokio::test]
async fn changes_and_both_sides_of_a_file() {
    let folder = Folder::new();
    assert!(matches!(folder.changes().await, Err(FileError::NoRepository)));
    folder.git("", "init -q").write("new", "n");
    assert_eq!(folder.changes().await.unwrap(), found(&[('A', "new")]), "before any commit");
    folder
        .write("kept", "k")
        .write("d/changed", "1\r\n")
        .write("gone", "g")
        .write(".gitignore", "*.o");
    folder.git("", "add kept d gone .gitignore").git("", "commit -qm one");
    std::fs::remove_file(folder.0.path().join("gone")).unwrap();
    folder.write("d/changed", "2\r\n").write("x.o", "").write("ü \"q\"", "").write("staged", "s");
    folder.git("", "add staged");
    let expected = found(&[
        ('M', "d/changed"),
        ('D', "gone"),
        ('A', "new"),
        ('A', "staged"),
        ('A', "ü \"q\""),
    ]);
    assert_eq!(folder.changes().await.unwrap(), expected);
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(folder.diff("d/changed").await.unwrap(), pair("1\r\n", "2\r\n"));
    assert_eq!(folder.diff("/workspace/gone").await.unwrap(), pair("g", ""));
    assert_eq!(folder.diff("new").await.unwrap(), pair("", "n"));
    assert_eq!(folder.diff("never").await.unwrap(), pair("", ""));
    assert!(matches!(folder.diff("../x").await, Err(FileError::Outside(_))));
    // Without its index too, and with branches in one file.
    std::fs::remove_file(folder.0.path().join(".git/index")).unwrap();
    folder.git("", "pack-refs --all");
    assert_eq!(folder.changes().await.unwrap(), expected);
}

#[tokio::test]
async fn what_origin_has_is_no_change() {
    let folder = Folder::new();
    folder.write("first/a", "1").git("first", "init -q").git("first", "add a");
    folder.git("first", "commit -qm one").git("", "clone -q first second");
    folder.write("second/a", "2").git("second", "commit -qam two");
    // Committed and not pushed: still a change, for the clone alone.
    assert_eq!(folder.changes().await.unwrap(), found(&[('M', "second/a")]));
    assert_eq!(folder.diff("second/a").await.unwrap(), ("1".to_owned(), "2".to_owned()));
    // On a branch that origin does not know, counted from where it left.
    folder.git("second", "checkout -qb mine").git("second", "reset -q --hard origin/main");
    folder.write("second/b", "").git("second", "add b").git("second", "commit -qm three");
    assert_eq!(folder.changes().await.unwrap(), found(&[('A', "second/b")]));
    // A repository around them does not see into them.
    folder.git("", "init -q").write("c", "");
    assert_eq!(folder.changes().await.unwrap(), found(&[('A', "c"), ('A', "second/b")]));
}

#[tokio::test]
async fn no_program_of_the_repository_is_run() {
    let folder = Folder::new();
    let mark = folder.0.path().join("ran");
    let script = folder.0.path().join("program");
    std::fs::write(&script, format!("#!/bin/sh\ntouch {}\ncat\n", mark.display())).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
        .write("repo/a", "1")
        .git("repo", "init -q")
        .git("repo", "add a")
        .git("repo", "commit -qm one");
    let program = script.display();
    for setting in [
        "core.fsmonitor",
        "diff.external",
        "filter.f.clean",
        "filter.f.process",
        "diff.f.textconv",
        "diff.f.command",
        "core.pager",
    ] {
        folder.git("repo", &format!("config {setting} {program}"));
    }
    folder.write("repo/.gitattributes", "* filter=f diff=f").write("repo/a", "22");
    let hooks = folder.0.path().join("repo/.git/hooks/post-index-change");
    std::fs::create_dir_all(hooks.parent().unwrap()).unwrap();
    std::fs::copy(&script, hooks).unwrap();
    assert_eq!(
        folder.changes().await.unwrap(),
        found(&[('A', "repo/.gitattributes"), ('M', "repo/a")])
    );
    assert_eq!(folder.diff("repo/a").await.unwrap(), ("1".to_owned(), "22".to_owned()));
    assert!(!mark.exists());
    // The same by git itself: the trap was a real one.
    let _ = std::process::Command::new("git")
        .args(["status", "--porcelain"])
        .current_dir(folder.0.path().join("repo"))
        .output();
    assert!(mark.exists());
}

#[tokio::test]
async fn a_repository_elsewhere_is_none_of_the_workspace() {
    let folder = Folder::new();
    folder
        .write("out/a", "1")
        .git("out", "init -q")
        .git("out", "add a")
        .git("out", "commit -qm one");
    folder.write("out/a", "2");
    let inside = Folder::new();
    symlink(folder.0.path().join("out"), inside.0.path().join("link")).unwrap();
    let git = folder.0.path().join("out/.git");
    inside.write("tree/.git", &format!("gitdir: {}\n", git.display()));
    inside.write("linked/a", "");
    symlink(&git, inside.0.path().join("linked/.git")).unwrap();
    assert!(matches!(inside.changes().await, Err(FileError::NoRepository)));
    assert!(matches!(inside.diff("linked/a").await, Err(FileError::NoRepository)));
    std::fs::create_dir_all(inside.0.path().join("bad/.git/objects")).unwrap();
    inside.write("bad/.git/HEAD", "ref: ../../../etc/passwd").write("bad/a", "");
    assert_eq!(inside.changes().await.unwrap(), found(&[('A', "bad/a")]), "no such branch");
    inside.write("bad/.git/HEAD", &"f".repeat(40));
    assert!(matches!(inside.changes().await, Err(FileError::Git(_))));
}

#[tokio::test]
async fn a_long_answer_is_cut_off() {
    let folder = Folder::new();
    folder.git("", "init -q").write("a-long-name", "").write("b-long-name", "");
    let limits = FileLimits { git_bytes: 8, ..FileLimits::default() };
    let error = Git::new(Arc::new(limits)).changes(folder.workspace()).await.unwrap_err();
    assert!(matches!(error, FileError::TooLarge { max: 8, .. }), "{error}");
}
