//! The status file: what a monitor remembers across its own death, and what anybody may read while it
//! lives, hangs or is dead. `docs/STATUS-FILE.md` has the layout, byte by byte.
//!
//! This is the file as an object, without a thread and without a path: whoever owns it calls it in the
//! order of rule R6, the event first ([`StatusFile::append`]), then everybody who is told, then the
//! record of its peer ([`StatusFile::write_peers`]), and on the way what the channels want to be
//! remembered, entries before cursors. After any kill between or within two writes
//! [`StatusFile::open`] finds the record and the events in agreement.

mod bytes;
mod cursor;
mod event;
mod header;
mod image;
pub mod layout;
mod life;
mod open;
mod pair;
mod peer;
mod peers;
mod redo;
mod ring;
mod spool;
pub mod storage;
mod unusable;
mod writer;

#[cfg(test)]
mod tests;

pub use header::Identity;
pub use image::{Image, Spooled, UNRECORDED_IDS, inspect};
pub use life::{Clock, Life};
pub use storage::Storage;
pub use unusable::Unusable;
pub use writer::StatusFile;
