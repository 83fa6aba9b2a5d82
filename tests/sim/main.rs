//! The pure ring under a virtual clock and a hostile network.

mod claimants;
mod found;
mod network;
mod node;
mod rng;
mod scenarios;
mod servers;
mod truth;
mod world;
