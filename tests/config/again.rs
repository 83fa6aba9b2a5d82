//! A configuration that is made again from the same files.

use super::*;

#[test]
fn files_are_read_anew_and_what_calls_have_set_stays() {
    let directory = Directory::new("again");
    let text = |port: u16, within: &str| {
        format!(
            "name = \"orders\"\ndetect_within = \"{within}\"\n\
             [[peer]]\nname = \"billing\"\naddress = \"127.0.0.1:{port}\"\n"
        )
    };
    let path = directory.file("orders.toml", text(1, "1s"));
    let mut config = Config::new();
    config.set("detect_within", "9s").unwrap();
    config.load(&path).unwrap();
    config.set("judge_interval", "300ms").unwrap();
    config.set("judge_interval", "400ms").unwrap();
    config.add_peer("stock", "127.0.0.1:7").unwrap();
    config.set("peer.stock.heartbeat_interval", "100ms").unwrap();
    assert_eq!(config.files().collect::<Vec<_>>(), [path.as_path()]);
    directory.file("orders.toml", text(2, "2s"));
    let again = config.again().unwrap();
    for config in [&again, &again.again().unwrap()] {
        let plan = config.check().unwrap();
        let [billing, stock] = &plan.settings.peers[..] else { panic!("{plan:?}") };
        assert_eq!(billing.addresses, ["127.0.0.1:2".parse().unwrap()]);
        assert_eq!(billing.detection.detect_within, Duration::from_secs(2));
        assert_eq!(plan.settings.judge_interval, ms(400));
        assert_eq!((&*stock.name, stock.heartbeat_interval), ("stock", ms(100)));
    }
    // What was loaded from a text is as it was.
    let text = loaded("name = \"a\"").unwrap();
    assert_eq!(&*text.again().unwrap().check().unwrap().settings.name, "a");
}

#[test]
fn a_file_that_is_broken_by_now_is_told_with_its_line_and_nothing_is_lost() {
    let directory = Directory::new("again-broken");
    let path = directory.file("orders.toml", "name = \"orders\"\n");
    let mut config = Config::new();
    config.load(&path).unwrap();
    directory.file("orders.toml", "name = \"orders\"\ndetect_witin = \"1s\"\n");
    let error = config.again().unwrap_err();
    assert_eq!(error.code, Code::Config);
    let shown = path.display();
    let told = format!("{shown}:2: unknown key \"detect_witin\"; did you mean \"detect_within\"?");
    assert_eq!(error.text, told);
    fs::remove_file(&path).unwrap();
    assert_eq!(config.again().unwrap_err().code, Code::Io);
    assert!(config.check().is_ok());
}

#[test]
fn a_file_that_is_loaded_twice_counts_where_it_was_loaded_last() {
    let directory = Directory::new("again-twice");
    let one = directory.file("one.toml", "name = \"one\"\n");
    let two = directory.file("two.toml", "name = \"two\"\n");
    let mut config = Config::new();
    for path in [&one, &two, &one] {
        config.load(path).unwrap();
    }
    assert_eq!(config.files().collect::<Vec<_>>(), [two.as_path(), one.as_path()]);
    assert_eq!(&*config.again().unwrap().check().unwrap().settings.name, "one");
}
