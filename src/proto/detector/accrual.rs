//! The rule `phi` in the product: phi accrual in deadline form, within the detection time.

use core::time::Duration;

use super::Pace;
use super::adaptive::{Learnt, Trust};
use super::phi::{Phi, PhiSettings};
use crate::proto::time::{Time, nanos};

/// The detector of one peer.
#[derive(Clone, Debug)]
pub struct Accrual {
    phi: Phi,
    /// The silence that a calm network is granted, in intervals. Less is never enough: a peer that
    /// announces a longer interval goes on at the shorter one until it knows that we heard of it.
    calm: f64,
    eta: Duration,
    /// The detection time counts from here at the latest: silence is never tolerated for longer.
    last: Option<Time>,
    detect_within: Duration,
    /// For our own lateness.
    put_off: Option<Time>,
    /// For evidence of an end.
    shortened: Option<Time>,
}

impl Accrual {
    /// A detector that suspects at `threshold` thousandths of phi.
    pub fn new(pace: Pace, threshold: u32) -> Self {
        let threshold = f64::from(threshold) / 1e3;
        let settings = PhiSettings { threshold, ..PhiSettings::new(pace.eta) };
        let mut calm = Phi::new(pace.eta, PhiSettings { window: 1, ..settings });
        calm.arm(Time::ZERO);
        let calm = calm.deadline().map_or(0, Time::as_nanos) as f64;
        Self {
            phi: Phi::new(pace.eta, settings),
            calm: calm / (nanos(pace.eta).max(1) as f64),
            eta: pace.eta,
            last: None,
            detect_within: pace.detect_within,
            put_off: None,
            shortened: None,
        }
    }

    /// Judge by another pace from now on.
    pub fn set_pace(&mut self, pace: Pace) {
        self.phi.set_eta(pace.eta, PhiSettings::new(pace.eta).min_sd);
        self.eta = pace.eta;
        self.detect_within = pace.detect_within;
    }

    /// A sign of life that is no heartbeat: the deadline runs from it.
    pub fn arm(&mut self, arrival: Time) {
        self.phi.arm(arrival);
        self.last = Some(arrival);
        self.put_off = None;
        self.shortened = None;
    }

    /// A fresh heartbeat.
    pub fn on_beat(&mut self, arrival: Time, trust: Trust) {
        if trust.learnt != Learnt::Stands {
            // The silence before it was a stall or an outage, and no interval.
            self.phi.disarm();
        }
        self.phi.on_beat(arrival);
        self.last = Some(arrival);
        self.put_off = None;
        self.shortened = None;
    }

    /// Forgets the deadline and what was learnt.
    pub fn disarm(&mut self) {
        self.phi.disarm();
        self.last = None;
        self.put_off = None;
        self.shortened = None;
    }

    /// Puts the deadline off to `deadline` if that is later.
    pub fn extend(&mut self, deadline: Time) {
        self.put_off = Some(deadline);
    }

    /// One kind of evidence speaks for an end: the margin is `margin`, counted from when the next
    /// heartbeat should be here, and at least from `now`; never more than it was.
    pub fn shorten(&mut self, now: Time, margin: Duration) {
        let shorter = self.last.map(|last| (last + self.eta + margin).max(now + margin));
        self.shortened = self.shortened.into_iter().chain(shorter).min();
    }

    /// What the present deadline leaves beyond one interval; zero before anything was heard.
    pub fn margin(&self) -> Duration {
        self.silence().map_or(Duration::ZERO, |silence| silence.saturating_sub(self.eta))
    }

    /// When to suspect; `None` before anything was heard.
    pub fn deadline(&self) -> Option<Time> {
        let deadline = self.last? + self.silence()?;
        let deadline = self.shortened.map_or(deadline, |shortened| shortened.min(deadline));
        Some(self.put_off.map_or(deadline, |put_off| put_off.max(deadline)))
    }

    /// The silence that is tolerated at present.
    fn silence(&self) -> Option<Duration> {
        let improbable = self.phi.deadline()?.since(self.last?);
        Some(improbable.max(self.eta.mul_f64(self.calm)).min(self.detect_within))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn fed(threshold: u32, gaps: &[u64]) -> (Accrual, u64) {
        let pace = Pace::new(ms(200), ms(1000), ms(60_000));
        let mut accrual = Accrual::new(pace, threshold);
        let mut now = 1000;
        accrual.on_beat(at(now), Trust::default());
        for gap in gaps.iter().cycle().take(500) {
            now += gap;
            accrual.on_beat(at(now), Trust::default());
        }
        (accrual, now)
    }

    #[test]
    fn a_calm_network_is_judged_soon_and_a_higher_threshold_waits_longer() {
        let (accrual, now) = fed(8000, &[200]);
        let silence = accrual.deadline().unwrap().since(at(now));
        // The mean and 5.61 deviations of a quarter of the interval.
        assert!(silence.abs_diff(ms(480)) < ms(2), "{silence:?}");
        let (patient, now) = fed(12_000, &[200]);
        assert!(patient.deadline().unwrap().since(at(now)) > silence);
    }

    #[test]
    fn silence_is_never_tolerated_beyond_the_detection_time() {
        let (accrual, now) = fed(8000, &[20, 380, 900]);
        assert_eq!(accrual.deadline(), Some(at(now + 1000)));
    }

    #[test]
    fn an_interval_that_is_announced_is_waited_for_although_the_last_ones_were_shorter() {
        let (mut accrual, now) = fed(8000, &[200]);
        accrual.set_pace(Pace::new(ms(400), ms(1500), ms(60_000)));
        for gap in 1..20 {
            accrual.on_beat(at(now + gap * 200), Trust::default());
        }
        let silence = accrual.deadline().unwrap().since(at(now + 19 * 200));
        assert!(silence > ms(900), "{silence:?}");
    }

    #[test]
    fn a_grace_puts_the_deadline_off_and_ends_with_the_next_heartbeat() {
        let (mut accrual, now) = fed(8000, &[200]);
        let before = accrual.deadline();
        accrual.extend(at(now + 100));
        assert_eq!(accrual.deadline(), before);
        accrual.extend(at(now + 2000));
        assert_eq!(accrual.deadline(), Some(at(now + 2000)));
        accrual.on_beat(at(now + 200), Trust::default());
        assert!(accrual.deadline() < Some(at(now + 800)));
    }

    #[test]
    fn evidence_of_an_end_shortens_the_margin_until_the_next_heartbeat() {
        let (mut accrual, now) = fed(8000, &[200]);
        accrual.shorten(at(now + 100), ms(20));
        assert_eq!(accrual.deadline(), Some(at(now + 220)));
        accrual.shorten(at(now + 300), ms(20));
        assert_eq!(accrual.deadline(), Some(at(now + 220)));
        accrual.on_beat(at(now + 200), Trust::default());
        assert!(accrual.deadline() > Some(at(now + 600)));
    }

    #[test]
    fn an_outage_is_no_interval() {
        let (mut accrual, now) = fed(8000, &[200]);
        let back = now + 60_000;
        accrual.on_beat(at(back), Trust { learnt: Learnt::Void, age_proven: true });
        assert!(accrual.deadline().unwrap() < at(back + 600));
    }
}
