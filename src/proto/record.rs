//! The status record of one peer: the table of the original design, row by row.

/// The six fields of the status file of the original design.
///
/// `running_a` and `running_b` are `None` where the table says "-"; their values are beat numbers
/// and change with every heartbeat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusRecord {
    /// The peer said that it started.
    pub start: bool,
    /// The value of the last heartbeat.
    pub running_a: Option<u64>,
    /// The value that A had at the last tick of the judge timer.
    pub running_b: Option<u64>,
    /// The peer said that it ended.
    pub end: bool,
    /// The peer was judged down and is waited for.
    pub recovery_wait: bool,
}

impl StatusRecord {
    /// Row (a): initialised.
    pub const INITIALISED: Self =
        Self { start: false, running_a: None, running_b: None, end: false, recovery_wait: false };

    /// Row (b), and row (f) when it ends an outage: START received.
    pub fn on_start(&mut self) {
        *self = Self { start: true, ..Self::INITIALISED };
    }

    /// Row (c): a heartbeat of value `beat` received. Ends an outage too (row (f) by RUNNING).
    pub fn on_running(&mut self, beat: u64) {
        if self.recovery_wait || self.end {
            self.on_start();
        }
        self.start = true;
        self.running_a = Some(beat);
    }

    /// Row (d): END received; A and B keep their last values.
    pub fn on_end(&mut self) {
        self.start = false;
        self.end = true;
        self.recovery_wait = false;
    }

    /// Row (e): judged down.
    pub fn on_down(&mut self) {
        *self = Self { recovery_wait: true, ..Self::INITIALISED };
    }

    /// A tick of the judge timer: compares A with B, copies A to B, and says whether they differed.
    pub fn on_tick(&mut self) -> bool {
        let changed = self.running_a != self.running_b;
        self.running_b = self.running_a;
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(start: u8, a: Option<u64>, b: Option<u64>, end: u8, wait: u8) -> StatusRecord {
        StatusRecord {
            start: start == 1,
            running_a: a,
            running_b: b,
            end: end == 1,
            recovery_wait: wait == 1,
        }
    }

    #[test]
    fn the_table_of_the_original_design_holds_row_by_row() {
        let mut record = StatusRecord::default();
        assert_eq!(record, row(0, None, None, 0, 0), "(a)");
        record.on_start();
        assert_eq!(record, row(1, None, None, 0, 0), "(b)");
        record.on_running(1);
        assert!(record.on_tick());
        record.on_running(2);
        assert_eq!(record, row(1, Some(2), Some(1), 0, 0), "(c)");
        let mut ended = record;
        ended.on_end();
        assert_eq!(ended, row(0, Some(2), Some(1), 1, 0), "(d)");
        record.on_down();
        assert_eq!(record, row(0, None, None, 0, 1), "(e)");
        record.on_start();
        assert_eq!(record, row(1, None, None, 0, 0), "(f)");
    }

    #[test]
    fn a_recovery_by_running_sets_the_start_flag_and_a() {
        let mut record = StatusRecord::default();
        record.on_running(7);
        record.on_tick();
        record.on_down();
        record.on_running(9);
        assert_eq!(record, row(1, Some(9), None, 0, 0));
    }

    #[test]
    fn a_start_clears_the_end_flag_and_both_values() {
        let mut record = StatusRecord::default();
        record.on_running(7);
        record.on_tick();
        record.on_end();
        record.on_start();
        assert_eq!(record, row(1, None, None, 0, 0));
    }

    #[test]
    fn a_tick_says_whether_the_value_changed_since_the_last_one() {
        let mut record = StatusRecord::default();
        assert!(!record.on_tick());
        record.on_running(1);
        assert!(record.on_tick());
        assert!(!record.on_tick());
    }
}
