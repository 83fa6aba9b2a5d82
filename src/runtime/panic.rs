//! A panic of ours is ours: it goes into the log and never onto the host's stderr.

use core::cell::RefCell;
use std::any::Any;
use std::panic;
use std::sync::Once;

use crate::notify::log::Logger;

thread_local! {
    /// Where panics of this thread are told; `None` on threads of the host.
    static LOGGER: RefCell<Option<Logger>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Panics of this thread go into a log, and nowhere else, while this lives.
#[derive(Debug)]
pub struct Hushed {
    former: Option<Logger>,
}

impl Hushed {
    /// From now on panics of this thread are told to `logger`.
    pub fn new(logger: Logger) -> Self {
        install();
        let former = LOGGER.try_with(|slot| slot.replace(Some(logger))).ok().flatten();
        Self { former }
    }
}

impl Drop for Hushed {
    fn drop(&mut self) {
        let _ = LOGGER.try_with(|slot| slot.replace(self.former.take()));
    }
}

/// What a panic said.
pub fn words(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without words")
}

/// Puts our hook in front of the one that is there, once. In the shared library this touches
/// nobody else, because it has a std of its own; in a static one the former hook still gets every
/// panic of every other thread.
fn install() {
    HOOK.call_once(|| {
        let former = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let logger =
                LOGGER.try_with(|slot| slot.try_borrow().ok().and_then(|slot| slot.clone()));
            match logger {
                Ok(Some(logger)) => {
                    let place = info.location().map(ToString::to_string).unwrap_or_default();
                    logger.error(format_args!("panic at {place}: {}", words(info.payload())));
                }
                _ => former(info),
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_hushed_thread_goes_into_the_log() {
        let (logger, lines) = Logger::new();
        std::thread::spawn(move || {
            let _hushed = Hushed::new(logger);
            let payload = panic::catch_unwind(|| panic!("number {}", 7)).unwrap_err();
            assert_eq!(words(&*payload), "number 7");
        })
        .join()
        .unwrap();
        let line = lines.recv().unwrap();
        assert!(line.text.starts_with("panic at src/runtime/panic.rs:"), "{}", line.text);
        assert!(line.text.ends_with(": number 7"), "{}", line.text);
    }
}
