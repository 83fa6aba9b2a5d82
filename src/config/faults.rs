//! Everything that is wrong with a configuration, and what can therefore not be judged.
//!
//! Who loads a configuration wants the first error; who mends a file wants all of them, and none
//! that only follows from another.

use std::collections::BTreeSet;

use super::keys::{self, Key};
use crate::error::{Error, Result};

/// So many errors are collected: whoever has more has another file in mind.
const MOST: usize = 200;

/// What was found so far, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Faults {
    list: Vec<Error>,
    /// Keys that were written, but wrongly: that they are missing would be no news.
    doubtful: BTreeSet<(Option<String>, Key)>,
}

impl Faults {
    /// One more, unless it was found already.
    pub(super) fn add(&mut self, error: Error) {
        if self.list.len() < MOST && !self.list.contains(&error) {
            self.list.push(error);
        }
    }

    /// What `result` says, or `otherwise`, so that the rest can be looked at.
    pub(super) fn or<T>(&mut self, result: Result<T>, otherwise: T) -> T {
        result.unwrap_or_else(|error| {
            self.add(error);
            otherwise
        })
    }

    /// The key that `name` means was written wrongly, at the top or in the table of `peer`.
    pub(super) fn doubt(&mut self, peer: Option<&str>, name: &str) {
        if let Some(key) = keys::meant(name) {
            self.doubtful.insert((peer.map(str::to_owned), key));
        }
    }

    /// Whether it was.
    pub(super) fn doubts(&self, peer: Option<&str>, key: Key) -> bool {
        self.doubtful.contains(&(peer.map(str::to_owned), key))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The first one, if there is any.
    pub(super) fn first(self) -> Result<()> {
        self.list.into_iter().next().map_or(Ok(()), Err)
    }

    /// All of them.
    pub(super) fn into_list(self) -> Vec<Error> {
        self.list
    }
}
