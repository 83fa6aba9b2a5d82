//! The pure ring under a virtual clock and a hostile network.

mod broken;
mod cast;
mod claimants;
mod found;
mod grammar;
mod invariants;
mod network;
mod node;
mod play;
mod random;
mod rng;
mod scenarios;
mod servers;
mod storm;
mod truth;
mod world;
