//! peermon: servers that watch one another, without a monitoring server.
//!
//! The product is the C library (`include/peermon.h`); this crate is its inside. Three rings, and
//! dependencies point inwards only:
//!
//! - `ffi`, the border: C in, C out; no logic.
//! - [`runtime`], the only owner of clocks, sockets and threads; with [`notify`] (what becomes of
//!   an event), [`status`] (what the world may see) and, as a feature, `http` (the port that clients ask).
//! - [`proto`], pure: the protocol and the judgement. Time is an argument, randomness is handed in.
//!
//! [`config`] and [`error`] are the ground that all stand on.
//!
//! # Threads
//!
//! `peermon-io` beats and judges, `peermon-pump` wakes it, `peermon-work` does what may block:
//! each lives in a descriptor table of its own and never runs the host's code. Nor does
//! `peermon-twin`, which holds the second lifelines in yet another one, nor `peermon-record`, which
//! keeps the status file, nor the channels (`peermon-clients`, `peermon-mail`, `peermon-command`).
//! `peermon-control` does what an administrator asks for, in the host's table, without running its code.
//! `peermon-notify` and `peermon-interrupt` run the host's callbacks, in the host's table. See
//! [`runtime`].
//!
//! # Example
//!
//! The pure ring needs no network: two machines, and whatever carries datagrams between them.
//!
//! ```
//! use peermon::config::Config;
//! use peermon::proto::machine::{Input, Machine, Output};
//! use peermon::proto::time::{Now, Time};
//!
//! let mut config = Config::new();
//! config.set("name", "orders")?;
//! config.add_peer("billing", "127.0.0.1:28171")?;
//! let plan = config.check()?;
//!
//! let mut seed = 0_u64;
//! let entropy = move || { seed += 1; seed };
//! let mut machine = Machine::new(&plan.settings, Box::new(entropy));
//! let now = Now { mono: Time::from_millis(1), ..Now::default() };
//! machine.handle_input(now, Input::Start);
//! machine.handle_input(now, Input::Drained { dropped: false });
//! match machine.poll_output() {
//!     Output::Transmit { to, .. } => assert_eq!(to.to_string(), "127.0.0.1:28171"),
//!     other => panic!("expected a START, got {other:?}"),
//! }
//! # Ok::<(), peermon::error::Error>(())
//! ```

pub mod config;
pub mod error;
pub mod ffi;
#[cfg(feature = "http")]
pub mod http;
pub mod notify;
pub mod proto;
pub mod runtime;
pub mod status;
