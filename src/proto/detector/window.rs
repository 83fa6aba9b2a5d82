//! The mean of the last `n` values, exact: whole numbers in, so that nothing drifts.

use std::collections::VecDeque;

/// The last values and their sum.
#[derive(Clone, Debug)]
pub struct Window {
    size: usize,
    ring: VecDeque<i128>,
    sum: i128,
}

impl Window {
    /// An empty window of `size` values, at least one; all memory is taken here.
    pub fn new(size: usize) -> Self {
        let size = size.max(1);
        Self { size, ring: VecDeque::with_capacity(size), sum: 0 }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// Takes a value; the oldest one goes if the window is full.
    pub fn push(&mut self, value: i128) {
        if self.ring.len() == self.size {
            self.sum -= self.ring.pop_front().unwrap_or_default();
        }
        self.ring.push_back(value);
        self.sum += value;
    }

    /// The mean, rounded down; 0 without values.
    pub fn mean(&self) -> i128 {
        match self.ring.len() {
            0 => 0,
            n => self.sum.div_euclid(n as i128),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_that_of_the_newest_values() {
        let mut window = Window::new(3);
        for value in [1000, 1, 2, 6] {
            window.push(value);
        }
        assert_eq!((window.len(), window.mean()), (3, 3));
        window.push(-9);
        assert_eq!(window.mean(), -1);
    }
}
