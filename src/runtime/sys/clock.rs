//! The clocks, read together.

use crate::proto::time::{Now, Time, Wall};

/// Two readings of the monotonic clock this far apart enclose an interruption; read again, so that
/// a preemption between two clocks does not look like a step of one of them.
const APART: u64 = 50_000;

/// What the clocks say now. The monotonic reading is the first of the four: everything that
/// happened before it had happened when this was called.
pub fn now() -> Now {
    let mut reading = read();
    for _ in 0..3 {
        if reading.1 <= APART {
            break;
        }
        reading = read();
    }
    reading.0
}

/// The monotonic clock alone.
pub fn mono() -> Time {
    Time::from_nanos(nanos(libc::CLOCK_MONOTONIC))
}

fn read() -> (Now, u64) {
    let mono = nanos(libc::CLOCK_MONOTONIC);
    let wall = nanos(libc::CLOCK_REALTIME);
    let boot = nanos(libc::CLOCK_BOOTTIME);
    let after = nanos(libc::CLOCK_MONOTONIC);
    let now = Now {
        mono: Time::from_nanos(mono),
        boot: Time::from_nanos(boot),
        wall: Wall(i64::try_from(wall).unwrap_or(i64::MAX)),
    };
    (now, after.saturating_sub(mono))
}

/// A clock in nanoseconds; zero if the kernel does not have it (none of the three can be missing)
/// or if it stands before its origin.
fn nanos(clock: libc::clockid_t) -> u64 {
    let mut spec = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `spec` is a valid timespec that lives across the call.
    if unsafe { libc::clock_gettime(clock, &mut spec) } != 0 {
        return 0;
    }
    spec_nanos(&spec)
}

/// A timespec in nanoseconds; zero before the origin.
pub(super) fn spec_nanos(spec: &libc::timespec) -> u64 {
    let seconds = u64::try_from(spec.tv_sec).unwrap_or(0);
    let rest = u64::try_from(spec.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_of_a_reading_lies_between_its_neighbours() {
        let before = mono();
        let now = now();
        let after = mono();
        assert!(before <= now.mono && now.mono <= after);
        assert!(now.boot >= now.mono || now.boot > Time::ZERO);
        assert!(now.wall > Wall(0));
    }
}
