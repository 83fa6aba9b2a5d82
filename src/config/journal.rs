//! How a configuration was made, so that it can be made again from the same files.
//!
//! Settings of calls are kept as they were understood: a relative path in one of them began in the
//! directory of that moment.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::keys::Key;
use super::value::Setting;
use crate::proto::event::PeerName;

/// One thing that was done to a configuration.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A file was read; its path is absolute.
    File(PathBuf),
    /// A text was read as if it were the file.
    Text(PathBuf, Arc<[u8]>),
    /// Keys were set by calls, one after the other.
    Calls(Calls),
}

/// Keys that were set by calls between two files; of one key the last.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    made: Vec<(Option<PeerName>, Setting)>,
    index: HashMap<(Option<PeerName>, Key), usize>,
}

/// See the head of this file.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal(Vec<Step>);

impl Journal {
    /// A file was read. Read twice, it counts where it was read last: nothing of the first time is left.
    pub(super) fn file(&mut self, path: &Path) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.0.retain(|step| !matches!(step, Step::File(other) if *other == path));
        self.0.push(Step::File(path));
    }

    /// A text was read as the file `path`.
    pub(super) fn text(&mut self, path: &Path, bytes: &[u8]) {
        self.0.retain(|step| !matches!(step, Step::Text(other, _) if other == path));
        self.0.push(Step::Text(path.to_owned(), bytes.into()));
    }

    /// A call set a key, of a peer if one is given.
    pub(super) fn call(&mut self, peer: Option<PeerName>, setting: Setting) {
        if !matches!(self.0.last(), Some(Step::Calls(_))) {
            self.0.push(Step::Calls(Calls::default()));
        }
        let Some(Step::Calls(calls)) = self.0.last_mut() else { return };
        let at = (peer.clone(), setting.spec.key);
        match calls.index.get(&at).and_then(|index| calls.made.get_mut(*index)) {
            Some(place) => place.1 = setting,
            None => {
                calls.index.insert(at, calls.made.len());
                calls.made.push((peer, setting));
            }
        }
    }

    /// Everything, in its order.
    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The files that were read.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().filter_map(|step| match step {
            Step::File(path) => Some(&**path),
            _ => None,
        })
    }
}

impl Calls {
    /// Whose key was set to what.
    pub(super) fn made(&self) -> &[(Option<PeerName>, Setting)] {
        &self.made
    }
}
