//! What there is before the start, and what is left after the release.

use super::lab::{Lab, Linkage};

/// Must-have 3, from C, with both libraries and both descriptor tables.
#[test]
fn a_host_has_no_thread_and_no_descriptor_of_ours_before_the_start_and_after_the_release() {
    for linkage in [Linkage::Shared, Linkage::Static] {
        let Some(lab) = Lab::linked("start.c", linkage) else { return };
        lab.passes(&["private"]);
        lab.passes(&["shared"]);
    }
}
