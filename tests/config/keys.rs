//! The key of the group: where it may stand, and that nobody sees it.

use super::*;

#[test]
fn a_file_is_read_and_its_key_file_is_found_beside_it() {
    let directory = Directory::new("beside");
    let digits = "# the key of the test\n 00 01 02 03 04 05 06 07\n\t08090a0b0c0d0e0f\r\n\n";
    directory.file("secret.key", digits);
    let path = directory.file("orders.toml", "name = \"orders\"\nkey_file = \"secret.key\"\n");
    let mut config = Config::new();
    config.load(&path).unwrap();
    let key = config.check().unwrap().settings.key.unwrap();
    assert_eq!(key, (0..16).collect::<Vec<u8>>());
}

#[test]
fn a_bad_key_file_says_how_to_make_one_and_shows_no_digit() {
    let directory = Directory::new("keyfile");
    let digits = "c0ffee".repeat(5);
    let rows = [
        (
            digits.clone(),
            "a key has 32 to 128 hexadecimal digits, an even number; this one has 30 digits",
        ),
        (
            format!("{digits}abc"),
            "a key has 32 to 128 hexadecimal digits, an even number; this one has 33 digits",
        ),
        (format!("# text\n{digits}\nxy"), "line 3 holds something else than hexadecimal digits"),
        (String::from("# nothing\n\n"), "there is no key in it"),
    ];
    for (content, why) in rows {
        let path = directory.file("key", &content);
        let shown = path.display();
        let text = format!("name = \"orders\"\n\nkey_file = \"{shown}\"\n");
        let error = loaded(&text).unwrap().check().unwrap_err();
        assert_eq!(error.code, Code::Config);
        assert_eq!(
            error.text,
            format!(
                "orders.toml:3: key_file = \"{shown}\": {shown} is no key file: {why}; make a key \
                 with: head -c 32 /dev/urandom | od -An -tx1 > {shown}"
            )
        );
        assert!(!error.text.contains("c0ffee"));
    }
    let missing = directory.0.join("missing");
    let mut config = Config::new();
    config.set("name", "orders").unwrap();
    config.set("key_file", missing.to_str().unwrap()).unwrap();
    let error = config.check().unwrap_err();
    assert_eq!(error.code, Code::Io);
    let shown = missing.display();
    assert_eq!(
        error.text,
        format!(
            "monitor_config_set: key_file = \"{shown}\": cannot read {shown}: No such file or \
             directory (os error 2); make a key with: head -c 32 /dev/urandom | od -An -tx1 > \
             {shown}"
        )
    );
}

#[test]
fn a_key_is_never_shown_wherever_it_is_written() {
    let secret = "deadbeef".repeat(8);
    let texts = [
        format!("name = \"orders\"\nkey = \"{secret}x\""),
        format!("name = \"orders\"\nkey = \"{secret}\" x"),
        format!("name = \"orders\"\nkey = [\"{secret}\"]"),
        format!("name = \"orders\"\nkey = \"{secret}"),
        format!("name = \"orders\"\nkey_file = \"{secret}\""),
        format!("name = \"orders\"\nlisten = \"{secret}\""),
        format!("name = \"orders\"\nlog = \"{secret}\""),
        format!("name = \"orders\"\nkye = \"{secret}\""),
        format!("name = \"orders\"\nkey = \"{secret}\"\nkey_file = \"x\""),
    ];
    for text in texts {
        let error = loaded(&text).and_then(|config| config.check()).unwrap_err();
        assert!(!error.text.contains("deadbeef"), "{error}");
        assert!(error.text.starts_with("orders.toml:"), "{error}");
    }
    let mut config = Config::new();
    assert!(!config.set("key", &secret[1..]).unwrap_err().text.contains("deadbeef"));
    config.set("key", &secret).unwrap();
    assert!(!format!("{config:?}").contains("deadbeef"));
}

#[test]
fn without_a_key_only_loopback_unless_it_is_wished_in_so_many_words() {
    let text = "name = \"orders\"\n[[peer]]\nname = \"billing\"\naddress = \"10.0.0.2\"\n";
    assert!(loaded(text).unwrap().check().is_err());
    let plan = plan(&format!("allow_unauthenticated = true\n{text}"));
    assert!(plan.may_leave_loopback);
    assert_eq!((plan.listen, plan.settings.key), (Listen::Any(28170), None));
}
