//! How the library and the host part.

use super::lab::{Lab, Linkage};

/// Must-have 10.
#[test]
fn the_library_can_be_opened_and_closed_a_thousand_times() {
    let Some(lab) = Lab::linked("reload.c", Linkage::None) else { return };
    let library = lab.library();
    let library = library.to_str().unwrap();
    lab.passes(&[library, "1000"]);
    lab.passes_under_valgrind(&[library, "100"]);
}

/// Must-have 10, for every way to leave, with callbacks busy.
#[test]
fn no_callback_touches_what_static_destructors_have_destroyed_whatever_way_a_host_leaves() {
    for linkage in [Linkage::Shared, Linkage::Static] {
        let Some(lab) = Lab::linked("leave.cc", linkage) else { return };
        for way in ["return", "exit", "quick_exit", "_exit", "abort", "callback", "stuck"] {
            lab.passes(&[way]);
        }
    }
}

/// Must-have 10: valgrind has nothing to say of leaving while everything runs.
#[test]
fn leaving_while_callbacks_are_busy_is_clean_under_valgrind() {
    let Some(lab) = Lab::new("leave.cc") else { return };
    for way in ["return", "quick_exit", "_exit"] {
        lab.passes_under_valgrind(&[way]);
    }
}
