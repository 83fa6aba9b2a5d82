//! Lifelines that are cut although the peer lives: middleboxes forget idle connections, and worse.

use core::time::Duration;

use crate::proto::time::Time;

/// Three cuts within this time are no accident.
const WITHIN: Duration = Duration::from_secs(600);
const CUTS: usize = 3;
/// Lifelines that would have to be used more often than this are not worth it.
const LEAST_USE: Duration = Duration::from_secs(1);

/// Something on the way cuts lifelines: a middlebox with a time-out, or worse.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cuts {
    at: [Option<Time>; CUTS],
    next: usize,
    shortest: Duration,
    /// They are used this often, so that no time-out cuts them.
    pub use_every: Option<Duration>,
    pub given_up: bool,
}

impl Cuts {
    /// A lifeline that had stood for `life` was cut, and the peer lives.
    pub fn note(&mut self, life: Duration, now: Time) {
        let recent = |at: &Option<Time>| at.is_some_and(|at| now.since(at) < WITHIN);
        let before = self.at.iter().filter(|at| recent(at)).count();
        self.shortest = if before == 0 { life } else { self.shortest.min(life) };
        if let Some(place) = self.at.get_mut(self.next) {
            *place = Some(now);
        }
        self.next = (self.next + 1) % CUTS;
        if before + 1 < CUTS {
            return;
        }
        let often = self.shortest / 2;
        if self.use_every.is_some() || often < LEAST_USE {
            self.given_up = true;
        } else {
            *self = Self { use_every: Some(often), shortest: self.shortest, ..Self::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    #[test]
    fn three_cuts_in_ten_minutes_are_answered_by_using_the_line_and_three_more_end_it() {
        let mut cuts = Cuts::default();
        for at in [60, 120] {
            cuts.note(Duration::from_secs(58), s(at));
            assert_eq!(cuts.use_every, None);
        }
        cuts.note(Duration::from_secs(50), s(180));
        assert_eq!((cuts.use_every, cuts.given_up), (Some(Duration::from_secs(25)), false));
        for at in [240, 300] {
            cuts.note(Duration::from_secs(59), s(at));
            assert!(!cuts.given_up);
        }
        cuts.note(Duration::from_secs(59), s(360));
        assert!(cuts.given_up);
    }

    #[test]
    fn cuts_that_lie_far_apart_are_accidents() {
        let mut cuts = Cuts::default();
        for at in (0..20).map(|n| n * 400) {
            cuts.note(Duration::from_secs(400), s(at));
        }
        assert_eq!((cuts.use_every, cuts.given_up), (None, false));
    }

    #[test]
    fn lifelines_that_last_for_a_second_are_given_up_at_once() {
        let mut cuts = Cuts::default();
        for at in [1, 2, 3] {
            cuts.note(Duration::from_millis(900), s(at));
        }
        assert!(cuts.given_up);
    }
}
