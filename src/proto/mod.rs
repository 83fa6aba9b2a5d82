//! Ring 1, pure: the protocol and the judgement.
pub mod auth;
pub mod detector;
pub mod event;
pub mod health;
pub mod machine;
pub mod memory;
pub mod peer;
pub mod reason;
pub mod record;
pub mod rejection;
pub mod settings;
pub mod time;
pub mod visit;
pub mod wire;
