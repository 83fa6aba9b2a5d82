//! What keeps the status file.

pub mod book;
