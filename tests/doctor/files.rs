//! Mistakes that the file alone shows: `check-config` says them, all at once, with their lines.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::ctl;
use super::support::folder::Folder;
use super::support::run::Outcome;

/// A folder with a key and a configuration.
struct Case {
    folder: Folder,
}

impl Case {
    fn new(text: &str) -> Self {
        let folder = Folder::new("check");
        let outcome = ctl::here(&["keygen", folder.join("key").to_str().unwrap()]);
        assert!(outcome.is_success(), "{}", outcome.describe());
        let case = Self { folder };
        fs::write(case.file(), text).unwrap();
        case
    }

    fn file(&self) -> PathBuf {
        self.folder.join("orders.toml")
    }

    fn check(&self) -> Outcome {
        ctl::here(&["check-config", self.file().to_str().unwrap()])
    }

    /// Everything that is wrong, by its line.
    #[track_caller]
    fn wrong(&self, sentences: &[&str]) {
        let outcome = self.check();
        assert_eq!(ctl::code(&outcome), 3, "{}", outcome.describe());
        for sentence in sentences {
            let sentence = format!("wrong    {sentence}");
            assert!(outcome.stdout.contains(&sentence), "{sentence}: {}", outcome.describe());
        }
        let told = outcome.stdout.lines().filter(|line| line.starts_with("wrong ")).count();
        assert_eq!(told, sentences.len(), "{}", outcome.describe());
    }
}

const PEER: &str = "[[peer]]\nname = \"billing\"\naddress = \"10.0.0.2\"\n";

#[test]
fn every_error_is_told_with_its_line_and_what_was_meant() {
    let text =
        "name = \"orders\"\nkey_file = \"key\"\ndetect_withn = \"1s\"\nheartbeat_interval = 200\n";
    Case::new(&format!("{text}{PEER}{PEER}")).wrong(&[
        "line 3: configuration: unknown key \"detect_withn\"; did you mean \"detect_within\"?",
        "line 4: configuration: heartbeat_interval = 200: ",
        "line 8: configuration: peer \"billing\": this name was given to the [[peer]] of line 5 already",
    ]);
}

#[test]
fn without_a_key_there_is_only_the_loopback() {
    Case::new(&format!("name = \"orders\"\n{PEER}"))
        .wrong(&["line 4: configuration: peer \"billing\": address = \"10.0.0.2\": without a key peermon speaks"]);
}

#[test]
fn a_key_file_that_is_missing_is_told_with_how_to_make_one() {
    let case = Case::new(&format!("name = \"orders\"\nkey_file = \"lost\"\n{PEER}"));
    case.wrong(&["line 2: configuration: key_file = \"lost\": cannot read "]);
}

#[test]
fn a_key_that_everybody_can_read_is_a_warning() {
    let case = Case::new(&format!("name = \"orders\"\nkey_file = \"key\"\n{PEER}"));
    let key = case.folder.join("key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!case.check().stdout.contains("can read the key"));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let outcome = case.check();
    assert!(
        outcome.stdout.contains("warning  key file: Everybody on this machine can read the key:"),
        "{}",
        outcome.describe()
    );
    assert_eq!(ctl::code(&outcome), 0, "{}", outcome.describe());
}

#[test]
fn what_is_allowed_and_seldom_meant_is_a_warning() {
    let text = "name = \"orders\"\nallow_unauthenticated = true\nclient_listen = \"0.0.0.0:28180\"\n\
                client_allow_anonymous = true\ndetect_within = \"100ms\"\n[[peer]]\nname = \"Orders\"\n\
                address = \"10.0.0.2\"\n";
    let outcome = Case::new(text).check();
    for sentence in [
        "allow_unauthenticated: Anybody on this network can speak in the name of a server",
        "client_listen: Anybody on this network can read the state of all servers",
        "Orders: Its name differs from \"orders\" only in capital letters",
        "Orders: A heartbeat may be 80.0 ms late",
        "status_file: Without one, an outage is forgotten when this server dies",
    ] {
        assert!(outcome.stdout.contains(sentence), "{sentence}: {}", outcome.describe());
    }
    assert_eq!(ctl::code(&outcome), 0, "{}", outcome.describe());
}

#[test]
fn what_the_numbers_mean_is_told_for_each_peer_and_for_programs_too() {
    let case =
        Case::new(&format!("name = \"orders\"\nkey_file = \"key\"\ntrace_dir = \".\"\n{PEER}"));
    fs::write(case.folder.join("billing.csv"), "seq,send_us,recv_us\n").unwrap();
    let outcome = case.check();
    assert!(outcome.stdout.contains("On the Quality of Service of Failure Detectors"));
    assert!(outcome.stdout.contains("peermonctl replay "), "{}", outcome.describe());
    let outcome = ctl::here(&["check-config", "--json", case.file().to_str().unwrap()]);
    let told: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(told["right"], true);
    let peer = &told["peers"][0];
    assert_eq!((&peer["name"], &peer["detection_seconds"]), (&"billing".into(), &1.0.into()));
    assert_eq!(peer["false_alarms"].as_array().unwrap().len(), 3);
    assert!(peer["trace"].as_str().unwrap().ends_with("/billing.csv"));
}

#[test]
fn nothing_is_overwritten_unless_it_is_wished() {
    let folder = Folder::new("init");
    let place = folder.path().to_str().unwrap();
    let init = ["init-config", "orders=10.0.0.1", "billing=10.0.0.2", "--dir", place];
    assert!(ctl::here(&init).is_success());
    let names = ["orders.toml", "billing.toml", "peermon.key"];
    let contents = || names.map(|name| fs::read_to_string(folder.join(name)).unwrap());
    let before = contents();
    let refused = ctl::here(&init);
    assert_eq!(ctl::code(&refused), 1, "{}", refused.describe());
    assert!(refused.stderr.contains("it exists; --force replaces it"), "{}", refused.describe());
    assert_eq!(contents(), before);
    let mut forced = init.to_vec();
    forced.push("--force");
    assert!(ctl::here(&forced).is_success());
    assert_ne!(contents()[2], before[2]);
    let key = folder.join("peermon.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let again = ctl::here(&["keygen", key.to_str().unwrap()]);
    assert_eq!(ctl::code(&again), 1, "{}", again.describe());
    let strange = ctl::here(&["init-config", "orders=10.0.0.1", "orders=10.0.0.2", "--dir", place]);
    assert_eq!(ctl::code(&strange), 2, "{}", strange.describe());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), names.len());
}

#[test]
fn a_key_on_the_standard_output_is_one_that_a_configuration_takes() {
    let outcome = ctl::here(&["keygen"]);
    let case = Case::new(&format!("name = \"orders\"\nkey_file = \"second\"\n{PEER}"));
    fs::write(case.folder.join("second"), &outcome.stdout).unwrap();
    let id = outcome.stdout.split(' ').nth(3).unwrap();
    let checked = case.check();
    assert!(checked.stdout.contains(&format!("key id {id}.")), "{}", checked.describe());
}
