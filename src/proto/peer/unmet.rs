//! When it is worth a line in the log that a demand is not met: not for the seconds that a greeting
//! or a change of interval takes.

use core::time::Duration;

use crate::proto::time::Time;

/// So long it must last.
const LASTING: Duration = Duration::from_secs(10);

/// What was told of one peer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unmet {
    since: Option<Time>,
    told: bool,
}

impl Unmet {
    /// Whether there is something new to tell at `now`, when the demand is `unmet` or not.
    pub fn is_news(&mut self, unmet: bool, now: Time) -> bool {
        if !unmet {
            self.since = None;
            return core::mem::take(&mut self.told);
        }
        let since = *self.since.get_or_insert(now);
        let lasts = now.since(since) >= LASTING;
        lasts && !core::mem::replace(&mut self.told, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_told_once_and_so_is_its_end() {
        let mut unmet = Unmet::default();
        let at = |seconds: u64| Time::from_millis(seconds * 1000);
        assert!(!unmet.is_news(true, at(1)));
        assert!(!unmet.is_news(false, at(9)));
        assert!(!unmet.is_news(true, at(10)));
        assert!(!unmet.is_news(true, at(19)));
        assert!(unmet.is_news(true, at(20)));
        assert!(!unmet.is_news(true, at(90)));
        assert!(unmet.is_news(false, at(91)));
        assert!(!unmet.is_news(false, at(92)));
    }
}
