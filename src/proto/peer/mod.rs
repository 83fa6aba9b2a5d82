//! One peer: what is known of it and what that means.

pub mod view;
