//! What went wrong with datagrams, at most once per second: bad input must not fill a log.

use core::fmt::Write;
use core::time::Duration;

use crate::notify::log::{DEBUG, Logger, WARN};
use crate::proto::machine::Counters;
use crate::proto::time::Time;
use crate::runtime::lines::LineCounters;
use crate::status::statistics::Counted;

/// So many of the troubles, the first ones, are about datagrams that arrived.
const INCOMING: usize = 13;

/// The least time between two lines.
const PERIOD: Duration = Duration::from_secs(1);

/// Datagrams that the kernel did not take, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendCounters {
    /// Datagrams that it did take.
    pub sent: u64,
    /// The send buffer was full.
    pub blocked: u64,
    /// No route, no address, no permission, nobody there.
    pub unreachable: u64,
    /// Anything else.
    pub failed: u64,
}

impl SendCounters {
    /// Counts an error of a send.
    pub fn count(&mut self, error: &std::io::Error) {
        let counter = match error.raw_os_error() {
            Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => &mut self.blocked,
            Some(
                libc::ECONNREFUSED
                | libc::ENETUNREACH
                | libc::EHOSTUNREACH
                | libc::ENETDOWN
                | libc::EHOSTDOWN
                | libc::EADDRNOTAVAIL
                | libc::EPERM
                | libc::EACCES,
            ) => &mut self.unreachable,
            _ => &mut self.failed,
        };
        *counter += 1;
    }
}

/// Everything that is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// By the machine.
    pub machine: Counters,
    /// On the way out.
    pub sends: SendCounters,
    /// By the kernel, because the receive buffer was full.
    pub overflown: u64,
    /// Errors of reads.
    pub reads: u64,
    /// Of ours, answered with "port unreachable".
    pub refusals: u64,
    /// Of ours, answered with another message of the network.
    pub reports: u64,
    /// Of the lifelines with index 0.
    pub lines: LineCounters,
    /// Turns of the loop.
    pub turns: u64,
}

impl Totals {
    /// What counts as trouble, with the words for it.
    fn troubles(&self) -> [(&'static str, u64); 19] {
        let Self { machine, sends, overflown, reads, refusals, reports, .. } = self;
        [
            ("malformed", machine.malformed),
            ("oversized", machine.oversized),
            ("of another version", machine.version),
            ("misaddressed", machine.misaddressed),
            ("from unknown senders", machine.unknown_sender),
            ("under another key", machine.key_mismatch),
            ("forged", machine.forged),
            ("replayed", machine.replayed),
            ("unproven", machine.unproven),
            ("stale", machine.stale),
            ("of unknown type", machine.unknown_type),
            ("over a rate limit", machine.limited),
            ("lost by the receive buffer", *overflown),
            ("failed to be read", *reads),
            ("blocked by the send buffer", sends.blocked),
            ("unreachable", sends.unreachable),
            ("refused by the peer's host", *refusals),
            ("returned by the network", *reports),
            ("failed to be sent", sends.failed),
        ]
    }
}

impl Totals {
    /// For whoever asks: this life, whose machine began with `base`, on top of what earlier ones had
    /// counted.
    pub fn since(&self, base: Counters, before: Counted) -> Counted {
        let base = Self { machine: base, ..Self::default() };
        let accepted = self.machine.accepted.saturating_sub(base.machine.accepted);
        let rejected = self.rejected().saturating_sub(base.rejected());
        Counted {
            sent: before.sent + self.sends.sent,
            accepted: before.accepted + accepted,
            rejected: before.rejected + rejected,
            turns: before.turns + self.turns,
        }
    }

    /// Datagrams that arrived and were not taken.
    fn rejected(&self) -> u64 {
        self.troubles().iter().take(INCOMING).map(|(_, count)| count).sum()
    }

    /// A first contact begins with a datagram that proves nothing yet, and a peer that is down is
    /// spoken to although nobody listens there: alone, that is no trouble.
    fn without_the_usual(mut self) -> Self {
        self.machine.unproven = 0;
        (self.refusals, self.reports) = (0, 0);
        self
    }
}

/// Writes the lines.
#[derive(Debug, Default)]
pub struct Report {
    told: Totals,
    last: Option<Time>,
}

impl Report {
    /// Of a life whose machine has counted `base` before.
    pub fn beginning(base: Counters) -> Self {
        Self { told: Totals { machine: base, ..Totals::default() }, last: None }
    }

    /// Says what grew since the last line, if that was long enough ago.
    pub fn say(&mut self, now: Time, totals: Totals, logger: &Logger) {
        if self.last.is_some_and(|last| now.since(last) < PERIOD) {
            return;
        }
        // Taken datagrams are no trouble and change with every heartbeat.
        self.told.machine.accepted = totals.machine.accepted;
        self.told.sends.sent = totals.sends.sent;
        self.told.turns = totals.turns;
        if totals == self.told {
            return;
        }
        self.last = Some(now);
        if totals.lines != self.told.lines {
            let LineCounters { refused, garbled, full } = totals.lines.since(self.told.lines);
            logger.warn(format_args!(
                "lifelines: {refused} turned away, {garbled} spoke another protocol, {full} took \
                 nothing any more"
            ));
            self.told.lines = totals.lines;
        }
        if totals == self.told {
            return;
        }
        let mut line = String::from("datagrams dropped:");
        let mut separator = " ";
        let usual = totals.without_the_usual() == self.told.without_the_usual();
        for ((words, count), (_, told)) in totals.troubles().iter().zip(self.told.troubles()) {
            if *count > told {
                let _ = write!(line, "{separator}{} {words}", count - told);
                separator = ", ";
            }
        }
        self.told = totals;
        logger.line(if usual { DEBUG } else { WARN }, format_args!("{line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_with_kinds_and_numbers_and_at_most_once_per_second() {
        let (logger, lines) = Logger::new();
        let mut report = Report::default();
        let mut totals = Totals::default();
        let at = Time::from_millis;
        totals.machine.accepted = 5;
        report.say(at(0), totals, &logger);
        assert!(lines.is_empty(), "accepted datagrams are no trouble");
        totals.machine.forged = 2;
        totals.sends.blocked = 1;
        report.say(at(1), totals, &logger);
        let first = lines.try_recv().unwrap().text;
        assert_eq!(first, "datagrams dropped: 2 forged, 1 blocked by the send buffer");
        totals.machine.forged = 10;
        report.say(at(1000), totals, &logger);
        assert!(lines.is_empty());
        report.say(at(1001), totals, &logger);
        assert_eq!(lines.try_recv().unwrap().text, "datagrams dropped: 8 forged");
        report.say(at(9000), totals, &logger);
        assert!(lines.is_empty());
    }

    #[test]
    fn what_strangers_do_to_the_lifelines_is_told_by_itself() {
        let (logger, lines) = Logger::new();
        let mut report = Report::default();
        let lines_so_far = LineCounters { refused: 3, garbled: 1, full: 0 };
        let mut totals = Totals { lines: lines_so_far, ..Totals::default() };
        report.say(Time::from_millis(1), totals, &logger);
        let text = "lifelines: 3 turned away, 1 spoke another protocol, 0 took nothing any more";
        assert_eq!(lines.try_recv().unwrap().text, text);
        totals.machine.forged = 1;
        report.say(Time::from_millis(2), totals, &logger);
        assert!(lines.is_empty(), "once per second");
        report.say(Time::from_millis(1001), totals, &logger);
        assert_eq!(lines.try_recv().unwrap().text, "datagrams dropped: 1 forged");
        assert!(lines.is_empty());
    }

    #[test]
    fn a_first_contact_and_an_absent_peer_are_no_warning() {
        let (logger, lines) = Logger::new();
        logger.want(DEBUG);
        let mut totals = Totals::default();
        totals.machine.unproven = 1;
        totals.refusals = 2;
        Report::default().say(Time::from_millis(1), totals, &logger);
        let line = lines.try_recv().unwrap();
        let text = "datagrams dropped: 1 unproven, 2 refused by the peer's host";
        assert_eq!((line.level, &*line.text), (DEBUG, text));
    }
}
