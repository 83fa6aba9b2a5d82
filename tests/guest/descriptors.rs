//! Descriptors belong to the host.

use super::lab::Lab;

/// Must-have 8.
#[test]
fn a_select_host_serves_a_thousand_clients_beside_the_library() {
    let Some(lab) = Lab::new("select.c") else { return };
    lab.passes(&["private"]);
    lab.passes(&["shared"]);
}

/// Must-have 8, with a private table: there is nothing that could be taken.
#[test]
fn a_host_that_closes_all_and_opens_its_own_gets_no_byte_of_ours_and_cuts_nothing_off() {
    let Some(lab) = Lab::new("taken.c") else { return };
    lab.passes(&["private"]);
}

/// Must-have 8, with the table of the host: each of the library's numbers, and all of them, become
/// files of the host.
#[test]
fn in_the_hosts_table_numbers_that_the_host_takes_are_let_go_within_two_periods() {
    let Some(lab) = Lab::new("taken.c") else { return };
    lab.passes(&["shared"]);
}
