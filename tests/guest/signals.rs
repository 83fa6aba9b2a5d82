//! Signals belong to the host.

use super::lab::{Lab, is_root};

/// Must-have 7: SigBlk of every thread.
#[test]
fn every_thread_of_the_library_blocks_all_signals_but_those_of_a_crash() {
    let Some(lab) = Lab::new("deaf.c") else { return };
    lab.passes(&["private"]);
    lab.passes(&["shared"]);
}

/// Must-have 7.
#[test]
fn a_host_in_sigwait_gets_all_of_its_signals() {
    let Some(lab) = Lab::new("signals.c") else { return };
    lab.passes(&["sigwait", "5000"]);
}

/// Must-have 7.
#[test]
fn a_host_with_a_signalfd_gets_all_of_its_signals() {
    let Some(lab) = Lab::new("signals.c") else { return };
    lab.passes(&["signalfd", "5000"]);
}

/// Must-have 7.
#[test]
fn a_host_in_ppoll_gets_all_of_its_signals_on_its_own_thread() {
    let Some(lab) = Lab::new("signals.c") else { return };
    lab.passes(&["ppoll", "5000"]);
}

/// Must-have 7.
#[test]
fn the_callers_mask_and_all_dispositions_are_what_they_were_also_after_a_failed_start() {
    let Some(lab) = Lab::new("mask.c") else { return };
    lab.passes(&[]);
}

/// Must-have 7. Without root the host becomes what it is, which interrupts all threads just so.
#[test]
fn setuid_returns_and_every_thread_has_the_new_user() {
    let Some(lab) = Lab::new("setuid.c") else { return };
    // SAFETY: getuid has no preconditions.
    let own = unsafe { libc::getuid() };
    lab.passes(&[&own.to_string()]);
    if is_root() {
        lab.passes(&["65534"]);
    }
}

/// Must-have 7.
#[test]
fn a_peer_that_resets_its_connections_raises_no_sigpipe() {
    let Some(lab) = Lab::new("pipe.c") else { return };
    lab.passes(&["private"]);
    lab.passes(&["shared"]);
}
