//! The pure ring under a virtual clock and a hostile network.

mod scenarios;
mod world;
