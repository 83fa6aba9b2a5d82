//! peermon: servers that watch one another.

pub mod config;
pub mod error;
pub mod ffi;
pub mod proto;
