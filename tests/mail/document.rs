//! The letters in docs/MAIL.md are those that the code writes. `PEERMON_ACCEPT=1` writes them anew.

use std::fs;
use std::time::Duration;

use peermon::notify::mail::account::Tally;
use peermon::notify::mail::letter::{Context, Kind, Letter};
use peermon::notify::mail::outage::Facts;
use peermon::notify::mail::policy::Rules;
use peermon::notify::sink::Identity;
use peermon::proto::event::Reason;
use peermon::proto::time::Wall;

use crate::lab::{down, recovered};
use crate::support::artefacts::sources;
use crate::support::tool;

fn letter(kind: Kind) -> Letter {
    Letter {
        kind,
        peer: "billing".into(),
        down: Some(Facts::of(&down(41, "billing", 3))),
        up: None,
        withheld: Tally::default(),
        last: None,
    }
}

fn letters() -> Vec<(&'static str, Letter)> {
    let up = Some(Facts::of(&recovered(42, "billing", 3)));
    let mut far = down(77, "billing", 9);
    far.reason = Reason::Unreachable;
    far.evidence.since_restart = true;
    far.evidence.own_link = true;
    far.evidence.own_lateness = Duration::from_millis(40);
    let withheld = Tally { short: 4, merged: 1, ..Tally::default() };
    let capped = Tally { capped: 12, ..Tally::default() };
    vec![
        ("down", letter(Kind::Down)),
        ("recovered", Letter { up, ..letter(Kind::Recovered) }),
        ("unreachable", Letter { down: Some(Facts::of(&far)), withheld, ..letter(Kind::Down) }),
        ("reminder", letter(Kind::Reminder(2))),
        ("summary", Letter { down: None, withheld: capped, ..letter(Kind::Summary) }),
    ]
}

#[test]
fn the_letters_in_the_document_are_those_that_are_written() {
    let identity = Identity { group: "default".into(), name: "orders".into() };
    let rules = Rules {
        hold: Duration::from_secs(10),
        reminder: Some(Duration::from_secs(4 * 3600)),
        per_hour: 10,
        salt: 0,
    };
    let path = sources().join("docs/MAIL.md");
    let mut document = fs::read_to_string(&path).unwrap();
    for (name, letter) in letters() {
        let after = 8 * 3600 * 1_000_000_000;
        let now = Wall(1_795_746_637_125_000_000 + after);
        let context = Context { identity: &identity, rules: &rules, now };
        let text = format!("Subject: {}\n\n{}", letter.subject(context), letter.text(context));
        let longest = text.lines().skip(1).map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= 90, "{name}: a line of {longest} characters");
        let block = format!("<!-- letter: {name} -->\n```text\n{}\n```\n", text.trim_end());
        if document.contains(&block) {
            continue;
        }
        assert!(tool::is_accepted(), "docs/MAIL.md does not have\n{block}");
        let start = document.find(&format!("<!-- letter: {name} -->")).expect("its place");
        let end = document[start..].find("\n```\n").expect("its end") + start + "\n```\n".len();
        document.replace_range(start..end, &block);
        fs::write(&path, &document).unwrap();
    }
}
