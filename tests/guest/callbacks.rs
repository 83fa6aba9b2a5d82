//! Callbacks that take their time, and what may be called from inside.

use super::lab::Lab;

/// Must-have 13. The callback of a minute is one of two and a half detection times here.
#[test]
fn a_callback_that_blocks_is_no_death_for_the_peer_and_loses_no_event() {
    let Some(lab) = Lab::new("slow.c") else { return };
    for kind in ["event", "dispatch", "log"] {
        lab.passes(&[kind]);
    }
}

/// Must-have 13.
#[test]
fn every_function_inside_of_every_callback_returns() {
    let Some(lab) = Lab::new("inside.c") else { return };
    for kind in ["event", "dispatch", "log", "interrupt", "peer"] {
        lab.passes(&[kind]);
    }
}

/// Must-have 13: what "every function" means.
#[test]
fn the_program_of_the_callbacks_leaves_no_function_out() {
    let Some(lab) = Lab::new("inside.c") else { return };
    lab.calls_every_export();
}
