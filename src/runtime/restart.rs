//! A thread of ours that panics goes on: one bug must not cost the host its monitor. Too many bugs
//! do, and openly.

use core::time::Duration;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::panic::words;
use crate::notify::log::Logger;

/// So many panics within [`WINDOW`] are survived; the next one is final.
pub const RESTARTS: usize = 3;
/// Panics that are older are forgotten: a rare one must not end a monitor that runs for years.
const WINDOW: Duration = Duration::from_secs(3600);

/// Runs `body` until it returns, again and again if it panics. `what` names it in the log. `body`
/// must be able to begin anew with whatever it left behind.
///
/// # Errors
///
/// What the last panic said, if there were too many.
pub fn persist(what: &str, logger: &Logger, mut body: impl FnMut()) -> Result<(), String> {
    persist_with(what, logger, &mut (), |()| body(), |()| false)
}

/// As [`persist`], with what `body` works on; a panic after which it `is_beyond_repair` is final.
///
/// # Errors
///
/// Those of [`persist`].
pub fn persist_with<S>(
    what: &str,
    logger: &Logger,
    state: &mut S,
    mut body: impl FnMut(&mut S),
    is_beyond_repair: impl Fn(&S) -> bool,
) -> Result<(), String> {
    let mut panics = VecDeque::with_capacity(RESTARTS + 1);
    loop {
        let caught = catch_unwind(AssertUnwindSafe(|| body(state)));
        let Err(payload) = caught else { return Ok(()) };
        let text = words(&*payload).to_owned();
        // Its destructor could be the next bug.
        core::mem::forget(payload);
        let now = Instant::now();
        panics.retain(|before| now.duration_since(*before) < WINDOW);
        panics.push_back(now);
        if panics.len() > RESTARTS || is_beyond_repair(state) {
            return Err(text);
        }
        let (count, most) = (panics.len(), RESTARTS);
        logger.error(format_args!("{what} goes on after panic {count} of at most {most}: {text}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_panics_are_survived_and_one_more_is_final() {
        let (logger, lines) = Logger::new();
        let mut begun = 0;
        let outcome = persist("peermon-test", &logger, || {
            begun += 1;
            assert!(begun > RESTARTS, "number {begun}");
        });
        assert_eq!((outcome, begun), (Ok(()), RESTARTS + 1));
        assert_eq!(lines.try_iter().count(), RESTARTS);
        let outcome = persist("peermon-test", &logger, || panic!("always"));
        assert_eq!(outcome, Err("always".to_owned()));
    }
}
