//! The words of a letter: reasons, evidence, dates and spans as people read them.

use core::fmt::Write;
use core::time::Duration;

use crate::notify::json::event_key;
use crate::notify::mail::outage::Facts;
use crate::notify::sink::Identity;
use crate::proto::event::Reason;
use crate::proto::time::Wall;

pub(super) fn judged_by(
    text: &mut String,
    what: &str,
    facts: &Facts,
    by: &Identity,
) -> core::fmt::Result {
    let Identity { group, name } = by;
    writeln!(text, "{what} by {name}, of the group {group}, at {}.\n", date(facts.judged))
}

pub(super) fn because(text: &mut String, peer: &str, down: &Facts) -> core::fmt::Result {
    let why = match down.reason {
        Reason::Silent => "its heartbeats stopped",
        Reason::ProcessExit => "its process ended without a graceful end",
        Reason::Unreachable => "neither its process nor its machine answers",
        Reason::Hung => "its machine answers, its process does not",
        Reason::AppStalled => "it says itself that its application makes no progress",
        Reason::Restarted => "it was restarted without a graceful end, quicker than it was missed",
        Reason::OwnLateness => "it was silent, and this server itself was late",
        reason => return writeln!(text, "Why: {}.\n", reason.name()),
    };
    write!(text, "Why: {why} ({}).", down.reason.name())?;
    if let Some(activity) = &down.activity {
        let what = match down.reason {
            Reason::ProcessExit => "How it ended",
            _ => "What stands still",
        };
        write!(text, "\n{what} at {peer}: {}.", one_line(activity))?;
    }
    text.push_str("\n\n");
    Ok(())
}

pub(super) fn evidence(text: &mut String, down: &Facts) -> core::fmt::Result {
    let evidence = &down.evidence;
    let heard = down.last_heard.map_or_else(|| "never".to_owned(), date);
    row(text, "last heard", &heard)?;
    let spans = [
        ("silent until judged", down.outage),
        ("announced interval", evidence.interval),
        ("deadline after last heard", evidence.deadline),
        ("round trip", evidence.round_trip),
        ("this server was late by", evidence.own_lateness),
    ];
    for (what, long) in spans.into_iter().filter(|(_, long)| !long.is_zero()) {
        row(text, what, &span(long))?;
    }
    row(text, "heartbeats missed", &evidence.misses.to_string())?;
    let link = if evidence.own_link { "DOWN" } else { "up, as far as is known" };
    row(text, "own link towards it", link)?;
    text.push('\n');
    Ok(())
}

/// What the evidence does not say, so that nobody reads it into it.
pub(super) fn unknown(text: &mut String, peer: &str, down: &Facts) -> core::fmt::Result {
    writeln!(text, "What is not known here:\n")?;
    if down.evidence.since_restart {
        writeln!(
            text,
            "- Nothing was heard of {peer} since this monitor's own restart. It may have ended\n\
             \x20 gracefully in between."
        )?;
    }
    if down.evidence.own_link {
        writeln!(text, "- Whether {peer} fails at all: this server's own link or route was down.")?;
    }
    match down.reason {
        Reason::Silent => writeln!(text, "- Whether it crashed, froze, or was cut off.")?,
        Reason::ProcessExit if down.activity.is_some() => writeln!(text, "- Why it ended.")?,
        Reason::ProcessExit => writeln!(text, "- Why it ended: crash, kill and abort look alike.")?,
        Reason::Unreachable => writeln!(
            text,
            "- Whether the server is down or only the way to it: others may still reach it."
        )?,
        Reason::Hung => writeln!(
            text,
            "- Whether it will go on: a process that is frozen, stopped, starved, or writing a\n\
             \x20 core dump looks the same."
        )?,
        Reason::AppStalled => {
            writeln!(text, "- Why: its process runs, as its heartbeats show; its work does not.")?;
        }
        _ => {}
    }
    writeln!(
        text,
        "- Whether it is safe to take over: in a partition each side may hold the other for\n\
         \x20 down. Start no second writer on the strength of this mail alone.\n"
    )
}

pub(super) fn recovery(reason: Reason) -> &'static str {
    match reason {
        Reason::Restarted => "it was started again (RESTARTED)",
        Reason::Reconnected => {
            "the same process answers; the way to it was cut and healed (RECONNECTED)"
        }
        Reason::Resumed => "the same process answers, and says that it stood still (RESUMED)",
        Reason::FalseAlarm => "the same process answers, and was only late (FALSE_ALARM)",
        Reason::EndedLate => "it had ended gracefully, and its word came late (ENDED_LATE)",
        Reason::Removed => "it was removed from the configuration, here or there (REMOVED)",
        _ => "it answers again",
    }
}

pub(super) fn signature(text: &mut String, facts: &Facts) -> core::fmt::Result {
    writeln!(text, "Event {}", event_key(facts.epoch, facts.id))?;
    writeln!(text, "Outage {} of this peer, incarnation {:016x}", facts.number, facts.incarnation)
}

pub(super) fn row(text: &mut String, what: &str, value: &str) -> core::fmt::Result {
    writeln!(text, "  {what:<26} {value}")
}

pub(super) fn length(up: &Facts) -> String {
    let about = if up.approximate { "about " } else { "" };
    format!("{about}{}", span(up.outage))
}

/// By the wall clock, for people; `None` if that was set back.
pub(super) fn length_so_far(down: &Facts, now: Wall) -> Option<Duration> {
    let since = u64::try_from(now.0.checked_sub(down.judged.0)?).ok()?;
    Some(Duration::from_nanos(since).saturating_add(down.outage))
}

pub(super) fn outages(count: u32) -> String {
    if count == 1 { "1 outage".to_owned() } else { format!("{count} outages") }
}

/// `process exit`.
pub(super) fn brief_reason(reason: Reason) -> String {
    reason.name().to_ascii_lowercase().replace('_', " ")
}

/// `2026-11-27 02:30:37 UTC`.
pub(super) fn date(at: Wall) -> String {
    let text = at.to_string();
    let part = |range| text.get(range).unwrap_or_default();
    format!("{} {} UTC", part(0..10), part(11..19))
}

/// A span with two units or three figures.
pub(super) fn span(long: Duration) -> String {
    let (secs, micros) = (long.as_secs(), long.as_micros());
    match secs {
        0 if micros < 10_000 => format!("{}.{:02} ms", micros / 1000, micros % 1000 / 10),
        0 => format!("{} ms", long.as_millis()),
        1..60 if long.subsec_millis() < 10 => format!("{secs} s"),
        1..60 => format!("{secs}.{:02} s", long.subsec_millis() / 10),
        60..3600 => format!("{} min {} s", secs / 60, secs % 60),
        3600..86_400 => format!("{} h {} min", secs / 3600, secs / 60 % 60),
        _ => format!("{} d {} h", secs / 86_400, secs / 3600 % 24),
    }
}

/// Free text of others, which must not begin a new line.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
