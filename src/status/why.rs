//! Why a peer is in its state, in a sentence with the numbers behind it, for people.

use core::fmt::Write;
use core::time::Duration;

use crate::proto::event::Reason;
use crate::proto::peer::view::{
    FLAG_HELD_DOWN, FLAG_KEY_MISMATCH, FLAG_NAME_CONFLICT, FLAG_ONE_WAY, FLAG_QOS_UNMET,
    FLAG_UNCONFIRMED, State, View,
};

/// What the state of a peer rests on.
pub fn why(view: &View) -> String {
    let mut text = String::with_capacity(160);
    text.push_str(&verdict(view));
    if matches!(view.state, State::Down | State::Overdue) {
        add_evidence(&mut text, view);
    }
    for (flag, says) in REMARKS {
        if view.flags & flag != 0 {
            let _ = write!(text, " {says}");
        }
    }
    if view.paths > 1 && view.state == State::Up {
        let _ =
            write!(text, " {} of its {} addresses carry.", view.paths_up.count_ones(), view.paths);
    }
    if view.resting {
        text.push_str(" It goes up and down so often that its notices rest.");
    }
    text
}

/// What is true beside the state.
const REMARKS: [(u32, &str); 6] = [
    (FLAG_UNCONFIRMED, "This is from before this monitor's own start, and not confirmed yet."),
    (FLAG_HELD_DOWN, "That peer holds this server for down."),
    (FLAG_ONE_WAY, "It is heard, but does not hear this server."),
    (FLAG_KEY_MISMATCH, "Somebody speaks in its name under another key."),
    (FLAG_NAME_CONFLICT, "Two processes claim its name."),
    (FLAG_QOS_UNMET, "The detection that was asked for cannot be had."),
];

fn verdict(view: &View) -> String {
    match view.state {
        State::Unknown => "It was never heard, so nothing is known of it.".into(),
        State::Up => up(view.reason).into(),
        State::Down => down(view),
        State::Paused => {
            format!("It announced a pause; {} of it remain.", span(view.pause_remaining))
        }
        State::Overdue => "The pause that it announced ran out, and it is not back.".into(),
        State::Ended if view.reason == Reason::Removed => "It was removed.".into(),
        State::Ended if view.reason == Reason::MonitorFailed => {
            "Its monitor gave up; its application may live.".into()
        }
        State::Ended => "It ended gracefully.".into(),
    }
}

fn up(reason: Reason) -> &'static str {
    match reason {
        Reason::Restarted => "Its heartbeats arrive; it is back as a new process.",
        Reason::Reconnected => {
            "Its heartbeats arrive; it is the same process, and the path healed."
        }
        Reason::Resumed => "Its heartbeats arrive; it says that it had stood still.",
        Reason::FalseAlarm => "Its heartbeats arrive; the last alarm was false, it was only late.",
        _ => "Its heartbeats arrive.",
    }
}

fn down(view: &View) -> String {
    match view.reason {
        Reason::ProcessExit => match &view.detail {
            Some(how) => format!("Its process ended without a graceful end: {how}."),
            None => "Its process ended without a graceful end.".into(),
        },
        Reason::Hung => {
            "Its machine answers, its process does not: frozen, stopped or starved.".into()
        }
        Reason::Unreachable if view.evidence.own_link => {
            "It cannot be reached; this server's own link or route towards it is down.".into()
        }
        Reason::Unreachable => {
            "Neither its process nor its machine answers: cut off, powerless, or behind a firewall."
                .into()
        }
        Reason::AppStalled => match &view.activity {
            Some(activity) => format!("It says itself that its {activity:?} makes no progress."),
            None => "It says itself that its application makes no progress.".into(),
        },
        Reason::Restarted => "It was started anew without having ended gracefully.".into(),
        _ => "Its heartbeats stopped; whether by a crash, a freeze or a cut cannot be told.".into(),
    }
}

fn add_evidence(text: &mut String, view: &View) {
    let evidence = &view.evidence;
    // Where something else spoke, the deadline was not what decided.
    let silent =
        !matches!(view.reason, Reason::ProcessExit | Reason::AppStalled | Reason::Restarted);
    if silent && !evidence.deadline.is_zero() {
        let _ = write!(
            text,
            " The deadline was {} after its last sign of life",
            span(evidence.deadline)
        );
        if !evidence.interval.is_zero() {
            let _ = write!(text, ", it had announced one every {}", span(evidence.interval));
        }
        text.push('.');
    }
    if evidence.misses > 0 {
        let _ = write!(text, " Heartbeats that were due and did not arrive: {}.", evidence.misses);
    }
    if !evidence.own_lateness.is_zero() {
        let _ = write!(text, " This monitor itself was {} late.", span(evidence.own_lateness));
    }
    if evidence.since_restart {
        text.push_str(
            " It was not heard since this monitor's own restart: it may have ended gracefully meanwhile.",
        );
    }
}

/// A span as people say it.
fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 if span < Duration::from_millis(10) => format!("{:.1} ms", span.as_secs_f64() * 1e3),
        0 => format!("{} ms", span.as_millis()),
        1..120 => format!("{:.1} s", span.as_secs_f64()),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_comes_with_its_numbers_and_what_is_true_beside_it() {
        let mut view = View::bare("billing".into());
        assert_eq!(why(&view), "It was never heard, so nothing is known of it.");
        (view.state, view.reason) = (State::Down, Reason::Silent);
        view.evidence.deadline = Duration::from_secs(1);
        view.evidence.interval = Duration::from_millis(200);
        view.evidence.misses = 4;
        view.flags = FLAG_KEY_MISMATCH;
        assert_eq!(
            why(&view),
            "Its heartbeats stopped; whether by a crash, a freeze or a cut cannot be told. The \
             deadline was 1.0 s after its last sign of life, it had announced one every 200 ms. \
             Heartbeats that were due and did not arrive: 4. Somebody speaks in its name under \
             another key."
        );
    }

    #[test]
    fn every_state_and_reason_has_a_sentence() {
        for state in State::ALL {
            for reason in Reason::ALL {
                let view = View { state, reason, ..View::bare("a".into()) };
                assert!(why(&view).ends_with('.'), "{state:?} {reason:?}");
            }
        }
    }
}
