//! Who is let in, as the keys change.

use super::*;
use crate::auth::tool::{KeyCommand, run};
use crate::domain::{Audience, Share};

fn add(folder: &Path, user: &str, role: Role) -> String {
    let mut out = Vec::new();
    let user = user.parse().unwrap();
    run(folder, KeyCommand::Add { user, role }, &mut out).unwrap();
    String::from_utf8(out).unwrap().trim().to_owned()
}

fn remove(folder: &Path, which: &str) {
    run(folder, KeyCommand::Remove { which: which.to_owned() }, Vec::new()).unwrap();
}

#[test]
fn without_keys_everybody_is_let_in_and_with_keys_their_users() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::open(folder.path(), None).unwrap();
    assert!(keys.is_open());
    assert_eq!(keys.caller(Some("anything")), Ok(Caller::anybody()));
    let alice = add(folder.path(), "alice", Role::User);
    let root = add(folder.path(), "root", Role::Admin);
    let keys = Keys::open(folder.path(), None).unwrap();
    assert!(!keys.is_open());
    let caller = keys.caller(Some(&alice)).unwrap();
    assert_eq!((caller.user().unwrap().as_str(), caller.role()), ("alice", Role::User));
    assert_eq!(keys.caller(Some(&root)).unwrap().role(), Role::Admin);
    assert_eq!(keys.caller(None), Err(Refused::Missing));
    for wrong in ["", "nope", &alice[..alice.len() - 1], &format!("{alice}x")] {
        assert_eq!(keys.caller(Some(wrong)), Err(Refused::Invalid), "{wrong}");
    }
}

#[test]
fn the_key_of_the_environment_is_an_admins_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Keys::open(folder.path(), Some("")).unwrap().is_open(), "as the original has it");
    let keys = Keys::open(folder.path(), Some("sekret")).unwrap();
    let caller = keys.caller(Some("sekret")).unwrap();
    assert_eq!((caller.user().unwrap().as_str(), caller.role()), ("session", Role::Admin));
    let alice = add(folder.path(), "alice", Role::User);
    assert!(keys.reload().unwrap());
    assert!(keys.knows(&caller) && keys.caller(Some(&alice)).is_ok());
    assert!(!format!("{keys:?} {caller:?}").contains("sekret"));
}

#[test]
fn a_change_of_the_file_is_noticed_and_the_server_never_opens_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::open(folder.path(), None).unwrap();
    let anybody = keys.caller(None).unwrap();
    assert!(!keys.reload().unwrap(), "nothing changed");
    let first = add(folder.path(), "alice", Role::User);
    let mut changes = keys.changes();
    assert!(keys.reload().unwrap() && !keys.reload().unwrap());
    assert!(is_told(&mut changes));
    assert!(!keys.knows(&anybody), "who came before the first key is not let in again");
    let alice = keys.caller(Some(&first)).unwrap();
    let second = add(folder.path(), "alice", Role::User);
    keys.reload().unwrap();
    assert!(keys.knows(&alice));
    remove(folder.path(), &KeyId::of(&first).short());
    keys.reload().unwrap();
    assert!(!keys.knows(&alice) && keys.caller(Some(&second)).is_ok());

    let file = folder.path().join("keys.json");
    std::fs::write(&file, "{").unwrap();
    assert!(matches!(keys.reload(), Err(KeyFileError::Damaged { .. })));
    assert!(keys.caller(Some(&second)).is_ok(), "a damaged file changes nothing");
    assert!(keys.reload().is_err(), "and is tried again");
    std::fs::write(&file, "{\"version\":9,\"keys\":[]}").unwrap();
    let error = keys.reload().unwrap_err().to_string();
    assert!(error.contains("version 9") && error.contains("up to 1"), "{error}");

    std::fs::remove_file(&file).unwrap();
    assert!(keys.reload().unwrap());
    assert_eq!(keys.caller(None), Err(Refused::Missing), "without the file nobody is let in");
    assert_eq!(keys.caller(Some(&second)), Err(Refused::Invalid));
}

#[test]
fn a_file_without_keys_lets_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    add(folder.path(), "alice", Role::User);
    remove(folder.path(), "alice");
    assert!(!Keys::open(folder.path(), None).unwrap().is_open());
}

/// Whether a change is told at once.
fn is_told(changes: &mut watch::Receiver<Arc<Known>>) -> bool {
    use futures_util::FutureExt as _;
    changes.changed().now_or_never().is_some()
}

fn caller(user: &str, role: Role) -> Caller {
    Caller::new(user.parse().unwrap(), role, KeyId::of("k"))
}

#[test]
fn an_admin_and_anybody_may_everything_and_others_what_they_have() {
    let mut access = Access::of(Some("alice".parse().unwrap()));
    access.shares.push(Share { with: Audience::Everyone, right: Right::Read });
    access.shares.push(Share { with: "bot".parse().unwrap(), right: Right::Write });
    for (caller, right) in [
        (Caller::anybody(), Some(Right::Own)),
        (caller("root", Role::Admin), Some(Right::Own)),
        (caller("alice", Role::User), Some(Right::Own)),
        (caller("bob", Role::User), Some(Right::Read)),
        (caller("bot", Role::Agent), Some(Right::Write)),
        (caller("other", Role::Agent), None),
    ] {
        for asked in [Right::Read, Right::Write, Right::Own] {
            assert_eq!(caller.may(asked, &access), right >= Some(asked), "{caller:?} {asked:?}");
        }
    }
    let nobodys = Access::default();
    assert!(caller("root", Role::Admin).may(Right::Own, &nobodys));
    assert!(!caller("alice", Role::User).may(Right::Read, &nobodys));
}
