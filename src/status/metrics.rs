//! The same as numbers, in Prometheus' text format.

use core::fmt::{Display, Write};
use core::time::Duration;

use super::json::FLAGS;
use super::source::{About, Condition};
use super::statistics::Calls;
use crate::proto::peer::view::{State, View};
use crate::proto::time::Wall;

/// The media type of the format.
pub const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A text that grows by families; each family is written at one go, as the format wants it.
#[derive(Debug, Default)]
pub struct Text(String);

impl Text {
    /// Begins a family: its name, `gauge` or `counter`, and what it says.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// A sample of the family that was begun last.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (at, (label, content)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"", if at == 0 { '{' } else { ',' });
            for character in content.chars() {
                match character {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    other => self.0.push(other),
                }
            }
            self.0.push('"');
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// A family of one sample without labels.
    pub fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// What was written.
    pub fn finish(self) -> String {
        self.0
    }
}

/// Everything about the monitor and its peers at `now`.
pub fn write(text: &mut Text, about: &About, peers: &[View], now: Wall) {
    write_monitor(text, about);
    write_peers(text, peers, now);
}

fn write_monitor(text: &mut Text, about: &About) {
    let statistics = &about.statistics;
    text.family("peermon_info", "gauge", "Who answers; always 1.");
    let labels = [("group", &*about.group), ("server", &*about.name), ("version", about.version)];
    text.sample("peermon_info", &labels, 1);
    text.family("peermon_monitor_condition", "gauge", "1 for the condition of the monitor.");
    for condition in Condition::ALL {
        let labels = [("condition", condition.name())];
        text.sample("peermon_monitor_condition", &labels, u8::from(about.condition == condition));
    }
    let name = "peermon_start_time_seconds";
    text.single(name, "gauge", "When the application started last.", date(about.started_at));
    let counters = [
        (
            "peermon_datagrams_sent_total",
            "Datagrams handed to the kernel.",
            statistics.counted.sent,
        ),
        ("peermon_datagrams_accepted_total", "Datagrams taken.", statistics.counted.accepted),
        ("peermon_datagrams_rejected_total", "Datagrams not taken.", statistics.counted.rejected),
        ("peermon_loop_turns_total", "Turns of the loop.", statistics.counted.turns),
        ("peermon_log_lines_lost_total", "Log lines nobody took.", statistics.log_lines_lost),
    ];
    for (name, help, value) in counters {
        text.single(name, "counter", help, value);
    }
    let help = "Events that wait for the callback of the host.";
    text.single("peermon_events_waiting", "gauge", help, statistics.events_waiting);
    write_callbacks(
        text,
        [
            ("event", &statistics.event),
            ("interrupt", &statistics.interrupt),
            ("log", &statistics.log),
        ],
    );
    let name = "peermon_channel_position";
    text.family(name, "gauge", "The id of the last event that a channel is done with.");
    for channel in &about.channels {
        text.sample(name, &[("channel", channel.name)], channel.position);
    }
    let name = "peermon_channel_dropped_total";
    text.family(name, "counter", "Outages dropped because a channel was slow.");
    for channel in &about.channels {
        text.sample(name, &[("channel", channel.name)], channel.dropped);
    }
}

fn write_callbacks(text: &mut Text, callbacks: [(&str, &Calls); 3]) {
    type Field = (&'static str, &'static str, &'static str, fn(&Calls) -> f64);
    #[allow(clippy::cast_precision_loss, reason = "the format knows floating point alone")]
    const FIELDS: [Field; 4] = [
        ("peermon_callback_calls_total", "counter", "Calls begun.", |calls| calls.count as f64),
        ("peermon_callback_slow_calls_total", "counter", "Calls beyond the budget.", |calls| {
            calls.slow as f64
        }),
        ("peermon_callback_longest_seconds", "gauge", "The longest call that returned.", |calls| {
            calls.longest.as_secs_f64()
        }),
        (
            "peermon_callback_running_seconds",
            "gauge",
            "How long a call has been running.",
            |calls| calls.running.as_secs_f64(),
        ),
    ];
    for (name, kind, help, value) in FIELDS {
        text.family(name, kind, help);
        for (callback, calls) in callbacks {
            text.sample(name, &[("callback", callback)], value(calls));
        }
    }
}

/// A family with one sample for each peer: its name, type and help, and its value if it has one.
type PerPeer = (&'static str, &'static str, &'static str, fn(&View, Wall) -> Option<f64>);

#[allow(clippy::cast_precision_loss, reason = "the format knows floating point alone")]
const PER_PEER: [PerPeer; 19] = [
    ("since_timestamp_seconds", "gauge", "When the state changed last.", |v, _| {
        Some(date(v.since))
    }),
    ("last_heard_timestamp_seconds", "gauge", "When the peer was last heard.", |v, _| {
        v.last_heard.map(date)
    }),
    ("silence_seconds", "gauge", "How long ago the peer was last heard.", |v, now| {
        v.last_heard.map(|heard| (date(now) - date(heard)).max(0.0))
    }),
    ("deadline_seconds", "gauge", "The silence after which the peer is judged down.", |v, _| {
        measured(v.evidence.deadline)
    }),
    ("interval_seconds", "gauge", "The interval that the peer announced.", |v, _| {
        measured(v.evidence.interval)
    }),
    ("round_trip_seconds", "gauge", "The smoothed round trip.", |v, _| {
        measured(v.evidence.round_trip)
    }),
    ("own_lateness_seconds", "gauge", "How late this monitor itself was.", |v, _| {
        Some(v.evidence.own_lateness.as_secs_f64())
    }),
    ("heartbeats_missed", "gauge", "Heartbeats that were due and did not arrive.", |v, _| {
        Some(v.evidence.misses.into())
    }),
    ("outages_total", "counter", "Outages since the peer was added.", |v, _| {
        Some(v.outages as f64)
    }),
    ("detection_time_seconds", "gauge", "The detection time in force.", |v, _| {
        measured(v.detect_within)
    }),
    ("margin_seconds", "gauge", "The margin in force.", |v, _| measured(v.service.margin)),
    ("level_rise_seconds", "gauge", "How far the level lies above its floor.", |v, _| {
        Some(v.service.level_rise.as_secs_f64())
    }),
    ("heartbeat_interval_seconds", "gauge", "How often the peer is sent to.", |v, _| {
        measured(v.service.heartbeat_interval)
    }),
    ("health_score", "gauge", "From 0, the observer works well, to 4.", |v, _| {
        Some(v.service.health.into())
    }),
    ("pause_remaining_seconds", "gauge", "What remains of the announced pause.", |v, _| {
        Some(v.pause_remaining.as_secs_f64())
    }),
    ("lifelines", "gauge", "How many of the two lifelines stand.", |v, _| Some(v.lifelines.into())),
    ("paths", "gauge", "How many addresses the peer has.", |v, _| Some(v.paths.into())),
    ("paths_up", "gauge", "How many of its addresses carry.", |v, _| {
        Some(v.paths_up.count_ones().into())
    }),
    ("resting", "gauge", "1 while the notices of the peer rest.", |v, _| {
        Some(u8::from(v.resting).into())
    }),
];

fn write_peers(text: &mut Text, peers: &[View], now: Wall) {
    text.family("peermon_peer_state", "gauge", "1 for the state of the peer.");
    for view in peers {
        for state in State::ALL {
            let labels = [("peer", &*view.name), ("state", state.name())];
            text.sample("peermon_peer_state", &labels, u8::from(view.state == state));
        }
    }
    text.family("peermon_peer_flag", "gauge", "1 for what is true of the peer beside its state.");
    for view in peers {
        for (bit, flag) in FLAGS {
            let labels = [("peer", &*view.name), ("flag", flag)];
            text.sample("peermon_peer_flag", &labels, u8::from(view.flags & bit != 0));
        }
    }
    for (name, kind, help, value) in PER_PEER {
        let name = format!("peermon_peer_{name}");
        text.family(&name, kind, help);
        for view in peers {
            if let Some(value) = value(view, now) {
                text.sample(&name, &[("peer", &view.name)], value);
            }
        }
    }
}

/// Zero means: there is none.
fn measured(span: Duration) -> Option<f64> {
    (!span.is_zero()).then_some(span.as_secs_f64())
}

#[allow(clippy::cast_precision_loss, reason = "a date for people; microseconds are kept")]
fn date(wall: Wall) -> f64 {
    wall.0 as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_escaped_and_a_family_is_whole() {
        let mut text = Text::default();
        text.family("a", "gauge", "Help.");
        text.sample("a", &[("b", "x\"\\\n"), ("c", "d")], 1.5);
        assert_eq!(
            text.finish(),
            "# HELP a Help.\n# TYPE a gauge\na{b=\"x\\\"\\\\\\n\",c=\"d\"} 1.5\n"
        );
    }

    #[test]
    fn a_peer_is_in_one_state_and_what_was_not_measured_is_not_said() {
        let mut view = View::bare("billing".into());
        view.state = State::Down;
        view.last_heard = Some(Wall(1_000_000_000));
        let mut text = Text::default();
        write(&mut text, &About::default(), &[view], Wall(3_500_000_000));
        let text = text.finish();
        assert!(text.contains("peermon_peer_state{peer=\"billing\",state=\"DOWN\"} 1\n"));
        assert!(text.contains("peermon_peer_state{peer=\"billing\",state=\"UP\"} 0\n"));
        assert!(text.contains("peermon_peer_silence_seconds{peer=\"billing\"} 2.5\n"));
        assert!(!text.contains("peermon_peer_round_trip_seconds{"));
    }
}
