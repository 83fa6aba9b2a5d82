//! One readable line per event and per interrupt.

use core::fmt::Write;
use core::time::Duration;

use crate::proto::event::{Event, EventKind, Interrupt, InterruptKind, Reason, Telling};

/// The constant of the C interface without its prefix: `APP_STALLED`.
pub const fn interrupt_name(kind: InterruptKind) -> &'static str {
    match kind {
        InterruptKind::AppStalled => "APP_STALLED",
        InterruptKind::StopRequested => "STOP_REQUESTED",
        InterruptKind::StartRequested => "START_REQUESTED",
        InterruptKind::ReloadRequested => "RELOAD_REQUESTED",
        InterruptKind::Takeover => "TAKEOVER",
        InterruptKind::Failed => "FAILED",
    }
}

/// An interrupt with what it is about, for a log.
pub fn interrupt_line(interrupt: &Interrupt) -> String {
    let mut line = format!("interrupt {}", interrupt_name(interrupt.kind));
    if let Some(name) = &interrupt.activity {
        let _ = write!(line, ": activity {name:?}");
    }
    if let Some(Event { peer: Some(peer), id, .. }) = &interrupt.down {
        let _ = write!(line, ": {peer} is down [event {id}]");
    }
    line
}

/// An event with the numbers behind it, for a log.
pub fn line(event: &Event) -> String {
    let mut line = String::with_capacity(160);
    // Writing to a String cannot fail.
    let _ = write_event(&mut line, event);
    line
}

fn write_event(line: &mut String, event: &Event) -> core::fmt::Result {
    line.push_str(event.kind.name());
    if let Some(peer) = &event.peer {
        write!(line, " {peer}")?;
    }
    if let Some(path) = event.path {
        write!(line, " path {} at {}", path.number, path.address)?;
    }
    if event.reason != Reason::None {
        write!(line, " ({})", event.reason.name())?;
    }
    if let Some(activity) = &event.activity {
        write!(line, " activity {activity:?}")?;
    }
    if let Some(detail) = &event.detail {
        write!(line, ": {detail}")?;
    }
    let evidence = &event.evidence;
    let spans = [
        (if event.kind == EventKind::Down { "silent for" } else { "outage" }, event.outage),
        ("interval", evidence.interval),
        ("deadline", evidence.deadline),
        ("own lateness", evidence.own_lateness),
        ("round trip", evidence.round_trip),
    ];
    let mut separator = ": ";
    for (what, span) in spans.into_iter().filter(|(_, span)| !span.is_zero()) {
        write!(line, "{separator}{what} {}", brief(span))?;
        separator = ", ";
    }
    if evidence.misses > 0 {
        write!(line, "{separator}{} missed", evidence.misses)?;
        separator = ", ";
    }
    if evidence.own_link {
        write!(line, "{separator}own link down")?;
        separator = ", ";
    }
    if event.outages > 0 {
        write!(line, "{separator}{} outages, its notices rest", event.outages)?;
        separator = ", ";
    }
    match event.telling {
        Telling::Now => {}
        Telling::Withheld => {
            write!(line, "{separator}not told, its notices rest")?;
            separator = ", ";
        }
        Telling::AfterRest => {
            write!(line, "{separator}told late, it outlasted the rest")?;
            separator = ", ";
        }
    }
    if event.incarnation != 0 {
        write!(line, "{separator}incarnation {:016x}", event.incarnation)?;
    }
    write!(line, " [event {}]", event.id)
}

/// A span with three to four figures and a unit.
fn brief(span: Duration) -> String {
    let micros = span.as_micros();
    match micros {
        0..1_000 => format!("{micros} us"),
        1_000..10_000 => format!("{}.{} ms", micros / 1_000, micros / 100 % 10),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{}.{:02} s", span.as_secs(), span.subsec_millis() / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::queue::tests::event;
    use crate::proto::event::EventPath;

    #[test]
    fn an_event_reads_as_one_line_with_its_evidence() {
        let mut down = event(7, EventKind::Down, Some("billing"));
        down.reason = Reason::Silent;
        down.outage = Duration::from_micros(1_021_500);
        down.evidence.interval = Duration::from_millis(200);
        down.evidence.deadline = Duration::from_secs(1);
        down.evidence.round_trip = Duration::from_micros(314);
        down.evidence.misses = 4;
        down.incarnation = 0xabc;
        assert_eq!(
            line(&down),
            "DOWN billing (SILENT): silent for 1.02 s, interval 200 ms, deadline 1.00 s, \
             round trip 314 us, 4 missed, incarnation 0000000000000abc [event 7]"
        );
    }

    #[test]
    fn an_event_of_a_path_names_it_and_one_that_is_not_told_says_so() {
        let address = "10.1.0.2:28170".parse().unwrap();
        let mut lost = event(3, EventKind::PathDown, Some("billing"));
        lost.path = Some(EventPath { number: 1, address });
        assert_eq!(line(&lost), "PATH_DOWN billing path 1 at 10.1.0.2:28170 [event 3]");
        let mut flapping = event(4, EventKind::Flapping, Some("billing"));
        flapping.outages = 5;
        assert_eq!(line(&flapping), "FLAPPING billing: 5 outages, its notices rest [event 4]");
        let mut down = event(5, EventKind::Down, Some("billing"));
        down.telling = Telling::Withheld;
        assert_eq!(line(&down), "DOWN billing: not told, its notices rest [event 5]");
    }

    #[test]
    fn an_activity_that_stands_still_is_named() {
        let mut down = event(6, EventKind::Down, Some("billing"));
        (down.reason, down.activity) = (Reason::AppStalled, Some("nightly run".into()));
        assert_eq!(line(&down), "DOWN billing (APP_STALLED) activity \"nightly run\" [event 6]");
        let own = Interrupt::about_self(InterruptKind::AppStalled, Some("import".into()));
        assert_eq!(interrupt_line(&own), "interrupt APP_STALLED: activity \"import\"");
        let takeover = Interrupt::takeover(down);
        assert_eq!(interrupt_line(&takeover), "interrupt TAKEOVER: billing is down [event 6]");
    }

    #[test]
    fn an_event_without_numbers_is_short() {
        assert_eq!(line(&event(1, EventKind::SelfConnected, None)), "SELF_CONNECTED [event 1]");
    }
}
