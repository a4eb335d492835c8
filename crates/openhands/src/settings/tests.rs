//! What is stored, what is shown.

use super::document::MAX_BYTES;
use super::*;

async fn change(settings: &Settings, changes: Value) -> Result<(), SettingsError> {
    let Value::Object(changes) = changes else { panic!("no object") };
    settings.change(changes).await
}

#[tokio::test]
async fn a_change_is_merged_and_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::open(folder.path()).unwrap();
    assert_eq!(settings.shown()["language"], "en");
    change(&settings, json!({"language": "de", "llm_model": "m", "unknown": 1})).await.unwrap();
    change(&settings, json!({"llm_model": null, "confirmation_mode": true})).await.unwrap();
    let shown = Settings::open(folder.path()).unwrap().shown();
    assert_eq!(shown, settings.shown());
    assert_eq!(shown["language"], "de");
    assert_eq!(shown["llm_model"], Value::Null);
    assert_eq!(shown["confirmation_mode"], true);
    assert!(!shown.contains_key("unknown"));
}

#[tokio::test]
async fn secrets_are_kept_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::open(folder.path()).unwrap();
    assert_eq!(settings.shown()["llm_api_key_set"], false);
    change(&settings, json!({"llm_api_key": "sk-1", "search_api_key": "t"})).await.unwrap();
    change(&settings, json!({"llm_api_key": null, "search_api_key": ""})).await.unwrap();
    let shown = settings.shown();
    assert_eq!(shown["llm_api_key"], Value::Null);
    assert_eq!(shown["llm_api_key_set"], true, "null keeps it");
    assert_eq!(shown["search_api_key_set"], false, "an empty one removes it");
    assert!(!format!("{settings:?} {shown:?}").contains("sk-1"));
    let file = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
    assert!(file.contains("sk-1"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn each_user_has_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let users = UserSettings::open(folder.path()).unwrap();
    let (alice, bob) = ("alice".parse().unwrap(), "bob".parse().unwrap());
    let language = async |user| users.of(user).await.unwrap().shown()["language"].clone();
    for (user, text) in [(None, "de"), (Some(&alice), "fr")] {
        let settings = users.of(user).await.unwrap();
        change(&settings, json!({"language": text})).await.unwrap();
    }
    for (user, expected) in [(None, "de"), (Some(&alice), "fr"), (Some(&bob), "en")] {
        assert_eq!(language(user).await, expected, "{user:?}");
    }
    assert!(folder.path().join("users/alice").join(FILE).exists());
    let again = UserSettings::open(folder.path()).unwrap();
    assert_eq!(again.of(Some(&alice)).await.unwrap().shown()["language"], "fr");
}

#[tokio::test]
async fn a_wrong_value_changes_nothing_and_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::open(folder.path()).unwrap();
    let error = change(&settings, json!({"language": "de", "llm_api_key": {"k": "sk-2"}}));
    let error = error.await.unwrap_err();
    assert_eq!(error.to_string(), "the setting \"llm_api_key\" is no string");
    let error = change(&settings, json!({"email": "x".repeat(MAX_BYTES)})).await.unwrap_err();
    assert!(matches!(error, SettingsError::TooLarge { max: MAX_BYTES, .. }), "{error}");
    assert_eq!(settings.shown()["language"], "en");
    std::fs::write(folder.path().join(FILE), "{\"a\": sk-3").unwrap();
    let error = Settings::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("column") && !error.contains("sk-3"), "{error}");
}

#[tokio::test]
async fn a_secret_has_a_name_and_its_value_stays_inside() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::open(folder.path()).unwrap();
    let secrets = settings.secrets();
    let named = |name: &str, description: &str| Named {
        name: name.to_owned(),
        description: description.to_owned(),
    };
    secrets.add(named("a", "one"), "value-1").await.unwrap();
    secrets.add(named("b", ""), "value-2").await.unwrap();
    let taken = secrets.add(named("a", ""), "value-3").await.unwrap_err();
    assert_eq!(taken.to_string(), "Secret a already exists");
    secrets.rename("a", named("c", "two")).await.unwrap();
    assert_eq!(
        secrets.rename("c", named("b", "")).await.unwrap_err().to_string(),
        "Secret b already exists"
    );
    for gone in [secrets.rename("a", named("x", "")).await, secrets.remove("a").await] {
        assert_eq!(gone.unwrap_err().to_string(), "Secret with ID a not found");
    }
    assert_eq!(secrets.named(), [named("c", "two"), named("b", "")]);
    let again = Settings::open(folder.path()).unwrap();
    assert_eq!(again.secrets().named(), secrets.named());
    // No name of a temporary folder has a dash.
    assert!(!format!("{again:?} {secrets:?}").contains("value-1"), "{again:?}");
    let file = std::fs::read_to_string(folder.path().join("secrets.json")).unwrap();
    assert!(file.contains("value-1") && file.contains("value-2"), "{file}");
    again.secrets().remove("c").await.unwrap();
    assert_eq!(again.secrets().named(), [named("b", "")]);
}
