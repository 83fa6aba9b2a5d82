//! What a run is given: the event, as variables and as one line of JSON.
//!
//! The host's own environment is not passed on. Reading it from another thread races with the host's
//! `setenv`, and what is in it concerns the host.

use std::ffi::CString;

use super::super::json;
use super::super::sink::Identity;
use super::super::words;
use crate::proto::event::{Event, Telling};

/// The same for every run.
const FIXED: [(&str, &str); 3] = [
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("LANG", "C"),
    ("HOME", "/"),
];

/// All variables of the run for `event`.
pub(super) fn variables(event: &Event, identity: &Identity) -> Vec<CString> {
    let flag = |on: bool| String::from(if on { "1" } else { "0" });
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let state = if event.peer.is_some() { event.state.name() } else { "" };
    let own = [
        ("EVENT_ID", json::event_key(event.epoch, event.id)),
        ("EPOCH", format!("{:016x}", event.epoch)),
        ("NUMBER", event.id.to_string()),
        ("KIND", event.kind.name().to_owned()),
        ("REASON", event.reason.name().to_owned()),
        ("PEER", text(event.peer.as_deref())),
        ("STATE", state.to_owned()),
        ("INCARNATION", format!("{:016x}", event.incarnation)),
        ("JUDGED_AT", event.judged.to_string()),
        ("LAST_HEARD_AT", event.last_heard.map(|at| at.to_string()).unwrap_or_default()),
        ("OUTAGE_SECONDS", format!("{:.3}", event.outage.as_secs_f64())),
        ("OUTAGE_NUMBER", event.outage_number.to_string()),
        ("OUTAGE_APPROXIMATE", flag(event.approximate)),
        ("ACTIVITY", text(event.activity.as_deref())),
        ("DETAIL", text(event.detail.as_deref())),
        ("SERVER", identity.name.clone()),
        ("GROUP", identity.group.clone()),
        ("MERGED", event.merged.to_string()),
        ("REDELIVERED", flag(event.redelivered)),
        ("UNRECORDED", flag(event.unrecorded)),
        ("TOLD_LATE", flag(event.telling == Telling::AfterRest)),
        ("TEXT", words::line(event)),
    ];
    let fixed = FIXED.iter().map(|(name, value)| format!("{name}={value}"));
    fixed.chain(own.iter().map(|(name, value)| format!("PEERMON_{name}={value}"))).map(c).collect()
}

/// The event as one line.
pub(super) fn line(event: &Event) -> Vec<u8> {
    format!("{}\n", json::event(event)).into_bytes()
}

/// For a program. A peer may say the character 0 in a name; programs end there.
pub(super) fn c(text: String) -> CString {
    let text: Vec<u8> = text.into_bytes().into_iter().filter(|byte| *byte != 0).collect();
    CString::new(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::queue::tests::event;
    use crate::proto::event::EventKind;

    #[test]
    fn a_run_knows_everything_of_its_event_and_nothing_of_the_host() {
        let identity = Identity { group: "g".into(), name: "orders".into() };
        let mut down = event(7, EventKind::Down, Some("billing"));
        (down.epoch, down.merged, down.redelivered) = (0xab, 2, true);
        down.outage = core::time::Duration::from_millis(1500);
        down.activity = Some("a\0b".into());
        let all: Vec<String> =
            variables(&down, &identity).into_iter().map(|v| v.into_string().unwrap()).collect();
        for wanted in [
            "LANG=C",
            "PEERMON_EVENT_ID=00000000000000ab-7",
            "PEERMON_KIND=DOWN",
            "PEERMON_PEER=billing",
            "PEERMON_OUTAGE_SECONDS=1.500",
            "PEERMON_SERVER=orders",
            "PEERMON_GROUP=g",
            "PEERMON_MERGED=2",
            "PEERMON_REDELIVERED=1",
            "PEERMON_ACTIVITY=ab",
            "PEERMON_LAST_HEARD_AT=",
        ] {
            assert!(all.iter().any(|variable| variable == wanted), "{wanted}: {all:?}");
        }
        let ours = |variable: &&String| variable.starts_with("PEERMON_");
        assert_eq!(all.iter().filter(|variable| !ours(variable)).count(), FIXED.len());
        let own = variables(&event(1, EventKind::SelfStalled, None), &identity);
        assert!(own.contains(&c"PEERMON_PEER=".to_owned()));
        assert!(own.contains(&c"PEERMON_STATE=".to_owned()));
        assert_eq!(line(&down).iter().filter(|byte| **byte == b'\n').count(), 1);
    }
}
