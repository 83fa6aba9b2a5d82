//! Ring 2: what the world may see.

pub mod file;
pub mod snapshot;
pub mod statistics;
