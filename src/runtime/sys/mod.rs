//! The few files that speak to the kernel, and the only ones of this ring that may hold `unsafe`.

pub mod alarm;
pub mod child;
pub mod clock;
pub mod eventfd;
pub mod exit;
pub mod family;
pub mod inherited;
pub mod lock;
pub mod netlink;
pub mod nudge;
pub mod real_time;
pub mod refusals;
pub mod schedule;
pub mod signals;
mod sockopt;
pub mod table;
pub mod tcp;
pub mod udp;
pub mod wake;
pub mod watch;
