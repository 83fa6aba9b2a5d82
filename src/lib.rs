//! peermon: servers that watch one another.

pub mod config;
pub mod error;
pub mod proto;
