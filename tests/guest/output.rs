//! Standard output and standard error belong to the host.

use super::lab::Lab;

/// Must-have 12. RUST_LOG and RUST_BACKTRACE are set, and everything goes wrong that can.
#[test]
fn nothing_is_printed_whatever_goes_wrong() {
    let Some(lab) = Lab::new("quiet.c") else { return };
    lab.passes(&["open", "private"]);
    lab.passes(&["open", "shared"]);
}

/// Must-have 12: the numbers stay closed, so that what a host prints goes nowhere.
#[test]
fn the_numbers_of_closed_standard_streams_are_never_taken() {
    let Some(lab) = Lab::new("quiet.c") else { return };
    lab.passes(&["closed", "private"]);
    lab.passes(&["closed", "shared"]);
}

/// Must-have 12.
#[test]
fn nothing_is_written_into_files_that_have_the_numbers_of_standard_streams() {
    let Some(lab) = Lab::new("quiet.c") else { return };
    lab.passes(&["taken", "private"]);
    lab.passes(&["taken", "shared"]);
}
