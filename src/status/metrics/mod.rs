//! The same as numbers, in Prometheus' text format.

mod monitor;
mod peers;

use core::fmt::{Display, Write};

use super::source::About;
use crate::proto::peer::view::View;
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
    monitor::write(text, about);
    peers::write(text, peers, now);
}

#[allow(clippy::cast_precision_loss, reason = "a date for people; microseconds are kept")]
fn date(wall: Wall) -> f64 {
    wall.0 as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::peer::view::State;

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
