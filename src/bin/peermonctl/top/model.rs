//! What is shown: the peers as they are, the events that came, and what the person in front of it
//! wants to see.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::time::Instant;

use serde_json::Value;

use super::feed::News;
use crate::answer::{date, list, text};
use crate::show::since;

/// So many events are kept.
const EVENTS: usize = 1024;

/// In which order the peers stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    /// Those first that need somebody.
    #[default]
    Worst,
    /// By name.
    Name,
    /// Those first that changed last.
    Since,
    /// Those first that were not heard for the longest time.
    Heard,
    /// The most irregular ones first.
    Jitter,
    /// Those first that lose most.
    Loss,
}

impl Sort {
    /// Each, in the order of the key.
    pub(super) const ALL: [Self; 6] =
        [Self::Worst, Self::Name, Self::Since, Self::Heard, Self::Jitter, Self::Loss];

    /// One word for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Worst => "worst",
            Self::Name => "name",
            Self::Since => "since",
            Self::Heard => "heard",
            Self::Jitter => "jitter",
            Self::Loss => "loss",
        }
    }

    /// The next one.
    pub(super) fn next(self) -> Self {
        let at = Self::ALL.iter().position(|sort| *sort == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }

    fn compare(self, a: &Value, b: &Value) -> Ordering {
        let number = |peer: &Value, key: &str| peer[key].as_f64().unwrap_or(-1.0);
        let first = match self {
            Self::Worst => rank(a).cmp(&rank(b)),
            Self::Name => Ordering::Equal,
            Self::Since => since(b).cmp(&since(a)),
            Self::Heard => date(a, "last_heard_at").cmp(&date(b, "last_heard_at")),
            Self::Jitter => number(b, "jitter_seconds").total_cmp(&number(a, "jitter_seconds")),
            Self::Loss => number(b, "loss").total_cmp(&number(a, "loss")),
        };
        first.then_with(|| text(a, "name").cmp(text(b, "name")))
    }
}

fn rank(peer: &Value) -> u8 {
    match text(peer, "state") {
        "DOWN" => 0,
        "OVERDUE" => 1,
        "UNKNOWN" => 2,
        "PAUSED" => 3,
        "UP" => 4,
        _ => 5,
    }
}

/// What the keys mean at present.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Mode {
    /// The table.
    #[default]
    Table,
    /// A filter is being written.
    Filter,
    /// How to pause is being asked.
    Pause(Wish),
    /// Whether to resume is being asked.
    Resume(Wish),
    /// A peer is explained, from this line on.
    Why(u16),
    /// The keys are explained.
    Help,
}

/// What is about to be asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wish {
    /// Which of [`TIMERS`].
    pub(super) timers: usize,
    /// As they were typed.
    pub(super) seconds: String,
}

/// Which timers can be chosen.
pub(super) const TIMERS: [&[&str]; 3] = [&["judge", "heartbeat"], &["heartbeat"], &["judge"]];

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Model {
    /// The last answer of `/v1/peers`.
    said: Value,
    /// The last events, the oldest first.
    pub(super) events: VecDeque<Value>,
    /// Since when it has not answered, and why.
    pub(super) lost: Option<(Instant, String)>,
    /// The name of the peer that is selected.
    pub(super) selected: Option<String>,
    /// In which order.
    pub(super) sort: Sort,
    /// Only those in whose name or state this is.
    pub(super) filter: String,
    /// What the keys mean.
    pub(super) mode: Mode,
    /// What became of what was asked for.
    pub(super) done: Option<Result<String, String>>,
    /// Whether there is colour.
    pub(super) colour: bool,
}

impl Model {
    /// With the first answer of `/v1/peers`.
    pub(super) fn new(said: Value, colour: bool) -> Self {
        Self {
            said,
            events: VecDeque::new(),
            lost: None,
            selected: None,
            sort: Sort::default(),
            filter: String::new(),
            mode: Mode::default(),
            done: None,
            colour,
        }
    }

    /// Something is new.
    pub(super) fn hear(&mut self, news: News) {
        match news {
            News::Peers(said) => {
                (self.said, self.lost) = (said, None);
            }
            News::Event(event) => {
                if self.events.len() == EVENTS {
                    self.events.pop_front();
                }
                self.events.push_back(event);
            }
            // What is new comes behind it; what is shown happened all the same.
            News::Reset => {}
            News::Lost(why) => {
                let since = self.lost.take().map_or_else(Instant::now, |(since, _)| since);
                self.lost = Some((since, why));
            }
            News::Done(done) => self.done = Some(done),
            News::Failed(_) => {}
        }
    }

    /// The server itself.
    pub(super) fn about(&self) -> &Value {
        &self.said["about"]
    }

    /// All of them, in no order.
    pub(super) fn all(&self) -> &[Value] {
        list(&self.said, "peers")
    }

    /// Those that are shown, in their order.
    pub(super) fn peers(&self) -> Vec<&Value> {
        let filter = self.filter.to_lowercase();
        let shown = |peer: &&Value| {
            ["name", "state"]
                .into_iter()
                .any(|key| text(peer, key).to_lowercase().contains(&filter))
        };
        let mut peers: Vec<_> = self.all().iter().filter(shown).collect();
        peers.sort_by(|a, b| self.sort.compare(a, b));
        peers
    }

    /// Where the selected one stands among those that are shown.
    pub(super) fn position(&self) -> Option<usize> {
        let peers = self.peers();
        let selected = self.selected.as_deref();
        let found = peers.iter().position(|peer| Some(text(peer, "name")) == selected);
        found.or((!peers.is_empty()).then_some(0))
    }

    /// The selected peer.
    pub(super) fn peer(&self) -> Option<&Value> {
        self.peers().get(self.position()?).copied()
    }

    /// Selects the one that stands `by` places further on.
    pub(super) fn step(&mut self, by: isize) {
        let Some(position) = self.position() else { return };
        let peers = self.peers();
        let to = position.saturating_add_signed(by).min(peers.len().saturating_sub(1));
        self.selected = peers.get(to).map(|peer| text(peer, "name").to_owned());
    }

    /// The events about `peer`, the oldest first.
    pub(super) fn events_of(&self, peer: &Value) -> Vec<Value> {
        self.events.iter().filter(|event| event["peer"] == peer["name"]).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn names(model: &Model) -> Vec<&str> {
        model.peers().into_iter().map(|peer| text(peer, "name")).collect()
    }

    fn model() -> Model {
        let said = json!({"about": {}, "peers": [
            {"name": "a", "state": "UP", "jitter_seconds": 0.1, "loss": null},
            {"name": "b", "state": "DOWN", "loss": 0.5},
            {"name": "c", "state": "UP", "jitter_seconds": 0.2},
        ]});
        Model::new(said, false)
    }

    #[test]
    fn the_worst_come_first_unless_another_order_is_wanted() {
        let mut model = model();
        assert_eq!(names(&model), ["b", "a", "c"]);
        for (sort, wanted) in [
            (Sort::Name, ["a", "b", "c"]),
            (Sort::Jitter, ["c", "a", "b"]),
            (Sort::Loss, ["b", "a", "c"]),
        ] {
            model.sort = sort;
            assert_eq!(names(&model), wanted, "{sort:?}");
        }
        let again = Sort::ALL.iter().fold(Sort::Worst, |sort, _| sort.next());
        assert_eq!(again, Sort::Worst);
    }

    #[test]
    fn a_selection_stays_with_its_peer_when_the_order_changes_and_ends_at_both_ends() {
        let mut model = model();
        assert_eq!(model.peer().map(|peer| text(peer, "name")), Some("b"));
        model.step(1);
        assert_eq!(model.selected.as_deref(), Some("a"));
        model.sort = Sort::Jitter;
        assert_eq!(model.position(), Some(1));
        model.step(9);
        assert_eq!(model.selected.as_deref(), Some("b"));
        model.step(-9);
        assert_eq!(model.selected.as_deref(), Some("c"));
        // It is gone: the first one takes its place.
        model.filter = "DOWN".into();
        assert_eq!(model.peer().map(|peer| text(peer, "name")), Some("b"));
        model.filter = "nobody".into();
        assert_eq!(model.peer(), None);
        model.step(1);
    }

    #[test]
    fn a_server_that_went_away_is_remembered_until_it_answers() {
        let mut model = model();
        model.hear(News::Lost("first".into()));
        let since = model.lost.as_ref().map(|(since, _)| *since);
        model.hear(News::Lost("second".into()));
        assert_eq!(
            model.lost.as_ref().map(|(since, why)| (Some(*since), &**why)),
            Some((since, "second"))
        );
        assert_eq!(model.all().len(), 3, "what was known is still shown");
        model.hear(News::Peers(json!({"about": {}, "peers": []})));
        assert!(model.lost.is_none() && model.all().is_empty());
    }

    #[test]
    fn events_are_bounded() {
        let mut model = model();
        for id in 0..2 * EVENTS {
            model.hear(News::Event(json!({"id": id})));
        }
        assert_eq!(model.events.len(), EVENTS);
        assert_eq!(model.events.back().unwrap()["id"], 2 * EVENTS - 1);
    }
}
