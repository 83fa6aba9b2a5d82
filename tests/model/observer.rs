//! The watching side: the record of one peer and the rules that change it (the table of PROTOCOL,
//! "state machine per peer", without pauses).

use super::peer::Kind;
use super::rules::{History, Rules};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    #[default]
    Unknown,
    Up,
    Down,
    Ended,
}

/// A datagram as it arrives. `life` is known to the checks only.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub life: u8,
    pub incarnation: u8,
    pub sequence: u8,
    pub kind: Kind,
    pub echo: u8,
    pub start_count: u8,
    pub last_ungraceful: u8,
}

/// What the observer tells; of which life, is known to the checks only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    Started {
        life: u8,
    },
    Down {
        life: u8,
    },
    /// `sequence` is that of the datagram that recovers it.
    Recovered {
        life: u8,
        sequence: u8,
        how: Recovery,
    },
    Ended {
        life: u8,
        replaced_by: Option<u8>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recovery {
    /// By a life sign.
    Proven,
    /// By an END (reason ENDED_LATE).
    EndedLate,
    /// DOWN and RECOVERED at once: a newcomer replaced a life that was held for up.
    Restarted,
    /// The same, and the start count of the replaced life was not known.
    Unknown,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Observer {
    pub state: State,
    /// The current incarnation; 0 = none. `life` is whose it was when it was accepted.
    pub incarnation: u8,
    pub life: u8,
    pub sequence: u8,
    /// The number of the present nonce.
    pub nonce: u8,
    /// One bit per retired incarnation.
    retired: u8,
    /// The start count of the current life.
    start_count: u8,
    pub restarts: u8,
}

impl Observer {
    /// The first start.
    pub fn new() -> Self {
        Self { nonce: 1, ..Self::default() }
    }

    /// Whether `arrival` is of the current life by its incarnation.
    pub fn is_same(&self, arrival: &Arrival) -> bool {
        self.incarnation != 0 && arrival.incarnation == self.incarnation
    }

    pub fn receive(&mut self, arrival: &Arrival, rules: &Rules, events: &mut Vec<Event>) {
        if self.is_same(arrival) {
            self.receive_same(arrival, rules, events);
        } else {
            self.receive_other(arrival, rules, events);
        }
    }

    /// The deadline ran out.
    pub fn time_out(&mut self, rules: &Rules, events: &mut Vec<Event>) {
        self.state = State::Down;
        self.nonce += u8::from(rules.down_replaces_the_nonce);
        events.push(Event::Down { life: self.life });
    }

    /// A new process with the record of the old one (rule R18): DOWN and ENDED stand, UP waits to be
    /// confirmed.
    pub fn restart(&mut self, rules: &Rules) {
        self.restarts += 1;
        self.nonce = fresh_nonce(self.nonce, rules);
    }

    /// A new process without a record: a new epoch.
    pub fn forget(&mut self, rules: &Rules) {
        let nonce = fresh_nonce(self.nonce, rules);
        *self = Self { nonce, restarts: self.restarts + 1, ..Self::default() };
    }

    /// An event that the record does not contain is applied to it (rule R6). It names another
    /// incarnation, or none; what that said of its starts is not in it, and is learnt again.
    pub fn redo(&mut self, after: State, incarnation: u8, life: u8) {
        self.state = after;
        if incarnation != 0 && incarnation != self.incarnation {
            if self.incarnation != 0 {
                self.retired |= 1 << self.incarnation;
            }
            (self.incarnation, self.life) = (incarnation, life);
            (self.sequence, self.start_count) = (0, 0);
        }
    }

    fn receive_same(&mut self, arrival: &Arrival, rules: &Rules, events: &mut Vec<Event>) {
        if arrival.sequence <= self.sequence || self.state == State::Ended {
            return;
        }
        let proven = arrival.echo == self.nonce;
        let end_counts = rules.end_needs_no_nonce || proven;
        self.sequence = arrival.sequence;
        if self.start_count == 0 {
            self.start_count = arrival.start_count;
        }
        let (life, sequence) = (self.life, arrival.sequence);
        match (self.state, arrival.kind) {
            (State::Up, Kind::End) if end_counts => self.end(rules, events),
            (State::Down, Kind::End) if end_counts => {
                if rules.late_end_recovers {
                    events.push(Event::Recovered { life, sequence, how: Recovery::EndedLate });
                }
                self.end(rules, events);
            }
            (State::Down, Kind::Status) if proven || !rules.recovery_needs_the_nonce => {
                self.state = State::Up;
                events.push(Event::Recovered { life, sequence, how: Recovery::Proven });
            }
            _ => {}
        }
    }

    fn receive_other(&mut self, arrival: &Arrival, rules: &Rules, events: &mut Vec<Event>) {
        let foreign_end = arrival.kind == Kind::End && !rules.end_of_another_life_needs_the_nonce;
        if foreign_end && self.state == State::Up {
            return self.end(rules, events);
        }
        let proven = arrival.echo == self.nonce || !rules.acceptance_needs_the_nonce;
        let older = !rules.incarnations_have_no_order && arrival.incarnation < self.incarnation;
        let retired = self.retired & 1 << arrival.incarnation != 0;
        if !proven || retired || older {
            return;
        }
        let (former, life, sequence) = (self.life, arrival.life, arrival.sequence);
        match self.state {
            State::Unknown | State::Ended => events.push(Event::Started { life }),
            State::Up if self.ended_gracefully(arrival, rules) => {
                events.push(Event::Ended { life: former, replaced_by: Some(life) });
                events.push(Event::Started { life });
            }
            State::Up => {
                events.push(Event::Down { life: former });
                let known = self.start_count != 0;
                let how = if known { Recovery::Restarted } else { Recovery::Unknown };
                events.push(Event::Recovered { life, sequence, how });
            }
            State::Down => events.push(Event::Recovered { life, sequence, how: Recovery::Proven }),
        }
        if self.incarnation != 0 {
            self.retired |= 1 << self.incarnation;
        }
        self.state = State::Up;
        self.incarnation = arrival.incarnation;
        self.life = arrival.life;
        self.sequence = arrival.sequence;
        self.start_count = arrival.start_count;
        self.nonce += u8::from(rules.acceptance_replaces_the_nonce);
        if arrival.kind == Kind::End {
            self.end(rules, events);
        }
    }

    /// Rule R5: whether the current life ended gracefully, by what the newcomer says.
    fn ended_gracefully(&self, newcomer: &Arrival, rules: &Rules) -> bool {
        let (count, last) = (newcomer.start_count, newcomer.last_ungraceful);
        match rules.history {
            History::TwoCounters => last < self.start_count && count > self.start_count,
            History::Predecessor => last + 1 != count,
            History::None => false,
        }
    }

    fn end(&mut self, rules: &Rules, events: &mut Vec<Event>) {
        self.state = State::Ended;
        events.push(Event::Ended { life: self.life, replaced_by: None });
        if !rules.ended_keeps_the_life {
            (self.incarnation, self.sequence) = (0, 0);
        }
    }
}

/// The nonce of a new process.
fn fresh_nonce(last: u8, rules: &Rules) -> u8 {
    if rules.start_draws_a_fresh_nonce { last + 1 } else { 1 }
}
