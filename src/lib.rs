//! peermon: servers that watch one another.

pub mod config;
pub mod error;
pub mod notify;
pub mod proto;
pub mod runtime;
pub mod status;
