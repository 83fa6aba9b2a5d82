//! The pure ring under a virtual clock and a hostile network.

mod claims;
mod scenarios;
mod world;
