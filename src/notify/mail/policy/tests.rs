use proptest::prelude::*;

use super::*;
use crate::notify::mail::account::HOUR;
use crate::notify::mail::entry::{self, Read};
use crate::notify::mail::letter::Kind;
use crate::proto::event::Reason;

const RULES: Rules = Rules {
    hold: Duration::from_secs(10),
    reminder: Some(Duration::from_secs(1000)),
    per_hour: 20,
    salt: 7,
};

/// A policy with a clock and a relay that does as it is told, and what was accepted.
struct Desk {
    policy: Policy,
    rules: Rules,
    now: Time,
    id: u64,
    /// What is in the spool, by items.
    spool: BTreeMap<Item, Vec<u8>>,
    accepted: Vec<(Time, Letter)>,
}

impl Desk {
    fn new(rules: Rules) -> Self {
        Self {
            policy: Policy::new(rules),
            rules,
            now: Time::from_millis(1_000),
            id: 0,
            spool: BTreeMap::new(),
            accepted: Vec::new(),
        }
    }

    fn event(&mut self, kind: EventKind, peer: &str, number: u64, outage: u64) -> Event {
        self.id += 1;
        Event {
            epoch: 3,
            id: self.id,
            peer: Some(peer.into()),
            reason: if kind == EventKind::Down { Reason::Silent } else { Reason::Restarted },
            outage: Duration::from_secs(outage),
            outage_number: number,
            ..Event::bare(kind)
        }
    }

    fn give(&mut self, event: &Event) {
        self.policy.event(self.now, event);
        self.keep();
    }

    fn down(&mut self, peer: &str, number: u64) -> Event {
        let event = self.event(EventKind::Down, peer, number, 1);
        self.give(&event);
        event
    }

    /// The peer was down for `secs` after the judgement.
    fn recovered(&mut self, peer: &str, number: u64, secs: u64) -> Event {
        let event = self.event(EventKind::Recovered, peer, number, 1 + secs);
        self.give(&event);
        event
    }

    fn wait(&mut self, secs: u64) {
        self.now = self.now + Duration::from_secs(secs);
    }

    /// Lets the relay answer `outcome` to everything that is due; how many letters that were.
    fn relay(&mut self, outcome: Outcome) -> usize {
        let mut count = 0;
        while let Some(job) = self.policy.next(self.now) {
            count += 1;
            self.answer(&job, outcome);
        }
        self.keep();
        count
    }

    fn answer(&mut self, job: &Job, outcome: Outcome) {
        if outcome == Outcome::Accepted {
            self.accepted.push((self.now, job.letter.clone()));
        }
        self.policy.outcome(self.now, outcome);
        self.keep();
    }

    fn keep(&mut self) {
        for item in self.policy.take_changed() {
            self.write(item);
        }
    }

    fn write(&mut self, item: Item) {
        let bytes = match &item {
            Item::Outage(key) => {
                self.policy.outage(*key).map(|it| entry::write_outage(it, self.now))
            }
            Item::Tally(peer) => {
                self.policy.tally(peer).map(|(tally, last)| entry::write_tally(peer, &tally, last))
            }
        };
        match bytes {
            Some(bytes) => drop(self.spool.insert(item, bytes)),
            None => drop(self.spool.remove(&item)),
        }
    }

    /// The process dies and comes back with what is in the spool.
    fn restart(&mut self) {
        let entries: Vec<_> = core::mem::take(&mut self.spool).into_values().collect();
        let read = entries.iter().map(|bytes| entry::read(bytes, self.now).expect("it is ours"));
        let (mut outages, mut tallies) = (Vec::new(), Vec::new());
        for entry in read {
            match entry {
                Read::Outage(outage) => outages.push(*outage),
                Read::Tally(peer, tally, last) => tallies.push((peer, tally, last)),
            }
        }
        outages.sort_by_key(|outage| outage.down.id);
        self.policy = Policy::new(self.rules);
        let mut items = Vec::new();
        items.extend(outages.into_iter().map(|outage| self.policy.restore_outage(outage)));
        for (peer, tally, last) in tallies {
            items.push(self.policy.restore_tally(peer, tally, last));
        }
        for item in items {
            self.write(item);
        }
    }

    fn told(&self) -> Vec<Kind> {
        self.accepted.iter().map(|(_, letter)| letter.kind).collect()
    }
}

#[test]
fn an_outage_that_outlasts_the_hold_time_gives_one_mail_and_its_recovery_another() {
    let mut desk = Desk::new(RULES);
    desk.down("a", 1);
    assert_eq!(desk.relay(Outcome::Accepted), 0, "it is held");
    assert_eq!(desk.policy.due(desk.now), Some(desk.now + RULES.hold));
    desk.wait(10);
    desk.relay(Outcome::Accepted);
    desk.relay(Outcome::Accepted);
    assert_eq!(desk.told(), [Kind::Down]);
    desk.recovered("a", 1, 10);
    desk.relay(Outcome::Accepted);
    assert_eq!(desk.told(), [Kind::Down, Kind::Recovered]);
    assert!(desk.spool.is_empty(), "nothing is left to do");
    assert_eq!(desk.policy.due(desk.now), None);
}

#[test]
fn a_short_outage_is_withheld_whole_and_the_next_mail_says_so() {
    let mut desk = Desk::new(RULES);
    for number in 1..=3 {
        desk.down("a", number);
        desk.wait(5);
        desk.recovered("a", number, 5);
    }
    desk.wait(10_000);
    assert_eq!(desk.relay(Outcome::Accepted), 0);
    desk.restart();
    desk.down("a", 4);
    desk.wait(10);
    desk.relay(Outcome::Accepted);
    let (_, letter) = &desk.accepted[0];
    assert_eq!(
        (letter.kind, letter.withheld),
        (Kind::Down, Tally { short: 3, ..Tally::default() })
    );
    desk.recovered("a", 4, 11);
    desk.relay(Outcome::Accepted);
    assert_eq!(desk.accepted[1].1.withheld, Tally::default(), "it is told once");
}

#[test]
fn what_was_merged_before_it_came_here_is_told_too() {
    let mut desk = Desk::new(Rules { hold: Duration::ZERO, ..RULES });
    let mut down = desk.event(EventKind::Down, "a", 5, 1);
    down.merged = 4;
    desk.give(&down);
    desk.relay(Outcome::Accepted);
    assert_eq!(desk.accepted[0].1.withheld, Tally { merged: 4, ..Tally::default() });
}

#[test]
fn an_outage_whose_events_come_late_is_measured_by_what_they_say() {
    let mut desk = Desk::new(RULES);
    desk.down("a", 1);
    desk.recovered("a", 1, 3600);
    desk.relay(Outcome::Accepted);
    assert_eq!(desk.told(), [Kind::Down, Kind::Recovered]);
}

#[test]
fn a_recovery_that_closes_another_outage_than_the_one_that_is_open_is_told() {
    let mut desk = Desk::new(RULES);
    desk.down("a", 1);
    desk.recovered("a", 3, 1);
    desk.relay(Outcome::Accepted);
    assert_eq!(desk.told(), [Kind::Down, Kind::Recovered]);
}

#[test]
fn while_no_relay_takes_the_down_the_recovery_waits_and_then_follows_it() {
    let mut desk = Desk::new(RULES);
    desk.down("a", 1);
    desk.wait(10);
    assert_eq!(desk.relay(Outcome::Later), 1);
    desk.recovered("a", 1, 10);
    assert_eq!(desk.relay(Outcome::Later), 0, "not before the next try");
    desk.restart();
    assert_eq!(desk.relay(Outcome::Later), 0, "a restart is no reason to hurry");
    desk.wait(5);
    desk.relay(Outcome::Accepted);
    assert_eq!(desk.told(), [Kind::Down, Kind::Recovered]);
    assert!(desk.accepted[0].1.up.is_some(), "it can say that it is over");
}

#[test]
fn a_recovery_that_comes_while_the_down_is_on_its_way_waits_for_what_comes_of_it() {
    for (outcome, told) in [(Outcome::Accepted, 2), (Outcome::Refused, 0)] {
        let mut desk = Desk::new(RULES);
        desk.down("a", 1);
        desk.wait(10);
        let job = desk.policy.next(desk.now).unwrap();
        desk.recovered("a", 1, 10);
        assert_eq!(desk.policy.next(desk.now), None);
        desk.answer(&job, outcome);
        desk.relay(Outcome::Accepted);
        assert_eq!(desk.told().len(), told);
    }
}

#[test]
fn a_down_that_is_refused_for_good_takes_its_recovery_along_and_is_counted() {
    let mut desk = Desk::new(RULES);
    desk.down("a", 1);
    desk.wait(10);
    desk.relay(Outcome::Refused);
    desk.recovered("a", 1, 60);
    desk.wait(100_000);
    assert_eq!(desk.relay(Outcome::Accepted), 0);
    desk.down("a", 2);
    desk.wait(10);
    desk.relay(Outcome::Accepted);
    assert_eq!(desk.accepted[0].1.withheld, Tally { lost: 1, ..Tally::default() });
}

#[test]
fn an_outage_that_goes_on_is_told_again_and_a_late_reminder_gives_way_to_the_recovery() {
    let mut desk = Desk::new(RULES);
    desk.down("a", 1);
    desk.wait(10);
    desk.relay(Outcome::Accepted);
    for _ in 0..3 {
        desk.wait(1000);
        desk.relay(Outcome::Accepted);
        desk.restart();
    }
    let reminders = [Kind::Reminder(1), Kind::Reminder(2), Kind::Reminder(3)];
    assert_eq!(desk.told()[1..], reminders);
    desk.wait(1000);
    desk.relay(Outcome::Later);
    desk.recovered("a", 1, 9000);
    desk.relay(Outcome::Accepted);
    assert_eq!(desk.told()[4..], [Kind::Recovered]);
    // Without reminders nothing ever comes.
    let mut desk = Desk::new(Rules { reminder: None, ..RULES });
    desk.down("a", 1);
    desk.wait(10);
    desk.relay(Outcome::Accepted);
    assert_eq!(desk.policy.due(desk.now), None);
}

#[test]
fn beyond_the_cap_whole_outages_are_withheld_and_a_summary_follows_when_the_hour_is_over() {
    let mut desk = Desk::new(Rules { hold: Duration::ZERO, per_hour: 5, ..RULES });
    for number in 1..=6 {
        desk.down("a", number);
        desk.relay(Outcome::Accepted);
        desk.recovered("a", number, 1);
        desk.relay(Outcome::Accepted);
        desk.wait(60);
    }
    use Kind::{Down, Recovered};
    assert_eq!(desk.told(), [Down, Recovered, Down, Recovered], "a fifth would be a DOWN alone");
    let due = desk.policy.due(desk.now).unwrap();
    assert_eq!(due, desk.accepted[0].0 + HOUR);
    desk.now = due;
    desk.relay(Outcome::Later);
    desk.wait(300);
    desk.relay(Outcome::Accepted);
    let (_, summary) = desk.accepted.last().unwrap();
    assert_eq!(summary.kind, Kind::Summary);
    assert_eq!(summary.withheld, Tally { capped: 4, ..Tally::default() });
    assert!(desk.spool.is_empty());
}

#[test]
fn an_outage_that_outlasts_the_cap_is_told_when_there_is_room() {
    let mut desk = Desk::new(Rules { hold: Duration::ZERO, per_hour: 2, reminder: None, ..RULES });
    desk.down("a", 1);
    desk.relay(Outcome::Accepted);
    desk.recovered("a", 1, 1);
    desk.relay(Outcome::Accepted);
    desk.wait(1);
    desk.down("a", 2);
    assert_eq!(desk.relay(Outcome::Accepted), 0);
    desk.now = desk.policy.due(desk.now).unwrap();
    assert_eq!(desk.relay(Outcome::Accepted), 1);
    assert_eq!(desk.told()[2..], [Kind::Down]);
    // The cap of one peer is no other's.
    desk.down("b", 1);
    assert_eq!(desk.relay(Outcome::Accepted), 1);
}

#[test]
fn hold_times_run_and_other_peers_are_told_while_a_relay_keeps_a_letter_waiting() {
    let mut desk = Desk::new(RULES);
    desk.down("a", 1);
    desk.wait(10);
    let job = desk.policy.next(desk.now).unwrap();
    desk.down("b", 1);
    desk.wait(9);
    desk.down("c", 1);
    assert_eq!(desk.policy.due(desk.now), Some(desk.now + Duration::from_secs(1)));
    desk.wait(2);
    assert_eq!(desk.policy.next(desk.now), None, "one at a time");
    assert!(desk.policy.due(desk.now).is_none_or(|due| due > desk.now), "nobody waits in a circle");
    desk.recovered("b", 1, 11);
    desk.answer(&job, Outcome::Later);
    desk.relay(Outcome::Accepted);
    let told: Vec<_> = desk.accepted.iter().map(|(_, it)| (&*it.peer, it.kind)).collect();
    assert_eq!(told, [("b", Kind::Down), ("b", Kind::Recovered)]);
}

#[test]
fn what_remains_of_the_hold_time_and_that_down_was_sent_survive_the_process() {
    let mut desk = Desk::new(RULES);
    desk.down("a", 1);
    desk.wait(6);
    for item in desk.policy.ticking().collect::<Vec<_>>() {
        desk.write(item);
    }
    desk.restart();
    assert_eq!(desk.policy.due(desk.now), Some(desk.now + Duration::from_secs(4)));
    desk.wait(4);
    desk.relay(Outcome::Accepted);
    desk.restart();
    desk.recovered("a", 1, 20);
    desk.relay(Outcome::Accepted);
    assert_eq!(desk.told(), [Kind::Down, Kind::Recovered]);
}

#[test]
fn events_that_come_again_after_a_crash_change_nothing() {
    let mut desk = Desk::new(RULES);
    let down = desk.down("a", 1);
    desk.wait(10);
    desk.relay(Outcome::Accepted);
    let up = desk.recovered("a", 1, 10);
    desk.restart();
    let again = |event: &Event| Event { redelivered: true, ..event.clone() };
    desk.give(&again(&down));
    desk.give(&again(&up));
    desk.relay(Outcome::Accepted);
    assert_eq!(desk.told(), [Kind::Down, Kind::Recovered]);
    desk.give(&again(&up));
    assert_eq!(desk.relay(Outcome::Accepted), 0, "without its DOWN it says nothing");
}

#[test]
fn when_too_many_wait_the_oldest_that_is_over_and_untold_gives_way_whole() {
    let mut desk = Desk::new(Rules { reminder: None, ..RULES });
    desk.down("open", 1);
    for number in 1..=3 {
        desk.down("over", number);
        desk.recovered("over", number, 100);
    }
    assert!(desk.policy.shed(|_| true));
    assert_eq!(desk.policy.take_shed(), ["over".into()]);
    desk.wait(10);
    desk.relay(Outcome::Accepted);
    let of_peer = |peer| desk.accepted.iter().filter(move |(_, it)| &*it.peer == peer);
    let numbers: Vec<_> = of_peer("over").map(|(_, it)| it.down.as_ref().unwrap().number).collect();
    assert_eq!(numbers, [2, 2, 3, 3]);
    assert_eq!(of_peer("open").count(), 1);
    assert_eq!(desk.accepted[0].1.withheld, Tally { lost: 1, ..Tally::default() });
    assert!(!desk.policy.shed(|_| true), "what was told is not dropped");
}

#[test]
fn more_outages_than_there_is_room_for_are_bounded_and_counted() {
    let mut desk = Desk::new(RULES);
    for number in 1..=(MOST as u64 + 50) {
        desk.down("a", number);
        desk.recovered("a", number, 100);
    }
    assert_eq!(desk.policy.take_shed().len(), 50);
    assert_eq!(desk.policy.tally(&"a".into()).unwrap().0.lost, 50);
}

/// One step of a random life.
#[derive(Clone, Debug)]
enum Step {
    /// The peer of this number goes down, or comes back.
    Turn(usize),
    Wait(u64),
    /// The relay answers one letter, or all that are due.
    Relay(Outcome, bool),
    Restart,
    /// The last events come again.
    Again(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        6 => Just(Outcome::Accepted), 3 => Just(Outcome::Later), 1 => Just(Outcome::Refused)
    ];
    prop_oneof![
        6 => (0..3_usize).prop_map(Step::Turn),
        3 => prop_oneof![0..15_u64, 100..2000_u64].prop_map(Step::Wait),
        4 => (outcome, any::<bool>()).prop_map(|(outcome, all)| Step::Relay(outcome, all)),
        1 => Just(Step::Restart),
        1 => (1..6_usize).prop_map(Step::Again),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Against bookkeeping that cannot be simpler: what happened, what was accepted, what is owed.
    #[test]
    fn every_outage_is_told_whole_and_in_order_or_counted(
        steps in prop::collection::vec(step(), 1..150),
        per_hour in 0..12_u32,
        hold in 0..20_u64,
    ) {
        let rules = Rules { hold: Duration::from_secs(hold), per_hour, ..RULES };
        let mut desk = Desk::new(rules);
        let peers = ["a", "b", "c"];
        let mut went_down = [None::<Time>; 3];
        let mut outages = [0_u64; 3];
        let mut history: Vec<Event> = Vec::new();
        let mut restarts = vec![Time::ZERO];
        let mut turn = |desk: &mut Desk, at: usize, history: &mut Vec<Event>| {
            history.push(match went_down[at].take() {
                None => {
                    outages[at] += 1;
                    went_down[at] = Some(desk.now);
                    desk.down(peers[at], outages[at])
                }
                Some(since) => {
                    desk.recovered(peers[at], outages[at], desk.now.since(since).as_secs())
                }
            });
            went_down[at].is_some()
        };
        for step in steps {
            match step {
                Step::Turn(at) => drop(turn(&mut desk, at, &mut history)),
                Step::Wait(secs) => desk.wait(secs),
                Step::Relay(outcome, true) => drop(desk.relay(outcome)),
                Step::Relay(outcome, false) => {
                    if let Some(job) = desk.policy.next(desk.now) {
                        desk.answer(&job, outcome);
                    }
                }
                Step::Restart => {
                    desk.restart();
                    restarts.push(desk.now);
                }
                Step::Again(count) => {
                    // Recorded are all of these; a cursor that lags brings the last ones again.
                    let from = history.len().saturating_sub(count);
                    let known = |event: &&Event| desk.policy.accounts.get(event.peer.as_ref().unwrap())
                        .is_some_and(|account| account.has_seen(event.epoch, event.id));
                    let again: Vec<_> = history[from..].iter().filter(known).cloned().collect();
                    again.iter().for_each(|event| desk.give(event));
                }
            }
        }
        // In the end everybody is back, and the relay takes everything.
        for at in 0..3 {
            if turn(&mut desk, at, &mut history) {
                turn(&mut desk, at, &mut history);
            }
        }
        for _ in 0..2000 {
            desk.relay(Outcome::Accepted);
            let Some(due) = desk.policy.due(desk.now) else { break };
            prop_assert!(due > desk.now, "it is never due and idle");
            desk.now = due;
        }
        prop_assert!(desk.policy.outages.is_empty());
        for (at, peer) in peers.iter().enumerate() {
            let letters: Vec<_> =
                desk.accepted.iter().filter(|(_, letter)| &*letter.peer == *peer).collect();
            let mut open: Option<u64> = None;
            let mut told = 0;
            let mut reminders = 0;
            let mut counted = 0;
            for (_, letter) in &letters {
                counted += u64::from(letter.withheld.total());
                let number = letter.down.as_ref().map(|down| down.number);
                match letter.kind {
                    Kind::Down => {
                        // A RECOVERED that was refused for good leaves its DOWN alone.
                        prop_assert!(number > open);
                        open = number;
                        reminders = 0;
                        told += 1;
                    }
                    Kind::Reminder(nth) => {
                        prop_assert_eq!(open, number);
                        reminders += 1;
                        prop_assert_eq!(nth, reminders);
                    }
                    Kind::Recovered => {
                        prop_assert_eq!(open, number, "RECOVERED follows its own DOWN");
                        prop_assert!(letter.up.is_some());
                    }
                    Kind::Summary => {}
                }
            }
            let left = desk.policy.tally(&(*peer).into()).map_or(0, |(tally, _)| tally.total());
            prop_assert_eq!(told + counted + u64::from(left), outages[at], "{}", peer);
            // The cap holds within one life of the process.
            let cap = usize::try_from(per_hour.max(2)).unwrap();
            for (start, _) in &letters {
                let lives = restarts.iter().filter(|at| **at >= *start && **at <= *start + HOUR);
                let within = letters.iter().filter(|(at, _)| at >= start && *at < *start + HOUR);
                prop_assert!(within.count() <= cap * (1 + lives.count()));
            }
        }
    }
}

#[test]
fn a_letter_that_was_on_its_way_when_it_was_prodded_is_tried_once_more_at_once() {
    let mut desk = Desk::new(RULES);
    desk.down("a", 1);
    desk.wait(10);
    let job = desk.policy.next(desk.now).unwrap();
    desk.policy.prod(desk.now);
    assert_eq!(desk.policy.next(desk.now), None, "it is on its way");
    desk.answer(&job, Outcome::Later);
    assert_eq!(
        desk.relay(Outcome::Later),
        1,
        "it had set out before, and the relay was not well then"
    );
    assert_eq!(desk.relay(Outcome::Later), 0, "but once");
    assert_eq!(desk.policy.waiting(), 1);
}

#[test]
fn a_prod_makes_everything_due_that_relays_did_not_take_and_nothing_else() {
    let mut desk = Desk::new(RULES);
    desk.down("a", 1);
    desk.wait(10);
    for _ in 0..6 {
        assert_eq!(desk.relay(Outcome::Later), 1);
        desk.wait(100_000);
    }
    assert_eq!(desk.relay(Outcome::Later), 1);
    desk.down("held", 1);
    assert_eq!(desk.policy.next(desk.now), None, "it is waited with");
    assert_eq!(desk.policy.waiting(), 1);
    desk.policy.prod(desk.now);
    desk.recovered("held", 1, 1);
    assert_eq!(desk.relay(Outcome::Later), 1, "the one that is held is not hurried");
    let first = desk.policy.due(desk.now).unwrap();
    assert!(first.since(desk.now) < Duration::from_secs(100), "the waits begin anew");
    desk.policy.prod(desk.now);
    desk.relay(Outcome::Accepted);
    assert_eq!((desk.told(), desk.policy.waiting()), (vec![Kind::Down], 0));
    // Nothing waits: nothing happens.
    desk.policy.prod(desk.now);
    assert_eq!(desk.policy.next(desk.now), None);
}
