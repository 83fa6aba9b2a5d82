//! The pure ring under a virtual clock and a hostile network.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod accrual;
mod activities;
mod addresses;
mod blame;
mod broken;
mod cast;
mod claimants;
mod claims;
mod deaths;
mod demands;
mod evidence;
mod flap;
mod found;
mod graces;
mod grammar;
mod health;
mod hostile;
mod hours;
mod invariants;
mod keeper;
mod lifelines;
mod lives;
mod memory;
mod middleboxes;
mod negotiation;
mod network;
mod node;
mod numbers;
mod paths;
mod play;
mod random;
mod rng;
mod rules;
mod scenarios;
mod servers;
mod stores;
mod storm;
mod suspicions;
mod tcp;
mod ticks;
mod truth;
mod wakeups;
mod workers;
mod world;
