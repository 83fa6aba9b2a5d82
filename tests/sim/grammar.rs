//! The law of the events of one record: a prefix of `(S (D R | O S)* O? E)*`.
//!
//! LATE, NOT_SEEN, DECLARED_DOWN and NAME_CONFLICT may stand anywhere while the peer is watched.
//! PATH_DOWN and PATH_UP of one path take turns while the peer is up; ENDED closes them. FLAPPING stands
//! while the peer is down.

use peermon::proto::event::{Event, EventKind, Reason};

/// Where a record stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    #[default]
    Outside,
    Up,
    Down,
    Overdue,
}

/// The events of one record, from the start of its observer's process to the end of it.
#[derive(Clone, Debug, Default)]
pub struct Grammar {
    pub place: Place,
    /// The open outage: what DOWN said of the incarnation.
    pub down_of: Option<u64>,
    /// Lives that were current, the present one last.
    lives: Vec<u64>,
    /// Lives whose END was reported.
    ended: Vec<u64>,
    not_seen: bool,
    /// Paths whose PATH_DOWN waits for its PATH_UP.
    paths_down: u8,
}

impl Grammar {
    /// Takes the next event; says what is wrong with it.
    pub fn take(&mut self, event: &Event) -> Result<(), String> {
        if matches!(event.kind, EventKind::PathDown | EventKind::PathUp) {
            return self.take_path(event);
        }
        let next = match (self.place, event.kind) {
            (Place::Outside, EventKind::Started) => Place::Up,
            (Place::Up, EventKind::Down) => Place::Down,
            (Place::Down, EventKind::Recovered) => Place::Up,
            (Place::Up, EventKind::Overdue) => Place::Overdue,
            (Place::Overdue, EventKind::Started) => Place::Up,
            (Place::Up | Place::Overdue, EventKind::Ended) => Place::Outside,
            (Place::Outside, EventKind::NotSeen) if !self.not_seen => Place::Outside,
            (place, EventKind::Late | EventKind::DeclaredDown | EventKind::NameConflict) => place,
            (Place::Down, EventKind::Flapping) => Place::Down,
            (place, kind) => return Err(format!("{kind:?} while {place:?}")),
        };
        self.not_seen |= event.kind == EventKind::NotSeen;
        self.check_life(event)?;
        if event.kind == EventKind::Ended {
            self.paths_down = 0;
        }
        self.place = next;
        Ok(())
    }

    fn take_path(&mut self, event: &Event) -> Result<(), String> {
        let Some(path) = event.path else { return Err("no path".into()) };
        let (bit, down) = (1 << path.number, event.kind == EventKind::PathDown);
        if self.place != Place::Up || (self.paths_down & bit != 0) == down {
            let told = self.paths_down;
            return Err(format!(
                "{:?} of {path:?} while {:?}, {told:b} down",
                event.kind, self.place
            ));
        }
        self.paths_down ^= bit;
        Ok(())
    }

    /// The peer was removed and added again: a new record, the same lives.
    pub fn added_again(&self) -> Self {
        Self { lives: self.lives.clone(), ended: self.ended.clone(), ..Self::default() }
    }

    /// The observer's next process goes on with it; what it does not remember may be told again.
    pub fn begin_process(&mut self) {
        self.not_seen = false;
        self.paths_down = 0;
    }

    fn check_life(&mut self, event: &Event) -> Result<(), String> {
        let life = event.incarnation;
        let counts = matches!(
            event.kind,
            EventKind::Started | EventKind::Down | EventKind::Recovered | EventKind::Ended
        );
        if !counts {
            return Ok(());
        }
        let current = self.lives.last() == Some(&life);
        if !current {
            if self.lives.contains(&life) {
                return Err(format!("incarnation {life:x} is current again"));
            }
            self.lives.push(life);
        }
        if event.kind != EventKind::Ended && self.ended.contains(&life) {
            return Err(format!("{:?} of {life:x} after its end", event.kind));
        }
        match event.kind {
            EventKind::Ended if event.reason != Reason::Removed => self.ended.push(life),
            EventKind::Down => self.down_of = Some(life),
            EventKind::Recovered => {
                let down_of = self.down_of.take();
                let other = down_of != Some(life);
                if other != (event.reason == Reason::Restarted) && event.reason != Reason::Removed {
                    return Err(format!("{:?} of {life:x}, down was {down_of:x?}", event.reason));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {

    use peermon::proto::event::EventKind::*;

    use super::*;

    fn run(events: &[(EventKind, Reason, u64)]) -> Result<(), String> {
        let mut grammar = Grammar::default();
        events.iter().try_for_each(|(kind, reason, incarnation)| {
            grammar.take(&Event {
                reason: *reason,
                epoch: 1,
                id: 1,
                peer: Some("b".into()),
                incarnation: *incarnation,
                ..Event::bare(*kind)
            })
        })
    }

    const N: Reason = Reason::None;

    #[test]
    fn every_rightful_story_is_accepted() {
        run(&[(NotSeen, N, 0), (Started, N, 1), (Late, N, 1), (Down, Reason::Silent, 1)]).unwrap();
        run(&[
            (Started, N, 1),
            (Down, Reason::Silent, 1),
            (Recovered, Reason::Reconnected, 1),
            (Down, Reason::Restarted, 1),
            (Recovered, Reason::Restarted, 2),
            (Overdue, N, 2),
            (Started, Reason::Resumed, 2),
            (Overdue, N, 2),
            (Ended, N, 2),
            (Started, N, 3),
        ])
        .unwrap();
    }

    #[test]
    fn every_broken_story_is_refused() {
        let broken: [&[(EventKind, Reason, u64)]; 9] = [
            &[(Down, Reason::Silent, 1)],
            &[(Started, N, 1), (Started, N, 1)],
            &[(Started, N, 1), (Down, Reason::Silent, 1), (Down, Reason::Silent, 1)],
            &[(Started, N, 1), (Recovered, Reason::FalseAlarm, 1)],
            &[(Started, N, 1), (Down, Reason::Silent, 1), (Ended, N, 1)],
            &[(Started, N, 1), (Ended, N, 1), (Started, N, 1)],
            &[(NotSeen, N, 0), (NotSeen, N, 0)],
            &[(Started, N, 1), (Down, Reason::Silent, 1), (Recovered, Reason::Resumed, 2)],
            &[
                (Started, N, 1),
                (Down, Reason::Silent, 1),
                (Recovered, Reason::Restarted, 2),
                (Down, Reason::Silent, 2),
                (Recovered, Reason::Restarted, 1),
            ],
        ];
        for story in broken {
            assert!(run(story).is_err(), "{story:?}");
        }
    }
}
