//! Random numbers for incarnations, nonces and ids: from the kernel, by the bufferful.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use super::sys::clock;
use crate::error::{Code, Error, Result};
use crate::proto::machine;

const BUFFER: usize = 512;

/// Makes a source draw afresh.
#[derive(Clone, Debug, Default)]
pub struct Renewal(Arc<AtomicU64>);

impl Renewal {
    /// Throws away what is buffered: a monitor that was made before a fork and is started in
    /// several children must not draw the same incarnation in all of them.
    ///
    /// # Errors
    ///
    /// [`Code::Io`] if the kernel gives no random numbers.
    pub fn renew(&self) -> Result<()> {
        fill(&mut [0; 8])?;
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// A source for the machine.
///
/// # Errors
///
/// [`Code::Io`] if the kernel gives no random numbers.
pub fn source() -> Result<(machine::Entropy, Renewal)> {
    let renewal = Renewal::default();
    let mut bytes = [0; BUFFER];
    fill(&mut bytes)?;
    let mut buffer =
        Buffer { bytes, used: 0, round: 0, rounds: Arc::clone(&renewal.0), fallback: 0 };
    Ok((Box::new(move || buffer.draw()), renewal))
}

struct Buffer {
    bytes: [u8; BUFFER],
    used: usize,
    round: u64,
    rounds: Arc<AtomicU64>,
    fallback: u64,
}

impl Buffer {
    fn draw(&mut self) -> u64 {
        let round = self.rounds.load(Ordering::Relaxed);
        if self.used + 8 > BUFFER || round != self.round {
            self.round = round;
            self.refill();
        }
        let mut word = [0; 8];
        word.copy_from_slice(&self.bytes[self.used..self.used + 8]);
        // Not kept in memory after use: what was drawn is a secret until it is sent.
        self.bytes[self.used..self.used + 8].fill(0);
        self.used += 8;
        // Zero means "none" for incarnations and nonces.
        u64::from_ne_bytes(word).max(1)
    }

    /// The kernel gave numbers at the start and refuses now (a seccomp filter that came later):
    /// stretch what was got, mixed with the time, rather than stop watching.
    fn refill(&mut self) {
        let last = self.bytes;
        self.used = 0;
        if fill(&mut self.bytes).is_ok() {
            return;
        }
        let seed = last.iter().fold(self.fallback, |seed, byte| mix(seed ^ u64::from(*byte)));
        self.fallback = seed ^ clock::mono().as_nanos();
        for word in self.bytes.chunks_exact_mut(8) {
            self.fallback = mix(self.fallback);
            word.copy_from_slice(&self.fallback.to_ne_bytes());
        }
    }
}

/// The finaliser of splitmix64 with its increment.
fn mix(seed: u64) -> u64 {
    let mut word = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| {
        Error::new(Code::Io, format!("the system gives no random numbers: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_do_not_repeat_across_bufferfuls_and_renewals() {
        let (mut draw, renewal) = source().unwrap();
        let mut seen = HashSet::new();
        for round in 0..1000 {
            if round % 100 == 0 {
                renewal.renew().unwrap();
            }
            assert!(seen.insert(draw()));
        }
    }
}
