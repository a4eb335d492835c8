//! What outweighs what, and what is refused.

use super::*;

fn options(args: &[&str]) -> Options {
    Options::parse_from(std::iter::once(&"openhands").chain(args))
}

#[test]
fn a_flag_outweighs_the_file_and_the_file_the_default() {
    let file = "listen = \"127.0.0.1:4000\"\nagent = \"none\"\nallow-origin = [\"http://a\"]";
    let options = options(&["--listen", "127.0.0.1:5000", "--data-dir", "x"]);
    let config = options.over(file, Path::new("f")).unwrap().resolve().unwrap();
    assert_eq!(config.listen.port(), 5000);
    assert_eq!(config.agent, AgentChoice::None);
    assert_eq!(config.allow_origin, ["http://a".parse().unwrap()]);
    assert_eq!(config.data_dir, Path::new("x"));
    assert!(config.create_on_join);
}

#[test]
fn a_wrong_file_is_one_line_that_names_the_key() {
    for (file, named) in
        [("lisen = 1", "lisen"), ("listen = 1", "listen"), ("agent = \"x\"", "demo")]
    {
        let error = options(&[]).over(file, Path::new("f.toml")).unwrap_err().to_string();
        assert!(error.contains(named) && error.contains("f.toml"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn the_command_line_is_sound() {
    use clap::CommandFactory as _;
    CommandLine::command().debug_assert();
    let line = ["openhands", "backup", "f", "--data-dir", "d"];
    let line = CommandLine::try_parse_from(line).unwrap();
    assert_eq!(line.command, Some(Command::Backup { file: "f".into() }));
    assert_eq!(line.options.data_dir.as_deref(), Some(Path::new("d")));
    assert_eq!(CommandLine::try_parse_from(["openhands"]).unwrap().command, None);
}

#[test]
fn what_opens_and_what_limits_the_server_is_off_until_it_is_said() {
    let config = options(&["--data-dir", "x"]).resolve().unwrap();
    assert!(!config.allow_everyone_without_a_key);
    assert_eq!(config.limits, LimitsConfig::default());
    let file = "allow-everyone-without-a-key = true\nbehind-proxy = true\n\
                max-requests-per-second = 10\nmax-actions-per-second = 5";
    let options = options(&["--max-actions-per-second", "0", "--data-dir", "x"]);
    let config = options.over(file, Path::new("f")).unwrap().resolve().unwrap();
    assert!(config.allow_everyone_without_a_key);
    let limits =
        LimitsConfig { requests_per_second: 10, behind_proxy: true, ..LimitsConfig::default() };
    assert_eq!(config.limits, limits, "a flag outweighs the file, also with 0");
}

#[test]
fn a_key_is_made_for_a_name_that_is_one() {
    let line = |name: &'static str| {
        CommandLine::try_parse_from(["openhands", "key", "add", name, "--role", "agent"])
    };
    let add = KeyCommand::Add { user: "bot".parse().unwrap(), role: crate::auth::Role::Agent };
    assert_eq!(line("bot").unwrap().command, Some(Command::Key { command: add }));
    let error = line("Bot").unwrap_err().to_string();
    assert!(error.contains("this one has 'B'"), "{error}");
}

#[test]
fn an_origin_is_taken_as_people_write_it_or_refused_with_what_to_write() {
    let resolve = |written: &str| {
        options(&["--data-dir", "x", "--allow-origin", written]).resolve().map(|config| {
            config.allow_origin.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        })
    };
    for (written, taken) in [
        ("https://chat.example.org", "https://chat.example.org"),
        ("https://chat.example.org/", "https://chat.example.org"),
        ("HTTPS://Chat.Example.Org", "https://chat.example.org"),
        ("https://chat.example.org:443", "https://chat.example.org"),
        ("http://chat.example.org:80", "http://chat.example.org"),
        ("https://a.example, https://b.example", "https://a.example https://b.example"),
        ("https://a.example,", "https://a.example"),
    ] {
        assert_eq!(resolve(written).unwrap(), taken, "{written}");
    }
    for written in ["*", "chat.example.org", "https://chat.example.org/chat", "ws://a.example"] {
        let error = resolve(written).unwrap_err().to_string();
        assert!(error.starts_with(&format!("--allow-origin {written}: ")), "{error}");
        assert!(error.contains("write it as https://chat.example.org"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let file = "allow-origin = [\"https://a.example/, https://b.example\"]";
    let config = options(&["--data-dir", "x"]).over(file, Path::new("f")).unwrap().resolve();
    assert_eq!(config.unwrap().allow_origin.len(), 2);
}

#[test]
fn a_switch_can_be_turned_off_over_the_file() {
    let file = "behind-proxy = true\nallow-everyone-without-a-key = true";
    for (args, on) in [
        (&[][..], true),
        (&["--behind-proxy"], true),
        (&["--behind-proxy=false"], false),
        (&["--behind-proxy=true"], true),
    ] {
        let options = options(&[args, &["--data-dir", "x"]].concat());
        let config = options.over(file, Path::new("f")).unwrap().resolve().unwrap();
        assert_eq!(config.limits.behind_proxy, on, "{args:?}");
        assert!(config.allow_everyone_without_a_key);
    }
}
