//! A trace file: what was sent, when, and when it arrived.
//!
//! Two forms, microseconds in both; empty lines count for nothing, and what begins with `#` is a
//! comment, except `# eta_us=N` (the sending interval) and `# life` (from here on another life of
//! the sender, or of the recording: nothing is concluded from one side of the line to the other).
//! Where the interval changes, a life begins as well; only the lives with the most frequent
//! interval are kept.
//!
//! - CSV `seq,send_us,recv_us`, perhaps with that line as its head; `recv_us` is -1 for a lost
//!   heartbeat. Two clocks with any offset between them.
//! - One delay per line, -1 for a lost heartbeat; needs `# eta_us=N`.

use std::time::Duration;

/// One heartbeat; nanoseconds, each on the clock of its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    pub seq: u64,
    pub sent: i64,
    pub arrived: Option<i64>,
}

/// A trace as it stands in its file.
#[derive(Debug)]
pub struct Trace {
    /// The sending interval.
    pub eta: Duration,
    /// The lives of the sender, each in the order of sending.
    pub lives: Vec<Vec<Beat>>,
    /// How many heartbeats stand in lives with another interval.
    pub left_out: usize,
}

/// Times beyond this are no microseconds of any clock: a hundred years.
const LARGEST: i64 = 3_153_600_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Csv,
    Delays,
}

impl Trace {
    /// Reads `text`, the content of the file `name`. `eta` beats what the file says.
    ///
    /// # Errors
    ///
    /// What is wrong, with file and line, and what would be right.
    pub fn parse(name: &str, text: &str, eta: Option<Duration>) -> Result<Self, String> {
        let mut reader = Reader { eta, by_hand: eta.is_some(), ..Reader::default() };
        for (index, line) in text.lines().enumerate() {
            reader.line(line.trim()).map_err(|why| format!("{name}:{}: {why}", index + 1))?;
        }
        reader.finish().map_err(|why| format!("{name}: {why}"))
    }
}

#[derive(Default)]
struct Reader {
    eta: Option<Duration>,
    by_hand: bool,
    form: Option<Form>,
    /// Lives with their interval, if that is known.
    lives: Vec<(Option<Duration>, Vec<Beat>)>,
    life: Vec<Beat>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() {
            return Ok(());
        }
        if let Some(comment) = line.strip_prefix('#') {
            return self.comment(comment.trim());
        }
        if line.eq_ignore_ascii_case("seq,send_us,recv_us") && self.life.is_empty() {
            self.form = Some(Form::Csv);
            return Ok(());
        }
        let form = if line.contains(',') { Form::Csv } else { Form::Delays };
        match (self.form.replace(form), form) {
            (Some(Form::Delays), Form::Csv) => {
                Err("the lines before have one delay each, this one \
                has commas; a file has one form throughout"
                    .into())
            }
            (Some(Form::Csv), Form::Delays) => Err(format!("{CSV}, not \"{}\"", excerpt(line))),
            (_, Form::Csv) => self.row(line),
            (_, Form::Delays) => self.delay(line),
        }
    }

    fn comment(&mut self, comment: &str) -> Result<(), String> {
        if comment == "life" {
            self.end_life();
        }
        let Some(eta) = comment.strip_prefix("eta_us=") else { return Ok(()) };
        let micros: u64 = eta.parse().ok().filter(|n| (1..=86_400_000_000).contains(n)).ok_or(
            "eta_us is the sending interval in whole microseconds, as in \"# eta_us=100000\"",
        )?;
        let eta = Duration::from_micros(micros);
        if !self.by_hand && self.eta != Some(eta) {
            self.end_life();
            self.eta = Some(eta);
        }
        Ok(())
    }

    fn row(&mut self, line: &str) -> Result<(), String> {
        let wrong = || format!("{CSV}, not \"{}\"", excerpt(line));
        let mut fields = line.split(',').map(|field| field.trim().parse::<i64>());
        let (Some(Ok(seq)), Some(Ok(sent)), Some(Ok(arrived)), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(wrong());
        };
        if seq < 0 || !(0..LARGEST).contains(&sent) || !(-1..LARGEST).contains(&arrived) {
            return Err(wrong());
        }
        if let Some(last) = self.life.last() {
            if seq as u64 <= last.seq {
                return Err(format!(
                    "seq {seq} comes after {}; rows stand in the order of sending, each seq once, \
                     and a new life of the sender begins with a line \"# life\"",
                    last.seq
                ));
            }
            if sent * 1000 < last.sent {
                return Err(format!(
                    "send_us {sent} lies before {}, that of the row above; rows stand in the \
                     order of sending, and a new life of the sender begins with a line \"# life\"",
                    last.sent / 1000
                ));
            }
        }
        let arrived = (arrived >= 0).then_some(arrived * 1000);
        self.life.push(Beat { seq: seq as u64, sent: sent * 1000, arrived });
        Ok(())
    }

    fn delay(&mut self, line: &str) -> Result<(), String> {
        let wrong = "one delay per line in microseconds, -1 for a lost heartbeat, or rows \
            seq,send_us,recv_us";
        let delay: f64 = line.parse().map_err(|_| format!("{wrong}, not \"{}\"", excerpt(line)))?;
        let lost = delay == -1.0;
        if !lost && !(0.0..LARGEST as f64).contains(&delay) {
            return Err(format!("{wrong}, not \"{}\"", excerpt(line)));
        }
        let eta = self.eta.ok_or(
            "delays alone do not say how often the sender sends: write \"# eta_us=N\" \
             (microseconds) above them, or give --eta",
        )?;
        let seq = self.life.last().map_or(0, |last| last.seq + 1);
        let sent = i64::try_from(eta.as_nanos())
            .ok()
            .and_then(|eta| self.life.last().map_or(Some(0), |last| last.sent.checked_add(eta)));
        let sent = sent.ok_or("the trace is longer than a clock can count")?;
        let arrived = (!lost).then_some(sent + (delay * 1e3).round() as i64);
        self.life.push(Beat { seq, sent, arrived });
        Ok(())
    }

    fn end_life(&mut self) {
        let life = core::mem::take(&mut self.life);
        self.lives.push((self.eta, life));
    }

    fn finish(mut self) -> Result<Trace, String> {
        self.end_life();
        let arrivals = |life: &[Beat]| life.iter().filter(|b| b.arrived.is_some()).count();
        self.lives.retain(|(_, life)| arrivals(life) >= 2);
        let usual = self.most_frequent_interval();
        let (kept, others): (Vec<_>, Vec<_>) =
            core::mem::take(&mut self.lives).into_iter().partition(|(eta, _)| *eta == usual);
        let lives: Vec<Vec<Beat>> = kept.into_iter().map(|(_, life)| life).collect();
        let left_out = others.iter().map(|(_, life)| life.len()).sum();
        if lives.iter().map(|life| arrivals(life)).sum::<usize>() < 10 {
            return Err("fewer than ten heartbeats arrive; there is nothing to learn from that \
                (rows are seq,send_us,recv_us, or one delay per line)"
                .into());
        }
        let eta = usual.or_else(|| median_interval(&lives)).ok_or(
            "the sending interval cannot be told from send_us; write \"# eta_us=N\" \
             (microseconds) at the top, or give --eta",
        )?;
        Ok(Trace { eta, lives, left_out })
    }

    fn most_frequent_interval(&self) -> Option<Duration> {
        let mut counts: Vec<(Option<Duration>, usize)> = Vec::new();
        for (eta, life) in &self.lives {
            match counts.iter_mut().find(|(known, _)| known == eta) {
                Some((_, count)) => *count += life.len(),
                None => counts.push((*eta, life.len())),
            }
        }
        counts.into_iter().max_by_key(|(_, count)| *count).and_then(|(eta, _)| eta)
    }
}

/// The median time between two heartbeats.
fn median_interval(lives: &[Vec<Beat>]) -> Option<Duration> {
    let steps = lives.iter().flat_map(|life| life.windows(2)).filter_map(|pair| {
        let [a, b] = pair else { return None };
        Some((b.sent - a.sent) / i64::try_from(b.seq - a.seq).ok()?.max(1))
    });
    let mut steps: Vec<i64> = steps.collect();
    let middle = steps.len() / 2;
    if steps.is_empty() {
        return None;
    }
    let (_, median, _) = steps.select_nth_unstable(middle);
    u64::try_from(*median).ok().filter(|ns| *ns > 0).map(Duration::from_nanos)
}

const CSV: &str = "a row is seq,send_us,recv_us in whole microseconds, such as \
    \"17,3400000,3412345\", with recv_us = -1 for a lost heartbeat";

fn excerpt(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).take(60).collect()
}
