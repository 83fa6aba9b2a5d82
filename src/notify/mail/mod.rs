//! Mail to administrators: DOWN and RECOVERED of every peer, at least once each, by the first relay that
//! takes them.
//!
//! Three parts that know nothing of one another's troubles: what is to be told and when is decided by a
//! state machine without clock, file or socket ([`policy`]); what it knows is kept in the spool of the
//! status file (`spool`), so that a letter that no relay has taken yet outlives the process; and one
//! letter at a time is handed in on a thread of its own ([`courier`]), because a relay may keep a caller
//! waiting for minutes while the hold times of other peers run out.
//!
//! What is sent when, and what is promised, is in `docs/MAIL.md`.

pub mod account;
pub mod courier;
pub mod entry;
pub mod letter;
pub mod message;
pub mod outage;
pub mod policy;
mod polite;
pub mod relay;
mod sink;
mod spool;

pub use sink::MailSink;
