//! `peermonctl events`: what happened, and what happens.

use std::io::Write;
use std::time::SystemTime;

use peermon::notify::json::parse_event_key;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::client::{Following, Target, Told};
use crate::connect::ConnectArgs;
use crate::failure::Failure;
use crate::show::dated_event;
use crate::style::{Paint, Style, printable};
use crate::{answer, output, units};

/// What happened to the peers, and with --follow what happens
///
/// One line for each event that the server still keeps (the last 1,024), the oldest first. Times are
/// UTC.
#[derive(clap::Args)]
pub struct Args {
    /// Go on with what happens. A lost connection is taken up again with what was missed; where that is
    /// not possible, a line says so
    #[arg(short, long)]
    follow: bool,
    /// Only what came after this: an event (a number, or a key such as 9f86d081884c7d65-41), a time
    /// (2026-11-27T02:30:00Z, "2026-11-27 02:30", UTC) or a duration ago (10min)
    #[arg(long, value_name = "PLACE", value_parser = since)]
    since: Option<Since>,
    /// Only events about this peer; may be given several times
    #[arg(long, value_name = "NAME")]
    peer: Vec<String>,
    /// One JSON object in each line; with --follow, `{"reset": ...}` where events are lost
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ConnectArgs,
}

/// From where on.
#[derive(Clone, Debug, PartialEq)]
enum Since {
    /// Behind this event.
    Event(String),
    /// From this moment on.
    Moment(OffsetDateTime),
}

/// Tells them.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let target = Target::find(&args.server)?;
    let style = Style::stdout();
    let mut teller = Teller { args, style, out };
    // Whoever only wants what comes needs no history.
    let history = !args.follow || args.since.is_some();
    let mut last = None;
    if history {
        let place = match &args.since {
            Some(Since::Event(place)) => place,
            _ => "",
        };
        let said = target.get(&format!("/v1/events?since={place}"))?;
        if said["reset"] == true {
            teller.reset(&said)?;
        }
        for event in answer::list(&said, "events") {
            teller.event(event)?;
        }
        last = said["next"].as_str().map(str::to_owned);
    }
    if !args.follow {
        return Ok(());
    }
    let mut following = Following::open(&target, last.as_deref())?;
    teller.out.flush()?;
    loop {
        match following.next()? {
            Told::Event(event) => teller.event(&event)?,
            Told::Reset(said) => teller.reset(&said)?,
            Told::Snapshot(_) => {}
            Told::Lost(why) => aside(&format!("{why}; trying again")),
            Told::Back => aside("connected again"),
        }
        teller.out.flush()?;
    }
}

/// What is no event and must not be mistaken for one.
pub fn aside(text: &str) {
    // In one piece: others may write there too.
    let line = format!("peermonctl: {}\n", printable(text));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

struct Teller<'a, W> {
    args: &'a Args,
    style: Style,
    out: &'a mut W,
}

impl<W: Write> Teller<'_, W> {
    fn event(&mut self, event: &Value) -> Result<(), Failure> {
        let name = event["peer"].as_str();
        if !self.args.peer.is_empty() && !self.args.peer.iter().any(|peer| Some(&**peer) == name) {
            return Ok(());
        }
        if let Some(Since::Moment(since)) = &self.args.since
            && answer::date(event, "judged_at").is_some_and(|at| at < *since)
        {
            return Ok(());
        }
        if self.args.json {
            output::json_line(self.out, event)?;
        } else {
            let paint = Paint::of_event(answer::text(event, "kind"));
            writeln!(self.out, "{}", self.style.paint(paint, &dated_event(event)))?;
        }
        Ok(())
    }

    fn reset(&mut self, said: &Value) -> Result<(), Failure> {
        if self.args.json {
            let place =
                ["epoch", "first", "last", "asked"].map(|key| (key.to_owned(), said[key].clone()));
            let place: serde_json::Map<_, _> = place.into_iter().collect();
            output::json_line(self.out, &json!({"reset": place}))?;
        } else {
            writeln!(self.out, "{}", self.style.paint(Paint::Warn, RESET))?;
        }
        Ok(())
    }
}

/// What is said where events are lost.
pub const RESET: &str = "-- what came before does not go on here: the server has begun anew, or \
     more happened than it keeps; events between are lost";

fn since(text: &str) -> Result<Since, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty()
        || parse_event_key(text).is_some()
    {
        return Ok(Since::Event(text.to_owned()));
    }
    if let Some(moment) = moment(text) {
        return Ok(Since::Moment(moment));
    }
    let ago = units::duration(text).ok().and_then(|ago| Duration::try_from(ago).ok());
    let then = ago.and_then(|ago| OffsetDateTime::from(SystemTime::now()).checked_sub(ago));
    then.map(Since::Moment).ok_or_else(|| {
        "write an event (41, 9f86d081884c7d65-41), a time (2026-11-27T02:30:00Z, \"2026-11-27 \
         02:30\") or a duration (10min)"
            .into()
    })
}

/// RFC 3339, or its beginning, in UTC.
fn moment(text: &str) -> Option<OffsetDateTime> {
    let text = text.replacen(' ', "T", 1);
    ["", "Z", ":00Z", "T00:00:00Z"]
        .into_iter()
        .find_map(|rest| OffsetDateTime::parse(&format!("{text}{rest}"), &Rfc3339).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_event_a_time_or_a_duration_and_nothing_else() {
        for event in ["41", "9f86d081884c7d65-41"] {
            assert_eq!(since(event), Ok(Since::Event(event.into())));
        }
        let second = OffsetDateTime::from_unix_timestamp(1_795_746_600).unwrap();
        for text in [
            "2026-11-27T02:30:00Z",
            "2026-11-27T03:30:00+01:00",
            "2026-11-27 02:30:00",
            "2026-11-27 02:30",
            "2026-11-27T02:30",
        ] {
            assert_eq!(since(text), Ok(Since::Moment(second)), "{text}");
        }
        assert!(matches!(since("2026-11-27"), Ok(Since::Moment(_))));
        let Ok(Since::Moment(ago)) = since("10min") else { panic!("no duration") };
        assert!(ago < OffsetDateTime::now_utc() - Duration::minutes(9));
        for bad in ["", "yesterday", "x-1", "2026-13-01", "-5min"] {
            assert!(since(bad).is_err(), "{bad}: {:?}", since(bad));
        }
    }
}
