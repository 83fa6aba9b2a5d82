//! How well this monitor itself works, as a score (the idea is Lifeguard's local health multiplier,
//! Dadgar, Phillips and Currey, DSN 2018): who stumbles gives its peers more time.

use core::time::Duration;

use super::time::Time;

/// The worst score.
pub const WORST: u32 = 4;
/// A minute without trouble makes the score better by one.
const CLEAN: Duration = Duration::from_secs(60);

/// A score from 0, all is well, to [`WORST`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Health {
    score: u32,
    /// When the score began to be this.
    since: Time,
}

impl Health {
    /// A late turn of the loop, or a false alarm.
    pub fn on_trouble(&mut self, now: Time) {
        self.score = (self.score(now) + 1).min(WORST);
        self.since = now;
    }

    /// The score at `now`.
    pub fn score(&self, now: Time) -> u32 {
        let minutes = now.since(self.since).as_nanos() / CLEAN.as_nanos();
        self.score.saturating_sub(u32::try_from(minutes).unwrap_or(u32::MAX))
    }
}

/// The margin at a score: `alpha (1 + score / 2)`, at most `most`.
pub fn stretched(alpha: Duration, score: u32, most: Duration) -> Duration {
    (alpha * (2 + score.min(WORST)) / 2).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    #[test]
    fn trouble_adds_up_to_four_and_every_clean_minute_takes_one_away() {
        let mut health = Health::default();
        assert_eq!(health.score(at(1000)), 0);
        for second in 0..10 {
            health.on_trouble(at(1000 + second));
        }
        assert_eq!(health.score(at(1009)), 4);
        assert_eq!(health.score(at(1068)), 4);
        assert_eq!(health.score(at(1069)), 3);
        assert_eq!(health.score(at(1129)), 2);
        health.on_trouble(at(1130));
        assert_eq!(health.score(at(1189)), 3);
        assert_eq!(health.score(at(1190)), 2);
        assert_eq!(health.score(at(9000)), 0);
    }

    #[test]
    fn the_margin_grows_by_half_per_point_up_to_its_limit() {
        let alpha = Duration::from_millis(100);
        let margin = |score| stretched(alpha, score, Duration::from_millis(260)).as_millis();
        assert_eq!([0, 1, 2, 3, 4, 9].map(margin), [100, 150, 200, 250, 260, 260]);
    }
}
