//! The timers of one peer are data: a table of due times. The table is the truth, so a timer that
//! was moved or cleared cannot fire.

use crate::proto::time::Time;

/// What can be due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Send the next RUNNING or START.
    Beat,
    /// Repeat END to a peer that has not acknowledged it.
    Leave,
    /// The incumbent had its time to answer a probe (rule R7).
    Probe,
    /// Half of the margin is gone: LATE.
    Late,
    /// The detector's deadline.
    Deadline,
    /// The peer was never heard: NOT_SEEN.
    FirstContact,
    /// The announced pause is over: OVERDUE.
    Overdue,
    /// Lifelines want something: a connection, a sign that they are used, an end of waiting.
    Line,
    /// Half of the margin is gone: lifeline data, to tell a frozen process from a cut.
    Nudge,
    /// A lifeline ended or a probe was refused, and its time to be confirmed is over.
    Confirm,
}

impl Timer {
    /// Every timer, in the order in which those of equal time fire.
    const ALL: [Self; 10] = [
        Self::Beat,
        Self::Leave,
        Self::Probe,
        Self::Line,
        Self::Confirm,
        Self::Nudge,
        Self::Late,
        Self::Deadline,
        Self::FirstContact,
        Self::Overdue,
    ];
}

/// The due times of one peer.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    due: [Option<Time>; Timer::ALL.len()],
}

impl Timers {
    /// Sets or clears one.
    pub fn set(&mut self, timer: Timer, due: Option<Time>) {
        if let Some(slot) = self.due.get_mut(timer as usize) {
            *slot = due;
        }
    }

    /// When one is due.
    pub fn due(&self, timer: Timer) -> Option<Time> {
        self.due.get(timer as usize).copied().flatten()
    }

    /// The earliest due time.
    pub fn next(&self) -> Option<Time> {
        self.due.iter().flatten().min().copied()
    }

    /// Takes the earliest timer that is due at `now` off the table.
    pub fn take_due(&mut self, now: Time) -> Option<Timer> {
        let due_of = |timer: &Timer| self.due(*timer).filter(|due| *due <= now);
        let first = Timer::ALL
            .into_iter()
            .filter_map(|timer| due_of(&timer).map(|due| (timer, due)))
            .min_by_key(|(_, due)| *due)?;
        self.set(first.0, None);
        Some(first.0)
    }

    /// Clears all.
    pub fn clear(&mut self) {
        self.due = Default::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_of_time_and_only_once() {
        let mut timers = Timers::default();
        timers.set(Timer::Deadline, Some(Time::from_millis(5)));
        timers.set(Timer::Overdue, Some(Time::from_millis(3)));
        timers.set(Timer::Beat, Some(Time::from_millis(9)));
        assert_eq!(timers.next(), Some(Time::from_millis(3)));
        let now = Time::from_millis(5);
        assert_eq!(timers.take_due(now), Some(Timer::Overdue));
        assert_eq!(timers.take_due(now), Some(Timer::Deadline));
        assert_eq!(timers.take_due(now), None);
        assert_eq!(timers.next(), Some(Time::from_millis(9)));
    }
}
