//! The peer's lives: which incarnation is current, which are retired, which has proven itself
//! (rules R1, R2, R7).

use crate::proto::memory::RETIRED;

/// The incarnations of one peer, as far as they are known. They are compared for equality only.
#[derive(Clone, Debug, Default)]
pub struct Lives {
    current: u64,
    retired: [u64; RETIRED],
    next: usize,
}

impl Lives {
    /// The current incarnation; 0 = none yet.
    pub fn current(&self) -> u64 {
        self.current
    }

    /// Those of an earlier life of this monitor. Their order is that of [`Lives::retired`], or unknown.
    pub fn restore(current: u64, retired: [u64; RETIRED]) -> Self {
        Self { current, retired, next: 0 }
    }

    /// The retired incarnations, the latest last; 0 = none.
    pub fn retired(&self) -> [u64; RETIRED] {
        let mut retired = self.retired;
        retired.rotate_left(self.next);
        retired
    }

    /// Whether `incarnation` is the current one.
    pub fn is_current(&self, incarnation: u64) -> bool {
        incarnation != 0 && incarnation == self.current
    }

    /// Whether `incarnation` was current once. It is never accepted again.
    pub fn is_retired(&self, incarnation: u64) -> bool {
        incarnation != 0 && self.retired.contains(&incarnation)
    }

    /// Makes `incarnation` the current one and retires the former.
    pub fn accept(&mut self, incarnation: u64) {
        if self.current != 0 {
            if let Some(place) = self.retired.get_mut(self.next) {
                *place = self.current;
            }
            self.next = (self.next + 1) % RETIRED;
        }
        self.current = incarnation;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_latest_former_lives_are_retired() {
        let mut lives = Lives::default();
        assert!(!lives.is_current(0));
        assert!(!lives.is_retired(0));
        for incarnation in 1..=6 {
            lives.accept(incarnation);
        }
        assert!(lives.is_current(6));
        assert!((2..=5).all(|life| lives.is_retired(life)));
        assert!(!lives.is_retired(1));
        assert!(!lives.is_retired(6));
        assert_eq!(lives.retired(), [2, 3, 4, 5]);
    }

    #[test]
    fn what_is_restored_forgets_the_oldest_first() {
        let mut lives = Lives::default();
        lives.accept(1);
        lives.accept(2);
        lives.accept(3);
        assert_eq!(lives.retired(), [0, 0, 1, 2]);
        let mut lives = Lives::restore(lives.current(), lives.retired());
        for incarnation in 4..=6 {
            lives.accept(incarnation);
        }
        assert_eq!(lives.retired(), [2, 3, 4, 5]);
    }
}
