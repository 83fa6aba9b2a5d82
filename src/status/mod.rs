//! Ring 2: what the world may see.

pub mod file;
pub mod json;
pub mod metrics;
pub mod snapshot;
pub mod source;
pub mod statistics;
pub mod why;
