//! Breadth-first search of a whole state space, exact: states are compared, not their hashes.

use std::fmt::{Debug, Display, Write};
use std::hash::{Hash, Hasher};

/// Something that can be searched.
pub trait Model {
    type State: Copy + Eq + Hash + Debug;
    type Step: Copy + Display;

    fn initial(&self) -> Self::State;

    /// Everything that can happen in `state`.
    fn steps(&self, state: &Self::State, steps: &mut Vec<Self::Step>);

    /// What `step` makes of `state`, or the promise that it breaks.
    fn take(&self, state: &Self::State, step: Self::Step) -> Result<Self::State, String>;
}

/// How a search ended.
#[derive(Debug)]
pub struct Found {
    /// How many different states were reached.
    pub states: usize,
    /// How many steps were taken.
    pub steps: usize,
    /// The shortest way to a broken promise.
    pub broken: Option<Broken>,
}

/// A broken promise, and the shortest way to it.
#[derive(Debug)]
pub struct Broken {
    pub promise: String,
    /// What happened, one step per line, the last one breaks the promise.
    pub trace: String,
}

/// Searches until a promise is broken or everything was seen; panics beyond `limit` states, because
/// a search that stops early proves nothing.
pub fn search<M: Model>(model: &M, limit: usize) -> Found {
    let mut reached = Reached::new();
    reached.add(model.initial(), 0);
    let mut steps = Vec::new();
    let mut taken = 0;
    let mut at = 0;
    while let Some(state) = reached.states.get(at).copied() {
        steps.clear();
        model.steps(&state, &mut steps);
        for step in &steps {
            taken += 1;
            match model.take(&state, *step) {
                Ok(next) => reached.add(next, at),
                Err(promise) => {
                    let trace = trace(model, &reached, at, *step);
                    let broken = Some(Broken { promise, trace });
                    return Found { states: reached.states.len(), steps: taken, broken };
                }
            }
        }
        assert!(reached.states.len() <= limit, "more than {limit} states");
        at += 1;
    }
    Found { states: reached.states.len(), steps: taken, broken: None }
}

/// The way from the beginning to `at`, and `last`. Only the parents are kept: which step led from
/// one state to the next is found again.
fn trace<M: Model>(model: &M, reached: &Reached<M::State>, at: usize, last: M::Step) -> String {
    let mut way = vec![at];
    while way[way.len() - 1] != 0 {
        way.push(reached.parents[way[way.len() - 1]] as usize);
    }
    way.reverse();
    let mut told = String::new();
    for pair in way.windows(2) {
        let (from, to) = (reached.states[pair[0]], reached.states[pair[1]]);
        let mut steps = Vec::new();
        model.steps(&from, &mut steps);
        let leads = |step: &M::Step| model.take(&from, *step) == Ok(to);
        let step = steps.into_iter().find(leads).expect("a step led here");
        writeln!(told, "  {step}").unwrap();
    }
    writeln!(told, "  {last}").unwrap();
    told
}

/// The states reached so far, in the order of the search. The table holds their numbers, so that a
/// state is kept once.
struct Reached<S> {
    states: Vec<S>,
    parents: Vec<u32>,
    /// Open addressing: the number of a state plus one; 0 = free. Its length is a power of two.
    table: Vec<u32>,
}

impl<S: Copy + Eq + Hash> Reached<S> {
    fn new() -> Self {
        Self { states: Vec::new(), parents: Vec::new(), table: vec![0; 1 << 12] }
    }

    fn add(&mut self, state: S, parent: usize) {
        let place = self.place(&state);
        if self.table[place] != 0 {
            return;
        }
        self.states.push(state);
        self.parents.push(parent as u32);
        self.table[place] = self.states.len() as u32;
        if self.states.len() * 2 > self.table.len() {
            self.table = vec![0; self.table.len() * 2];
            for number in 0..self.states.len() {
                let place = self.place(&self.states[number]);
                self.table[place] = number as u32 + 1;
            }
        }
    }

    /// Where `state` is, or would be.
    fn place(&self, state: &S) -> usize {
        let mut hasher = Quick(0);
        state.hash(&mut hasher);
        let mask = self.table.len() - 1;
        let mut place = hasher.finish() as usize & mask;
        while self.table[place] != 0 && self.states[self.table[place] as usize - 1] != *state {
            place = (place + 1) & mask;
        }
        place
    }
}

/// States are many small fields; a collision costs one comparison.
struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u8(*byte));
    }

    fn write_u8(&mut self, byte: u8) {
        self.0 = (self.0.rotate_left(5) ^ u64::from(byte)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two counters up to 99; that both are 42 may be forbidden.
    struct Counters {
        forbidden: bool,
    }

    impl Model for Counters {
        type State = (u8, u8);
        type Step = &'static str;

        fn initial(&self) -> (u8, u8) {
            (0, 0)
        }

        fn steps(&self, state: &(u8, u8), steps: &mut Vec<&'static str>) {
            steps.extend(Some("left").filter(|_| state.0 < 99));
            steps.extend(Some("right").filter(|_| state.1 < 99));
        }

        fn take(&self, state: &(u8, u8), step: &'static str) -> Result<(u8, u8), String> {
            let next = match step {
                "left" => (state.0 + 1, state.1),
                _ => (state.0, state.1 + 1),
            };
            if self.forbidden && next == (42, 42) { Err("both 42".into()) } else { Ok(next) }
        }
    }

    #[test]
    fn a_search_sees_every_state_once() {
        let found = search(&Counters { forbidden: false }, 10_000);
        assert_eq!((found.states, found.steps), (10_000, 2 * 99 * 100));
        assert!(found.broken.is_none());
    }

    #[test]
    fn a_search_finds_the_shortest_way_to_what_is_forbidden() {
        let broken = search(&Counters { forbidden: true }, 10_000).broken.unwrap();
        assert_eq!(broken.promise, "both 42");
        assert_eq!(broken.trace.lines().count(), 84);
    }

    #[test]
    #[should_panic(expected = "more than 9999 states")]
    fn a_search_that_would_stop_early_fails() {
        search(&Counters { forbidden: false }, 9_999);
    }
}
