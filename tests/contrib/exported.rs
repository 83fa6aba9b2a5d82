//! What the library exports, as a client port says it of a monitor with a bit of everything.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use peermon::proto::event::EventKind;
use peermon::proto::peer::view::State;
use peermon::proto::time::Time;
use peermon::status::source::ChannelView;

use super::LIMIT;
use super::lab::{self, Port};
use super::support::promtool;

/// Every sample, and what can be looked up in them.
pub struct Exported {
    pub text: String,
    names: BTreeSet<String>,
}

impl Exported {
    pub fn has(&self, name: &str) -> bool {
        // What Prometheus makes itself of every target.
        name == "up" || self.names.contains(name)
    }

    /// Whether some sample of `name` has this label with this value.
    pub fn has_label(&self, name: &str, label: &str, value: &str) -> bool {
        let wanted = format!("{label}=\"{value}\"");
        let start = format!("{name}{{");
        self.text.lines().any(|line| line.starts_with(&start) && line.contains(&wanted))
    }
}

/// Everything that can be measured has been.
pub fn exported() -> Exported {
    let mut port = Port::open(lab::plan());
    port.made.about(|about| {
        about.mail_waiting = Some(2);
        about.timers.judge_paused = true;
        about.timers.heartbeat_paused = Some(Duration::from_secs(12));
        let channel = |name| ChannelView { name, position: 3, dropped: 1 };
        about.channels = ["callback", "clients", "mail", "command"].map(channel).to_vec();
    });
    port.made.put("billing", |view| {
        let span = Duration::from_millis(100);
        for beat in 1..10 {
            view.arrivals.note(beat, Time::from_millis(beat * 100), span);
        }
        view.clock_offset = Some(-1_500_000);
        view.held = State::Up;
        view.evidence.round_trip = span;
        view.detect_within = span;
        view.service.margin = span;
        view.service.heartbeat_interval = span;
        (view.paths, view.paths_up) = (2, 1);
    });
    port.push(lab::event(1, EventKind::NameConflict, State::Up));
    let begun = Instant::now();
    let mut text = String::new();
    while !text.contains("peermon_events_total{kind=\"NAME_CONFLICT\"} 1") {
        assert!(begun.elapsed() < LIMIT, "the event is never counted: {text}");
        text = port.connect().get("/metrics").body;
    }
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let names = samples.filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned);
    Exported { names: names.collect(), text: text.clone() }
}

#[test]
fn promtool_finds_nothing_to_say_about_everything_that_can_be_measured() {
    promtool::approves(&exported().text);
}

#[test]
fn every_family_has_its_help_and_its_type_once_and_a_sample() {
    let exported = exported();
    let heads = |word: &str| -> Vec<String> {
        let start = format!("# {word} ");
        let lines = exported.text.lines().filter_map(|line| line.strip_prefix(&start));
        lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    let (helps, types) = (heads("HELP"), heads("TYPE"));
    assert_eq!(helps, types);
    let once: BTreeSet<String> = helps.iter().cloned().collect();
    assert_eq!(once.len(), helps.len());
    assert_eq!(once, exported.names);
}
