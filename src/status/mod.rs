//! Ring 2: what the world may see.

pub mod json;
pub mod metrics;
pub mod file;
pub mod snapshot;
pub mod source;
pub mod statistics;
pub mod why;
