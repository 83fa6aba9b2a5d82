//! Must-have: whatever goes wrong inside of an exported function, a code comes out of it.

use core::ffi::{c_char, c_void};
use core::ptr;
use std::collections::BTreeSet;

use super::constants::*;
use super::panics::{self, injected};
use super::types::{
    monitor_activity_t, monitor_config_t, monitor_event_t, monitor_interrupt_t,
    monitor_peer_status_t, monitor_statistics_t, monitor_t,
};
use super::{activity, ask, callbacks, config, control, detail, dispatch, life, statistics, text};

/// What every function is called with: one of each kind of argument.
struct Arguments {
    config: *mut monitor_config_t,
    monitor: *mut monitor_t,
    out_config: *mut monitor_config_t,
    out_monitor: *mut monitor_t,
    activity: monitor_activity_t,
    status: Box<[u8]>,
    word: *const c_char,
    null: *mut c_void,
}

type Call = (&'static str, fn(&mut Arguments) -> i32);

unsafe extern "C-unwind" fn on_event(_: *const monitor_event_t, _: *mut c_void) {}
unsafe extern "C-unwind" fn on_interrupt(_: *const monitor_interrupt_t, _: *mut c_void) {}
unsafe extern "C-unwind" fn on_log(_: i32, _: *const c_char, _: *mut c_void) {}
unsafe extern "C-unwind" fn on_peer(_: *const monitor_peer_status_t, _: *mut c_void) {}

/// SAFETY, for all of them: the handles are tokens, the strings and structs stand during the calls.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all, above")]
const CALLS: [Call; 29] = [
    ("monitor_config_new", |a| unsafe { config::monitor_config_new(&raw mut a.out_config) }),
    ("monitor_config_load", |a| unsafe { config::monitor_config_load(a.config, a.word) }),
    ("monitor_config_set", |a| unsafe { config::monitor_config_set(a.config, a.word, a.word) }),
    ("monitor_config_add_peer", |a| unsafe {
        config::monitor_config_add_peer(a.config, a.word, a.word)
    }),
    ("monitor_config_free", |a| unsafe { config::monitor_config_free(a.config) }),
    ("monitor_init", |a| unsafe { life::monitor_init(&raw mut a.out_monitor, a.config) }),
    ("monitor_app_start", |a| unsafe { life::monitor_app_start(a.monitor) }),
    ("monitor_app_alive", |a| unsafe { life::monitor_app_alive(a.monitor) }),
    ("monitor_app_end", |a| unsafe { life::monitor_app_end(a.monitor) }),
    ("monitor_free", |a| unsafe { life::monitor_free(a.monitor) }),
    ("monitor_activity_begin", |a| unsafe {
        activity::monitor_activity_begin(a.monitor, a.word, 1000, &raw mut a.activity)
    }),
    ("monitor_activity_alive", |a| unsafe {
        activity::monitor_activity_alive(a.monitor, a.activity)
    }),
    ("monitor_activity_end", |a| unsafe { activity::monitor_activity_end(a.monitor, a.activity) }),
    ("monitor_on_event", |a| unsafe {
        callbacks::monitor_on_event(a.monitor, MONITOR_EVENT_ALL, Some(on_event), a.null)
    }),
    ("monitor_on_event_full", |a| unsafe {
        callbacks::monitor_on_event_full(a.monitor, 1, Some(on_event), a.null, None)
    }),
    ("monitor_on_interrupt", |a| unsafe {
        callbacks::monitor_on_interrupt(a.monitor, Some(on_interrupt), a.null)
    }),
    ("monitor_on_interrupt_full", |a| unsafe {
        callbacks::monitor_on_interrupt_full(a.monitor, Some(on_interrupt), a.null, None)
    }),
    ("monitor_on_log", |a| unsafe {
        callbacks::monitor_on_log(a.monitor, MONITOR_LOG_INFO, Some(on_log), a.null)
    }),
    ("monitor_on_log_full", |a| unsafe {
        callbacks::monitor_on_log_full(a.monitor, MONITOR_LOG_INFO, Some(on_log), a.null, None)
    }),
    ("monitor_event_fd", |a| unsafe { dispatch::monitor_event_fd(a.monitor) }),
    ("monitor_dispatch", |a| unsafe { dispatch::monitor_dispatch(a.monitor, 0) }),
    ("monitor_peer_status", |a| unsafe {
        ask::monitor_peer_status(a.monitor, a.word, a.status.as_mut_ptr().cast())
    }),
    ("monitor_each_peer", |a| unsafe { ask::monitor_each_peer(a.monitor, Some(on_peer), a.null) }),
    ("monitor_statistics", |a| unsafe {
        let out: *mut monitor_statistics_t = a.status.as_mut_ptr().cast();
        statistics::monitor_statistics(a.monitor, out)
    }),
    ("monitor_add_peer", |a| unsafe { control::monitor_add_peer(a.monitor, a.word, a.word) }),
    ("monitor_remove_peer", |a| unsafe { control::monitor_remove_peer(a.monitor, a.word) }),
    ("monitor_pause", |a| unsafe { control::monitor_pause(a.monitor, 1, 1) }),
    ("monitor_resume", |a| unsafe { control::monitor_resume(a.monitor) }),
    ("monitor_last_error", |a| unsafe {
        let length = text::monitor_last_error(a.status.as_mut_ptr().cast(), a.status.len());
        assert_eq!(length, 0, "it has no code to return");
        MONITOR_ERR_INTERNAL
    }),
];

/// Nothing in them can go wrong: one table each, and no argument that is looked at.
const CONSTANT: [&str; 4] =
    ["monitor_strerror", "monitor_event_name", "monitor_reason_name", "monitor_version"];

#[test]
fn an_injected_panic_in_every_exported_function_becomes_a_code() {
    panics::install();
    let mut status = vec![0_u8; 1024].into_boxed_slice();
    status[..4].copy_from_slice(&1024_u32.to_ne_bytes());
    let mut arguments = Arguments {
        config: ptr::null_mut(),
        monitor: ptr::null_mut(),
        out_config: ptr::null_mut(),
        out_monitor: ptr::null_mut(),
        activity: 0,
        status,
        word: c"name".as_ptr(),
        null: ptr::null_mut(),
    };
    // SAFETY: the handles are stored in variables of this test, the strings are constants.
    unsafe {
        assert_eq!(config::monitor_config_new(&raw mut arguments.config), MONITOR_OK);
        let name = config::monitor_config_set(arguments.config, arguments.word, c"a".as_ptr());
        assert_eq!(name, MONITOR_OK);
        let made = life::monitor_init(&raw mut arguments.monitor, arguments.config);
        assert_eq!(made, MONITOR_OK);
    }
    for (name, call) in CALLS {
        injected::next();
        assert_eq!(call(&mut arguments), MONITOR_ERR_INTERNAL, "{name}");
        assert!(!injected::is_left(), "{name} has no guard");
        let text = detail::read(|text| String::from_utf8_lossy(text).into_owned()).unwrap();
        let told = text.starts_with("internal error at ") && text.ends_with("injected");
        let silent = ["monitor_app_alive", "monitor_activity_alive"].contains(&name);
        assert!(told || silent, "{name}: {text}");
    }
    // Nothing was done, and nothing is broken.
    // SAFETY: as above.
    unsafe {
        assert_eq!(life::monitor_free(arguments.monitor), MONITOR_OK);
        assert_eq!(config::monitor_config_free(arguments.config), MONITOR_OK);
    }
}

#[test]
fn every_exported_function_is_called_with_a_panic_or_cannot_have_one() {
    let called: BTreeSet<&str> = CALLS.iter().map(|(name, _)| *name).chain(CONSTANT).collect();
    let exported: BTreeSet<&str> = include_str!("../../tests/exports.txt").lines().collect();
    assert_eq!(called, exported);
}
