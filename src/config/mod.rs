//! The configuration: a file, keys, or both, with the same names.

pub mod plan;
