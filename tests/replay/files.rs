//! What is read, what is refused, and in which words.

use std::fs;
use std::path::PathBuf;

use super::folder::Folder;
use super::{complaint, peermonctl, replay, stdout};

/// A file with this content; gone with the folder.
fn file(folder: &Folder, content: &str) -> PathBuf {
    let path = folder.join("trace.csv");
    fs::write(&path, content).unwrap();
    path
}

/// Twenty regular heartbeats every 100 ms with a delay of 1 ms, as rows.
fn rows(first: u64) -> String {
    let row = |n: u64| format!("{n},{},{}\n", n * 100_000, n * 100_000 + 7_001_000);
    (first..first + 20).map(row).collect()
}

#[test]
fn the_same_arguments_generate_the_same_trace() {
    let generate = |seed: &str, eta: &str| {
        let arguments = ["trace", "generate", "gauss", "--beats", "100", "--seed", seed];
        stdout(&[&arguments[..], &["--eta", eta]].concat())
    };
    let trace = generate("7", "50ms");
    assert_eq!(trace, generate("7", "50ms"));
    assert_ne!(trace, generate("8", "50ms"));
    assert!(trace.contains("# eta_us=50000\nseq,send_us,recv_us\n0,1000000,"), "{trace}");
    assert_eq!(trace.lines().count(), 103);
}

#[test]
fn rows_and_delays_say_the_same() {
    let folder = Folder::new("forms");
    let delays: String = (0..50)
        .map(|n| if n % 10 == 9 { "-1\n".into() } else { format!("{}\n", n * 7 % 300) })
        .collect();
    let csv: String = (0..50)
        .map(|n| match n % 10 {
            9 => format!("{n},{},-1\n", n * 100_000),
            _ => format!("{n},{},{}\n", n * 100_000, n * 100_000 + 50_000_000 + n * 7 % 300),
        })
        .collect();
    let path = file(&folder, &format!("# made by hand\n\n# eta_us=100000\n{delays}"));
    let by_delay = replay(&path, &[]);
    let by_rows = replay(&file(&folder, &format!("seq,send_us,recv_us\n{csv}")), &[]);
    assert_eq!(by_delay, by_rows);
    assert_eq!(by_rows["heartbeats"], 50);
    assert_eq!(by_rows["lost"], 5);
    assert_eq!(by_rows["eta_ms"], 100.0);
}

#[test]
fn a_fixed_timeout_of_some_intervals_can_be_asked_for() {
    let folder = Folder::new("times");
    // Three in a row are missing, and not even marked.
    let path = file(&folder, &(rows(0) + &rows(23)));
    for (times, alarms) in [("3", 1), ("5", 0)] {
        let found = replay(&path, &["--times", times]);
        let row = found["rules"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(row["rule"], format!("fixed, x{times}"));
        assert_eq!(row["false_alarms"], alarms, "{row}");
        assert_eq!(found["lost"], 3);
    }
    // The sender lived twice; nothing was lost.
    let path = file(&folder, &(rows(0) + "# life\n" + &rows(23)));
    let found = replay(&path, &["--times", "3"]);
    assert_eq!((&found["lives"], &found["lost"]), (&2.into(), &0.into()));
    assert_eq!(found["rules"][9]["false_alarms"], 0);
}

#[test]
fn of_several_intervals_the_most_frequent_is_replayed() {
    let folder = Folder::new("intervals");
    let slow = (0..9).map(|n| format!("{n},{},{}\n", n * 200_000, n * 200_000 + 100));
    let mixed =
        format!("# eta_us=200000\n{}# eta_us=100000\n{}", slow.collect::<String>(), rows(0));
    let found = replay(&file(&folder, &mixed), &[]);
    assert_eq!((&found["heartbeats"], &found["left_out"]), (&20.into(), &9.into()));
    assert_eq!(found["eta_ms"], 100.0);
}

#[test]
fn the_table_names_every_rule_and_says_when_evidence_is_missing() {
    let folder = Folder::new("table");
    let path = folder.join("trace.csv");
    fs::write(&path, stdout(&["trace", "generate", "gauss", "--beats", "3000"])).unwrap();
    let table = stdout(&["replay", path.to_str().unwrap()]);
    for name in [
        "adaptive",
        "fixed, BFD",
        "Chen NFD-E",
        "2W-FD",
        "Bertier",
        "phi, published",
        "phi, product",
        "interval",
    ] {
        assert!(table.lines().any(|line| line.starts_with(name)), "{name}: {table}");
    }
    assert!(table.contains("not enough evidence"), "{table}");
    assert!(table.contains("90.0 days are needed"), "{table}");
}

#[test]
fn a_detection_time_that_is_asked_for_is_met_by_every_rule_that_can() {
    let folder = Folder::new("within");
    let path = folder.join("trace.csv");
    fs::write(&path, stdout(&["trace", "generate", "gauss", "--beats", "5000"])).unwrap();
    let found = replay(&path, &["--detect-within", "400ms"]);
    for rule in found["rules"].as_array().unwrap() {
        let p999 = rule["detection_ms"]["p999"].as_f64().unwrap();
        assert!((p999 - 400.0).abs() < 4.0 && rule["met"] == true, "{rule}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_file_its_line_and_what_would_be_right() {
    let folder = Folder::new("wrong");
    let good = rows(0);
    let cases = [
        (format!("{good}20,2000000\n"), 21, "seq,send_us,recv_us"),
        (format!("{good}x,2000000,2000000\n"), 21, "\"17,3400000,3412345\""),
        (format!("{good}20,2000000,-2\n"), 21, "recv_us = -1 for a lost heartbeat"),
        (format!("{good}20,2000000,2000000,1\n"), 21, "not \"20,2000000,2000000,1\""),
        (format!("{good}19,2000000,9000000\n"), 21, "each seq once"),
        (format!("{good}20,1800000,9000000\n"), 21, "\"# life\""),
        (format!("{good}12.5\n"), 21, "a row is seq,send_us,recv_us"),
        ("# eta_us=fast\n".to_owned(), 1, "\"# eta_us=100000\""),
        ("# eta_us=100000\n5\n6\n-2\n".to_owned(), 4, "-1 for a lost heartbeat"),
        ("5\n6\n".to_owned(), 1, "write \"# eta_us=N\""),
        ("# eta_us=100000\n5\n1,2,3\n".to_owned(), 3, "one form throughout"),
    ];
    for (content, line, right) in cases {
        let path = file(&folder, &content);
        let said = complaint(&["replay", path.to_str().unwrap()]);
        assert!(said.contains(&format!("{}:{line}: ", path.display())), "{said}");
        assert!(said.contains(right), "{said}\nlacks {right}");
    }
    let path = file(&folder, "# nothing\n");
    assert!(complaint(&["replay", path.to_str().unwrap()]).contains("fewer than ten heartbeats"));
    let missing = folder.join("none");
    let said = complaint(&["replay", missing.to_str().unwrap()]);
    assert!(said.contains(missing.to_str().unwrap()), "{said}");
    fs::write(&path, b"0,1,2\n\xff\n").unwrap();
    assert!(complaint(&["replay", path.to_str().unwrap()]).contains("line 2: this is no text"));
}

#[test]
fn a_wrong_option_is_refused_in_plain_words() {
    let cases: [(&[&str], &str); 3] = [
        (&["replay", "x", "--mistakes-at-most", "often"], "\"1 per 30 days\""),
        (&["replay", "x", "--detect-within", "5"], "\"500ms\""),
        (&["trace", "generate", "earthquake"], "gilbert-elliott"),
    ];
    for (arguments, right) in cases {
        let output = peermonctl(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(right), "{said}");
    }
}
