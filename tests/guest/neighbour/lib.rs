//! Another Rust library, as another vendor might ship it: a hook of its own, panics that it catches,
//! threads. Built by the test with rustc alone.

use std::hint::black_box;
use std::panic;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

static HOOK_CALLS: AtomicU32 = AtomicU32::new(0);

/// From now on panics of this library are counted, and not printed.
#[unsafe(no_mangle)]
pub extern "C" fn neighbour_set_hook() {
    panic::set_hook(Box::new(|_| _ = HOOK_CALLS.fetch_add(1, Ordering::SeqCst)));
}

/// How often the hook was called.
#[unsafe(no_mangle)]
pub extern "C" fn neighbour_hook_calls() -> u32 {
    HOOK_CALLS.load(Ordering::SeqCst)
}

/// 1 if a panic was caught with what it carried.
#[unsafe(no_mangle)]
pub extern "C" fn neighbour_panic_and_catch() -> i32 {
    let number = black_box(7);
    let caught = panic::catch_unwind(|| panic!("a panic of the neighbour, number {number}"));
    let text = caught.err().and_then(|payload| payload.downcast::<String>().ok());
    i32::from(text.is_some_and(|text| *text == "a panic of the neighbour, number 7"))
}

/// How many of so many threads ended by a panic that their joiner got.
#[unsafe(no_mangle)]
pub extern "C" fn neighbour_panic_on_threads(count: u32) -> i32 {
    let threads: Vec<_> =
        (0..count).map(|number| thread::spawn(move || panic::panic_any(number))).collect();
    let caught = threads.into_iter().enumerate().filter_map(|(number, thread)| {
        let payload = thread.join().err()?.downcast::<u32>().ok()?;
        (usize::try_from(*payload) == Ok(number)).then_some(())
    });
    i32::try_from(caught.count()).unwrap_or(-1)
}
