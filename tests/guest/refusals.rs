//! Systems that refuse.

use super::lab::{Lab, is_root};

/// Must-have 9: EPERM, EAGAIN and ENOSYS from clone3.
#[test]
fn refused_threads_are_a_code_and_a_later_start_works() {
    let Some(lab) = Lab::new("refusals.c") else { return };
    lab.passes(&["threads"]);
}

/// Must-have 9: EAFNOSUPPORT, as under RestrictAddressFamilies.
#[test]
fn refused_sockets_are_a_code_and_a_later_start_works() {
    let Some(lab) = Lab::new("refusals.c") else { return };
    lab.passes(&["sockets"]);
}

/// Must-have 9: what only adds to heartbeats is not needed for them.
#[test]
fn without_netlink_lifelines_or_timers_heartbeats_go_on() {
    let Some(lab) = Lab::new("refusals.c") else { return };
    lab.passes(&["families"]);
}

/// Must-have 9: EMFILE.
#[test]
fn a_lack_of_descriptors_is_a_code_and_a_later_start_works() {
    let Some(lab) = Lab::new("refusals.c") else { return };
    lab.passes(&["descriptors"]);
}

/// Must-have 9: EAGAIN from RLIMIT_NPROC, which root is exempt from.
#[test]
fn a_user_with_too_many_processes_gets_a_code_and_a_later_start_works() {
    let Some(lab) = Lab::new("refusals.c") else { return };
    if is_root() {
        lab.passes(&["processes"]);
    }
}

/// Must-have 9.
#[test]
fn a_host_in_an_empty_root_and_without_privileges_starts_and_is_watched() {
    let Some(lab) = Lab::new("jail.c") else { return };
    if !is_root() {
        return;
    }
    let root = lab.folder.join("root");
    std::fs::create_dir(&root).unwrap();
    let root = root.to_str().unwrap();
    lab.passes(&[root, "private"]);
    lab.passes(&[root, "shared"]);
}
