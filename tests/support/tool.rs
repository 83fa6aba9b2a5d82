//! Tools of the machine that a test cannot bring along.

use std::env;
use std::path::PathBuf;

/// Set to 1 where every tool must be there: a missing one is a failure then.
pub const ALL: &str = "PEERMON_TEST_ALL";

/// Where `name` is; `None`, after a line that says so, if the machine does not have it.
///
/// # Panics
///
/// If it is missing and `PEERMON_TEST_ALL=1`.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        assert!(!all_are_wanted(), "{name} is missing, and {ALL}=1 wants every tool");
        println!("skipped: there is no {name} on this machine");
    }
    found
}

/// Whether a missing tool is a failure.
pub fn all_are_wanted() -> bool {
    env::var_os(ALL).is_some_and(|value| value == "1")
}

/// Whether what was made anew is to be taken as what is right: a header, pages, a baseline, a table.
pub fn is_accepted() -> bool {
    env::var_os("PEERMON_ACCEPT").is_some_and(|value| value == "1")
}
