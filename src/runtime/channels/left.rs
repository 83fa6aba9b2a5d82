//! What an earlier life left to do, by what the status file remembers.

use crate::notify::queue::told;
use crate::proto::event::{Event, EventKind, Telling};
use crate::runtime::shared::Shared;
use crate::status::file::Image;

/// How far a channel was; one that is new begins with what happens from now on.
pub fn cursor(image: Option<&Image>, name: &str) -> u64 {
    let Some(image) = image else { return 0 };
    let known = image.cursors.iter().find(|(known, _)| known == name);
    known.map_or(image.memory.last_id, |(_, id)| *id)
}

/// Says so if the ring no longer reaches back to where a channel was.
pub fn warn_of_gap(shared: &Shared, image: Option<&Image>, name: &str, position: u64) {
    if let Some(first) = first_after_gap(image, position) {
        shared.logger.warn(format_args!(
            "channel {name}: it was done with event {position}, and the status file reaches back to \
             event {first} only: what came in between is not told"
        ));
    }
}

/// The oldest event that is still known, if older ones were overwritten that are newer than `position`.
fn first_after_gap(image: Option<&Image>, position: u64) -> Option<u64> {
    let image = image.filter(|image| !image.complete)?;
    // Ids have gaps, so that a neighbour cannot be told; the position itself is in the ring, or before.
    image.events.first().map(|first| first.id).filter(|first| *first > position)
}

/// What a channel that was done with everything up to `position` has to do still.
pub fn undone(image: Option<&Image>, position: u64) -> Vec<Event> {
    // What was withheld before the position may be counted into an event after it.
    let all = recorded(image).iter().cloned();
    let mut told = told(all.map(|event| Event { redelivered: true, ..event }));
    told.retain(|event| event.id > position);
    told
}

/// The ends of outages that were withheld and that no event has told of: the next one of the peer is to.
pub fn uncounted(image: Option<&Image>) -> impl Iterator<Item = &Event> {
    let all = recorded(image);
    let is_withheld = |event: &Event| event.telling == Telling::Withheld;
    let is_counted = move |event: &Event| {
        let later = all.iter().filter(|later| later.id > event.id && !is_withheld(later));
        later.clone().any(|later| later.peer == event.peer)
    };
    all.iter().filter(move |event| {
        is_withheld(event) && event.kind == EventKind::Recovered && !is_counted(event)
    })
}

fn recorded(image: Option<&Image>) -> &[Event] {
    image.map_or(&[], |image| &image.events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::queue::tests::event;
    use crate::proto::event::EventKind::{Down, Recovered};
    use crate::proto::memory::Memory;
    use crate::status::file::Life;

    fn image(events: Vec<Event>) -> Image {
        Image {
            group: "g".into(),
            name: "a".into(),
            memory: Memory::default(),
            events,
            complete: true,
            cursors: Vec::new(),
            spool: Vec::new(),
            life: Life::default(),
        }
    }

    #[test]
    fn a_ring_that_no_longer_reaches_back_to_a_channel_is_noticed() {
        let whole = image(vec![event(500, Down, Some("x"))]);
        let torn = Image { complete: false, ..whole.clone() };
        assert_eq!(first_after_gap(Some(&torn), 100), Some(500));
        assert_eq!(first_after_gap(Some(&torn), 500), None);
        assert_eq!(first_after_gap(Some(&whole), 100), None);
        assert_eq!(first_after_gap(None, 100), None);
    }

    #[test]
    fn outages_that_were_withheld_are_counted_across_a_restart() {
        let withheld =
            |id, kind, peer| Event { telling: Telling::Withheld, ..event(id, kind, Some(peer)) };
        let image = image(vec![
            withheld(1, Down, "x"),
            withheld(2, Recovered, "x"),
            event(3, Down, Some("y")),
            event(4, Down, Some("x")),
            withheld(5, Down, "y"),
            withheld(6, Recovered, "y"),
        ]);
        let merged = |position| {
            let undone = undone(Some(&image), position);
            undone.iter().map(|event| (event.id, event.merged)).collect::<Vec<_>>()
        };
        assert_eq!(merged(0), [(3, 0), (4, 1)]);
        assert_eq!(merged(3), [(4, 1)], "what was withheld before the cursor counts");
        let ids: Vec<_> = uncounted(Some(&image)).map(|event| event.id).collect();
        assert_eq!(ids, [6]);
    }
}
