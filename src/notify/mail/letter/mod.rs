//! What a letter says: its subject and its text, in plain words and with the numbers behind them.

mod words;

use core::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::account::Tally;
use super::outage::Facts;
use super::policy::Rules;
use crate::notify::sink::Identity;
use crate::proto::event::{PeerName, Reason};
use crate::proto::time::Wall;
pub use words::one_line;
use words::{
    because, brief_reason, date, evidence, judged_by, length, length_so_far, outages, recovery,
    row, signature, span, unknown,
};

/// What a letter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A peer went down.
    Down,
    /// It is still down; the number of the reminder, from 1.
    Reminder(u32),
    /// It is back.
    Recovered,
    /// What the cap withheld.
    Summary,
}

/// One letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// What it is about.
    pub kind: Kind,
    /// Whom it is about.
    pub peer: PeerName,
    /// The DOWN of the outage; `None` for a summary.
    pub down: Option<Facts>,
    /// Its RECOVERED, as far as it is known.
    pub up: Option<Facts>,
    /// What was withheld before.
    pub withheld: Tally,
    /// For a summary, the last event that it covers.
    pub last: Option<(u64, u64)>,
}

/// What the words depend on beside the letter.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Who speaks.
    pub identity: &'a Identity,
    /// What is configured.
    pub rules: &'a Rules,
    /// The date of the letter.
    pub now: Wall,
}

impl Letter {
    /// The same for every try of this letter, different for others.
    pub fn seed(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let down = self.down.as_ref().map(|down| (down.epoch, down.id));
        (self.kind, &*self.peer, down, self.last).hash(&mut hasher);
        hasher.finish()
    }

    /// The subject: everything that a phone shows.
    pub fn subject(&self, context: Context<'_>) -> String {
        let (peer, name) = (&self.peer, &context.identity.name);
        let why = |facts: &Facts| match facts.reason {
            Reason::None => String::new(),
            reason => format!(" ({})", brief_reason(reason)),
        };
        match (self.kind, &self.down, &self.up) {
            (Kind::Down, Some(down), _) => {
                let at = date(down.judged);
                format!("[peermon] {peer} is DOWN{}, told by {name} at {at}", why(down))
            }
            (Kind::Reminder(_), Some(down), _) => {
                let long = length_so_far(down, context.now)
                    .map_or(String::new(), |long| format!(" after {}", span(long)));
                format!("[peermon] {peer} is still DOWN{}{long}, told by {name}", why(down))
            }
            (Kind::Recovered, _, Some(up)) => {
                let (long, at) = (span(up.outage), date(up.judged));
                let how = why(up);
                format!("[peermon] {peer} RECOVERED{how} after {long}, told by {name} at {at}")
            }
            _ => {
                let count = outages(self.withheld.total());
                format!("[peermon] {peer}: {count} not told one by one, told by {name}")
            }
        }
    }

    /// The text.
    pub fn text(&self, context: Context<'_>) -> String {
        let mut text = String::with_capacity(2048);
        // Writing to a String cannot fail.
        let _ = match (self.kind, &self.down, &self.up) {
            (Kind::Down, Some(down), up) => self.down_text(&mut text, down, up.is_some(), context),
            (Kind::Reminder(number), Some(down), _) => {
                self.reminder_text(&mut text, down, number, context)
            }
            (Kind::Recovered, Some(down), Some(up)) => {
                self.recovered_text(&mut text, down, up, context)
            }
            _ => self.summary_text(&mut text, context),
        };
        text
    }

    fn down_text(
        &self,
        text: &mut String,
        down: &Facts,
        over: bool,
        context: Context<'_>,
    ) -> core::fmt::Result {
        let peer = &self.peer;
        writeln!(text, "{peer} is DOWN.\n")?;
        judged_by(text, "Judged", down, context.identity)?;
        because(text, peer, down)?;
        if down.after_rest {
            writeln!(
                text,
                "This is told late: {peer} went up and down so often that its notices rested,\n\
                 and this outage outlasted the rest.\n"
            )?;
        }
        if over {
            writeln!(text, "It is over by now; the mail that says so follows this one.\n")?;
        }
        evidence(text, down)?;
        unknown(text, peer, down)?;
        self.not_told(text, context.rules)?;
        if !over {
            write!(text, "One mail follows when {peer} is back")?;
            match context.rules.reminder {
                Some(every) => writeln!(text, ", and one every {} until then.\n", span(every))?,
                None => writeln!(text, ".\n")?,
            }
        }
        signature(text, down)
    }

    fn reminder_text(
        &self,
        text: &mut String,
        down: &Facts,
        number: u32,
        context: Context<'_>,
    ) -> core::fmt::Result {
        let peer = &self.peer;
        write!(text, "{peer} is still DOWN")?;
        if let Some(long) = length_so_far(down, context.now) {
            write!(text, ", for {} by this server's date", span(long))?;
        }
        writeln!(text, ". This is reminder {number}.\n")?;
        judged_by(text, "Judged", down, context.identity)?;
        because(text, peer, down)?;
        evidence(text, down)?;
        unknown(text, peer, down)?;
        self.not_told(text, context.rules)?;
        signature(text, down)
    }

    fn recovered_text(
        &self,
        text: &mut String,
        down: &Facts,
        up: &Facts,
        context: Context<'_>,
    ) -> core::fmt::Result {
        let peer = &self.peer;
        writeln!(text, "{peer} has RECOVERED.\n")?;
        judged_by(text, "Judged", up, context.identity)?;
        writeln!(text, "How: {}.\n", recovery(up.reason))?;
        row(text, "the outage lasted", &length(up))?;
        row(text, "it was judged down at", &date(down.judged))?;
        if down.reason != Reason::None {
            row(
                text,
                "because",
                &format!("{} ({})", brief_reason(down.reason), down.reason.name()),
            )?;
        }
        text.push('\n');
        if !matches!(up.reason, Reason::EndedLate | Reason::Removed) {
            writeln!(
                text,
                "What is known is that a status arrived that {peer} sent after it was judged down:\n\
                 its process can run a thread. Whether its service works is not known here.\n"
            )?;
        }
        self.not_told(text, context.rules)?;
        signature(text, up)
    }

    fn summary_text(&self, text: &mut String, context: Context<'_>) -> core::fmt::Result {
        let peer = &self.peer;
        writeln!(
            text,
            "{peer} went down and came back more often than is told by mail: at most {} mails\n\
             for each peer and hour.\n",
            context.rules.per_hour.max(2)
        )?;
        self.not_told(text, context.rules)?;
        let identity = context.identity;
        writeln!(text, "Told by {}, of the group {}.", identity.name, identity.group)
    }

    fn not_told(&self, text: &mut String, rules: &Rules) -> core::fmt::Result {
        let tally = &self.withheld;
        if tally.total() == 0 {
            return Ok(());
        }
        let peer = &self.peer;
        let count = tally.total();
        let were = if count == 1 { "was" } else { "were" };
        writeln!(text, "Not told since the last mail about {peer} {were} {}:\n", outages(count))?;
        let hold = format!("shorter than {}", span(rules.hold));
        let reasons = [
            (tally.short, hold.as_str()),
            (tally.capped, "more than is told in an hour, and over by then"),
            (tally.merged, "merged before the mail saw them: too many, or its notices rested"),
            (tally.lost, "dropped: too many waited, or no relay would take the mail"),
        ];
        for (count, why) in reasons.into_iter().filter(|(count, _)| *count > 0) {
            writeln!(text, "  {count:>4} {why}")?;
        }
        text.push('\n');
        Ok(())
    }
}

impl core::fmt::Display for Kind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Down => f.write_str("DOWN"),
            Self::Reminder(number) => write!(f, "reminder {number}"),
            Self::Recovered => f.write_str("RECOVERED"),
            Self::Summary => f.write_str("the summary"),
        }
    }
}
