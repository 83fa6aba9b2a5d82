//! Whatever is withheld and however slowly the host reads: paths take turns, and every pair that
//! was not told is counted once.

use core::net::SocketAddr;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::queue::queue;
use super::queue::tests::event;
use crate::proto::event::EventKind::{Down, NotSeen, PathDown, PathUp, Recovered, Started};
use crate::proto::event::{Event, EventKind, EventPath, Telling};

fn on_path(id: u64, kind: EventKind, number: u8) -> Event {
    let address = SocketAddr::from(([10, number, 0, 2], 28170));
    Event { path: Some(EventPath { number, address }), ..event(id, kind, Some("b")) }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// An outage begins or ends; it is withheld, or told late, by these choices.
    Outage {
        withheld: bool,
        late: bool,
    },
    /// A path falls silent or carries again.
    Path(u8),
    Read(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => any::<(bool, bool)>().prop_map(|(withheld, late)| Step::Outage { withheld, late }),
        3 => (0_u8..3).prop_map(Step::Path),
        1 => (0_usize..5).prop_map(Step::Read),
    ];
    prop::collection::vec(step, 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn paths_and_outages_take_turns_and_what_is_not_told_is_counted(
        steps in steps(),
        capacity in 1_usize..6,
    ) {
        let (mut producer, consumer) = queue(capacity);
        let mut read: Vec<Event> = Vec::new();
        let mut paths: BTreeMap<u8, bool> = BTreeMap::new();
        // The open outage, and whether it is withheld.
        let mut open: Option<(Event, bool)> = None;
        let (mut id, mut outages, mut turns) = (1, 0, 0);
        producer.push(event(id, Started, Some("b")));
        for step in steps {
            id += 1;
            match step {
                Step::Outage { withheld, late } => match open.take() {
                    None => {
                        let telling = if withheld { Telling::Withheld } else { Telling::Now };
                        let down = Event { telling, ..event(id, Down, Some("b")) };
                        producer.push(down.clone());
                        open = Some((down, withheld));
                    }
                    Some((down, true)) if late => {
                        producer.push(Event { telling: Telling::AfterRest, ..down.clone() });
                        open = Some((down, false));
                    }
                    Some((_, withheld)) => {
                        let telling = if withheld { Telling::Withheld } else { Telling::Now };
                        producer.push(Event { telling, ..event(id, Recovered, Some("b")) });
                        outages += 1;
                    }
                },
                Step::Path(number) => {
                    let down = paths.entry(number).or_default();
                    *down = !*down;
                    turns += usize::from(!*down);
                    let kind = if *down { PathDown } else { PathUp };
                    producer.push(on_path(id, kind, number));
                }
                Step::Read(count) => {
                    read.extend(core::iter::from_fn(|| consumer.pop()).take(count));
                    producer.flush();
                }
            }
        }
        loop {
            let more = producer.flush();
            read.extend(core::iter::from_fn(|| consumer.pop()));
            if !more {
                break;
            }
        }
        producer.push(event(id + 1, NotSeen, Some("b")));
        read.extend(core::iter::from_fn(|| consumer.pop()));

        let mut told = 0;
        for (number, down) in &paths {
            let of_this = |e: &&Event| e.path.is_some_and(|path| path.number == *number);
            let kinds: Vec<_> = read.iter().filter(of_this).map(|e| e.kind).collect();
            for (at, kind) in kinds.iter().enumerate() {
                prop_assert_eq!(*kind, if at % 2 == 0 { PathDown } else { PathUp });
            }
            prop_assert_eq!(kinds.len() % 2 == 1, *down);
            told += kinds.len() / 2;
        }
        let kinds: Vec<_> =
            read.iter().map(|e| e.kind).filter(|kind| matches!(kind, Down | Recovered)).collect();
        for (at, kind) in kinds.iter().enumerate() {
            prop_assert_eq!(*kind, if at % 2 == 0 { Down } else { Recovered });
        }
        let held_down = open.is_some_and(|(_, withheld)| !withheld);
        prop_assert_eq!(kinds.len() % 2 == 1, held_down);
        let counted: u32 = read.iter().map(|e| e.merged).sum();
        prop_assert_eq!(told + kinds.len() / 2 + counted as usize, turns + outages);
    }
}

#[test]
fn a_withheld_outage_is_counted_in_the_next_event_when_it_is_over() {
    let (mut producer, consumer) = queue(8);
    let withheld = |id, kind| Event { telling: Telling::Withheld, ..event(id, kind, Some("b")) };
    producer.push(withheld(1, Down));
    producer.push(on_path(2, PathDown, 1));
    producer.push(withheld(3, Recovered));
    producer.push(withheld(4, EventKind::Late));
    producer.push(on_path(5, PathUp, 1));
    let told: Vec<_> = core::iter::from_fn(|| consumer.pop()).map(|e| (e.id, e.merged)).collect();
    assert_eq!(told, [(2, 0), (5, 1)]);
}
