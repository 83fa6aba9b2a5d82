//! Random numbers for incarnations, nonces and ids: from the kernel, by the bufferful.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::sys::clock;
use crate::error::{Code, Error, Result};
use crate::proto::machine;

const BUFFER: usize = 512;
/// The length of a SHA-256, of which the buffer holds a whole number.
const RESERVE: usize = 32;

/// Where random bytes come from; another one in tests.
type Fill = fn(&mut [u8]) -> Result<()>;

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
    let mut buffer = Buffer::new(Arc::clone(&renewal.0), fill)?;
    Ok((Box::new(move || buffer.draw()), renewal))
}

struct Buffer {
    bytes: [u8; BUFFER],
    used: usize,
    round: u64,
    rounds: Arc<AtomicU64>,
    /// What was got last and never handed out, for when the kernel gives no more.
    reserve: [u8; RESERVE],
    /// How often the reserve was stretched.
    stretched: u64,
    fill: Fill,
}

impl Buffer {
    fn new(rounds: Arc<AtomicU64>, fill: Fill) -> Result<Self> {
        let (mut bytes, mut reserve) = ([0; BUFFER], [0; RESERVE]);
        fill(&mut bytes)?;
        fill(&mut reserve)?;
        Ok(Self { bytes, used: 0, round: 0, rounds, reserve, stretched: 0, fill })
    }

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

    /// The kernel gave numbers at the start and may refuse now (a seccomp filter that came later):
    /// then what was got is stretched, rather than that the monitor stops watching.
    fn refill(&mut self) {
        self.used = 0;
        let mut fresh = [0; RESERVE];
        if (self.fill)(&mut fresh).and_then(|()| (self.fill)(&mut self.bytes)).is_ok() {
            self.reserve = fresh;
            return;
        }
        let now = clock::mono().as_nanos();
        for chunk in self.bytes.chunks_exact_mut(RESERVE) {
            self.stretched = self.stretched.wrapping_add(1);
            chunk.copy_from_slice(&stretch(&self.reserve, self.stretched, now));
        }
    }
}

/// Numbers that nobody can tell who does not have the reserve, also from all the others.
fn stretch(reserve: &[u8; RESERVE], number: u64, now: u64) -> [u8; RESERVE] {
    let mut hash = Sha256::new();
    hash.update(reserve);
    hash.update(number.to_ne_bytes());
    hash.update(now.to_ne_bytes());
    hash.finalize().into()
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| {
        Error::new(Code::Io, format!("the system gives no random numbers: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::AtomicBool;
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

    #[test]
    fn a_kernel_that_refuses_later_leaves_numbers_that_nobody_can_tell() {
        static REFUSES: AtomicBool = AtomicBool::new(false);
        let fill: Fill = |bytes| {
            let refusal = || Error::new(Code::Io, "refused");
            if REFUSES.load(Ordering::Relaxed) { Err(refusal()) } else { fill(bytes) }
        };
        let mut buffers =
            [(); 2].map(|()| Buffer::new(Arc::default(), fill).unwrap_or_else(|_| panic!("full")));
        REFUSES.store(true, Ordering::Relaxed);
        let mut seen = HashSet::new();
        for _ in 0..1000 {
            for buffer in &mut buffers {
                assert!(seen.insert(buffer.draw()));
            }
        }
        // The clock alone must not tell them apart.
        let [one, other] = buffers;
        assert_ne!(stretch(&one.reserve, 1, 7), stretch(&other.reserve, 1, 7));
        assert_ne!(stretch(&one.reserve, 1, 7), stretch(&one.reserve, 2, 7));
        assert_ne!(one.reserve, [0; RESERVE]);
    }
}
