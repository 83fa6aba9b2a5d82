//! Whose turn it is to think: calibrators solve one after the other, never two in one turn of the
//! loop, so that no heartbeat waits for more than one of them.

use core::time::Duration;

use crate::proto::detector::calibrator::{CAPACITY, Workspace};
use crate::proto::time::Time;

/// The least time between two solves. One takes well below a millisecond, so that all of them
/// together never take more than a twentieth of a core.
const SPACING: Duration = Duration::from_millis(20);

/// The memory for solves, and when the last one was.
#[derive(Debug, Default)]
pub struct Solver {
    /// Empty until some peer needs it.
    workspace: Option<Workspace>,
    last: Option<Time>,
}

impl Solver {
    /// Some peer needs it: all memory is taken here.
    pub fn prepare(&mut self) {
        self.workspace.get_or_insert_with(|| Workspace::new(CAPACITY));
    }

    /// The memory for one solve, if it is time for one.
    pub fn take_turn(&mut self, now: Time) -> Option<&mut Workspace> {
        if self.last.is_some_and(|last| now.since(last) < SPACING) {
            return None;
        }
        let workspace = self.workspace.as_mut()?;
        self.last = Some(now);
        Some(workspace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_solve_at_a_time_and_none_without_need() {
        let mut solver = Solver::default();
        assert!(solver.take_turn(Time::from_millis(1000)).is_none());
        solver.prepare();
        assert!(solver.take_turn(Time::from_millis(1000)).is_some());
        assert!(solver.take_turn(Time::from_millis(1019)).is_none());
        assert!(solver.take_turn(Time::from_millis(1020)).is_some());
    }
}
