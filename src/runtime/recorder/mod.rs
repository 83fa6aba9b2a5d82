//! What keeps the status file.

use crate::notify::store;
use crate::status::file::layout;

pub mod book;

// What the channels may leave and what the file can hold are said in two rings that do not know one
// another.
const _: () = assert!(
    store::CHANNELS == layout::CURSORS
        && store::SPOOL == layout::ENTRIES
        && store::ENTRY == layout::ENTRY
);
