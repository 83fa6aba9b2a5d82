//! Ring 2: what the world may see.

pub mod snapshot;
