//! One rule against one trace: how often it is wrong, and how long it takes to be right.

use std::time::Duration;

use peermon::proto::time::{Time, nanos};

use super::clocks::{Heartbeat, Life};

/// A detector at work.
pub trait Rule {
    /// A heartbeat that is fresh by its number arrives at `at`; `recovered`: its peer was
    /// suspected, or has not been heard before.
    fn on_beat(&mut self, beat: &Heartbeat, at: Time, recovered: bool);

    /// When it suspects if nothing more arrives.
    fn verdict(&self) -> Option<Time>;
}

/// How a rule did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// How often it suspected a peer that lived.
    pub mistakes: u64,
    /// For how long in all.
    pub wrong: Duration,
    /// Out of so much time.
    pub watched: Duration,
    /// From a crash right after a heartbeat was sent to the final suspicion, over all heartbeats.
    pub detection: Detection,
}

/// Detection times, nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Detection {
    pub mean: f64,
    pub p99: f64,
    pub p999: f64,
    pub worst: f64,
}

impl Outcome {
    /// The part of the time in which the answer was right, P_A.
    pub fn accuracy(&self) -> f64 {
        1.0 - self.wrong.as_secs_f64() / self.watched.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// The mean duration of a mistake, nanoseconds.
    pub fn mean_mistake(&self) -> f64 {
        nanos(self.wrong) as f64 / self.mistakes.max(1) as f64
    }

    /// Mistakes in a day.
    pub fn per_day(&self) -> f64 {
        self.mistakes as f64 / (self.watched.as_secs_f64() / 86_400.0).max(f64::MIN_POSITIVE)
    }
}

/// Plays all `lives`, each with a new rule.
pub fn judge<R: Rule>(lives: &[Life], mut make: impl FnMut() -> R) -> Outcome {
    let mut outcome = Outcome::default();
    let mut times = Vec::with_capacity(lives.iter().map(|life| life.beats.len()).sum());
    for life in lives {
        Play { life, rule: make(), last: None, suspected: None, began: None }
            .run(&mut outcome, &mut times);
    }
    outcome.detection = Detection::of(&mut times);
    outcome
}

/// One life.
struct Play<'a, R> {
    life: &'a Life,
    rule: R,
    /// The index of the latest fresh heartbeat.
    last: Option<usize>,
    suspected: Option<Time>,
    began: Option<Time>,
}

impl<R: Rule> Play<'_, R> {
    fn run(mut self, outcome: &mut Outcome, times: &mut Vec<u64>) {
        for &index in &self.life.arrivals {
            let index = index as usize;
            let Some(beat) = self.life.beats.get(index) else { continue };
            let Some(at) = beat.arrived else { continue };
            // Beats stand in the order of sending: a smaller index is an older number.
            if self.last.is_some_and(|last| index <= last) {
                continue;
            }
            self.expire(at, outcome);
            self.note_crashes(index, times);
            self.last = Some(index);
            self.began.get_or_insert(at);
            let recovered = self.suspected.is_some() || self.began == Some(at);
            self.rule.on_beat(beat, at, recovered);
            let trusted = self.rule.verdict().is_none_or(|verdict| verdict > at);
            match self.suspected {
                Some(since) if trusted => {
                    outcome.wrong += at.since(since);
                    self.suspected = None;
                }
                None if !trusted => {
                    outcome.mistakes += 1;
                    self.suspected = Some(at);
                }
                _ => {}
            }
        }
        let Some((began, end)) = self.began.zip(self.life.beats.last()) else { return };
        self.expire(end.sent, outcome);
        if let Some(since) = self.suspected {
            outcome.wrong += end.sent.since(since);
        }
        self.note_crashes(self.life.beats.len(), times);
        outcome.watched += end.sent.since(began);
    }

    /// Input that is there at the deadline goes before the verdict (rule R32).
    fn expire(&mut self, now: Time, outcome: &mut Outcome) {
        let Some(verdict) = self.rule.verdict() else { return };
        if self.suspected.is_none() && verdict < now {
            outcome.mistakes += 1;
            self.suspected = Some(verdict);
        }
    }

    /// A crash right after any heartbeat from the latest fresh one up to `next` would be found by
    /// what is known now.
    fn note_crashes(&self, next: usize, times: &mut Vec<u64>) {
        let Some((last, found)) = self.last.zip(self.suspected.or_else(|| self.rule.verdict()))
        else {
            return;
        };
        let crashes = self.life.beats.get(last..next).unwrap_or_default();
        times.extend(crashes.iter().map(|beat| nanos(found.since(beat.sent))));
    }
}

impl Detection {
    fn of(times: &mut [u64]) -> Self {
        let Some(last) = times.len().checked_sub(1) else { return Self::default() };
        let mean = times.iter().map(|t| *t as f64).sum::<f64>() / times.len() as f64;
        // Above the higher quantile it is sorted already, as far as the lower one needs it.
        let mut upper = times;
        let mut quantile = |q: f64| {
            let index = (q * last as f64).round() as usize;
            let below = last + 1 - upper.len();
            let slice = core::mem::take(&mut upper);
            let (_, found, _) = slice.select_nth_unstable(index - below);
            let found = *found as f64;
            upper = slice.split_at_mut(index - below).1;
            found
        };
        let (p99, p999, worst) = (quantile(0.99), quantile(0.999), quantile(1.0));
        Self { mean, p99, p999, worst }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Suspects this long after an arrival.
    struct Fixed(Duration, Option<Time>);

    impl Rule for Fixed {
        fn on_beat(&mut self, _: &Heartbeat, at: Time, _: bool) {
            self.1 = Some(at);
        }
        fn verdict(&self) -> Option<Time> {
            self.1.map(|at| at + self.0)
        }
    }

    fn life(arrivals_ms: &[Option<u64>]) -> Life {
        let beats: Vec<Heartbeat> = arrivals_ms
            .iter()
            .enumerate()
            .map(|(n, arrived)| Heartbeat {
                seq: n as u64,
                sent: Time::from_millis(n as u64 * 100),
                arrived: arrived.map(Time::from_millis),
            })
            .collect();
        let mut arrivals: Vec<u32> =
            (0..beats.len() as u32).filter(|i| beats[*i as usize].arrived.is_some()).collect();
        arrivals.sort_by_key(|i| beats[*i as usize].arrived);
        Life { beats, arrivals, drift_ppm: 0.0 }
    }

    #[test]
    fn mistakes_their_duration_and_detection_times_are_counted() {
        // The third is lost; the fifth overtakes the fourth, which is not fresh then.
        let life = life(&[Some(0), Some(110), None, Some(480), Some(470), Some(500)]);
        let outcome = judge(&[life], || Fixed(Duration::from_millis(150), None));
        assert_eq!(outcome.mistakes, 1);
        // From 260 to 470.
        assert_eq!(outcome.wrong, Duration::from_millis(210));
        assert_eq!(outcome.watched, Duration::from_millis(500));
        // Verdicts 150, then 260 for three beats, then 620 and 650; minus 0, 100, 200, 300, 400,
        // 500.
        let expected = [150.0, 160.0, 60.0, 0.0, 220.0, 150.0];
        let mean = expected.iter().sum::<f64>() / 6.0 * 1e6;
        assert!((outcome.detection.mean - mean).abs() < 1.0, "{:?}", outcome.detection);
        assert_eq!(outcome.detection.worst, 220e6);
        assert!((outcome.accuracy() - (1.0 - 210.0 / 500.0)).abs() < 1e-12);
    }

    #[test]
    fn a_heartbeat_at_the_very_deadline_is_in_time() {
        let in_time = life(&[Some(0), Some(150)]);
        assert_eq!(judge(&[in_time], || Fixed(Duration::from_millis(150), None)).mistakes, 0);
        let late = life(&[Some(0), Some(151), Some(201)]);
        assert_eq!(judge(&[late], || Fixed(Duration::from_millis(150), None)).mistakes, 1);
    }

    #[test]
    fn quantiles_come_from_one_pass_each() {
        let mut times: Vec<u64> = (0..=1000).rev().collect();
        let detection = Detection::of(&mut times);
        assert_eq!((detection.p99, detection.p999, detection.worst), (990.0, 999.0, 1000.0));
    }
}
