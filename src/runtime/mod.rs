//! Ring 2: the only owner of clocks, sockets, threads and the private descriptor table.
//!
//! # Threads
//!
//! All are named `peermon-...` (the kernel keeps 15 bytes), have every signal blocked but those of
//! a crash, and catch their panics at the root: a few are survived (`restart`), and then the monitor
//! fails openly; without the twin or `work` it goes on. None exists before [`Monitor::start`].
//!
//! | thread | table | does | may block on |
//! |---|---|---|---|
//! | `peermon-io` | private | heartbeats, judgement | its poller |
//! | `peermon-twin` | private, another | holds the second lifelines, if there are lifelines | its poller |
//! | `peermon-pump` | private, another | carries requests of host threads to `io` and wakes its poller | channels |
//! | `peermon-work` | private, another | looks up names, writes traces | anything |
//! | `peermon-record`, `peermon-sync` | private, another | keep the status file, if there is one | the disk |
//! | `peermon-clients`, `peermon-mail`, `peermon-command` | private, one each | a channel each, if it is configured | whatever it works with |
//! | `peermon-client`, `peermon-relay`, `peermon-run` | that of their channel | serve clients, hand a letter in, wait for a program | the same |
//! | `peermon-ask` | that of `peermon-client` | waits for a request of an administrator, and reads files for it | anything, for ten seconds |
//! | `peermon-notify` | the host's | log lines, and events unless the host dispatches them | the host's code |
//! | `peermon-interrupt` | the host's | interrupts, if somebody ever registered for them or wants a signal | the host's code |
//! | `peermon-control` | the host's | what an administrator asks for, if there is a control socket | a start, an end, `io` |
//!
//! The first four end with [`Monitor::end`], the others with [`Monitor::close`]: what happened is told
//! after the end of the application too. The status file and the channels are not used where no private
//! table is to be had: a host that closes everything and opens its own would get our writes.
//!
//! # Who may touch what
//!
//! A descriptor of the private table is used and dropped only on a thread of that table: on a host
//! thread its number is somebody else's. The types that own one (`sys::udp::PeerSocket`, `sys::tcp`,
//! `sys::wake`, `lines`, `io::ports::Ports`) are not `Send`. The private tables share nothing but the
//! eventfds by which `io` and the twin wake one another and the pump wakes `io`: a table is closed
//! when its last thread has left, and a dying process must be seen at once. Host threads fill a
//! channel that the pump empties. The only descriptor in the host's table is the eventfd of
//! [`Monitor::event_fd`], which `io` inherits and writes to through its own reference.
//!
//! Code of the host (callbacks) runs only on threads of the host's table, with no lock of the
//! library held.
//!
//! # Locks
//!
//! `io` waits for no lock that another thread may hold for longer than a copy or a look through a bounded
//! list (interrupts that wait, the stalled activity); those of the snapshot and of the activities it
//! only tries. Locks are those of std: parking_lot keeps one table of waiting
//! threads for the whole process, and its entries lie on stacks which glibc hands out again in a
//! forked child. What a child must still read lies in [`crate::notify::survivor`].

mod accounts;
mod activities;
mod aside;
mod channels;
mod command;
mod core;
mod entropy;
mod io;
mod lines;
mod monitor;
mod notifier;
pub mod panic;
pub mod programs;
mod pump;
pub mod recorder;
mod requests;
mod restart;
mod roster;
mod shared;
mod source;
mod stamp;
#[cfg(feature = "http")]
mod steering;
pub mod sys;
mod threads;
mod timekeeper;
mod twin;
mod work;

pub use monitor::Monitor;
pub use sys::table::TableKind;
