//! The monitors of the registry: finding, starting in this or in the parent's process, freeing.

use std::sync::Arc;

use crate::error::{Code, Error, Result};
use crate::notify::LogHandler;
use crate::runtime::Monitor;

use super::registry::{self, Entry};
use super::token::Token;
use super::{process, pulse};

/// What the registry holds for a monitor.
pub struct MonitorEntry {
    monitor: Arc<Monitor>,
    /// The process (see [`process`]) that made this object. In its children other threads may have
    /// held the object's locks at the fork, so they use a copy.
    home: u64,
    /// The process that tried to start it first; 0 = none yet, so that it may be used on both sides
    /// of a fork.
    owner: u64,
}

impl MonitorEntry {
    fn is_the_parents(&self) -> bool {
        self.owner != 0 && self.owner != process::current()
    }

    fn is_foreign(&self) -> bool {
        self.home != process::current()
    }
}

/// A monitor as an entry has it.
enum Found {
    /// For use as it is.
    Own(Arc<Monitor>),
    /// Made by a parent of this process: to be copied first.
    Foreign(Arc<Monitor>),
    /// Started by a parent of this process.
    Forked,
}

/// Puts a new monitor into the registry.
///
/// # Errors
///
/// [`Code::Limit`] if there are too many handles.
pub fn insert(monitor: Monitor) -> Result<Token> {
    let monitor = Arc::new(monitor);
    let address = Arc::as_ptr(&monitor);
    let entry = MonitorEntry { monitor, home: process::current(), owner: 0 };
    let token = registry::insert(Entry::Monitor(Box::new(entry)))?;
    // Nobody knows the token yet, so nobody frees what the cell points to.
    pulse::open(token, 0, address);
    Ok(token)
}

/// The monitor of a token, for use by this process.
///
/// # Errors
///
/// [`Code::Handle`] if it was freed; [`Code::Forked`] if a parent of this process started it; those
/// of copying it, if a parent made it.
pub fn find(token: Token) -> Result<Arc<Monitor>> {
    loop {
        let found = with_entry(token, |entry| {
            if entry.is_the_parents() {
                Found::Forked
            } else if entry.is_foreign() {
                Found::Foreign(Arc::clone(&entry.monitor))
            } else {
                Found::Own(Arc::clone(&entry.monitor))
            }
        })?;
        match found {
            Found::Own(monitor) => return Ok(monitor),
            Found::Foreign(parents) => move_in(token, &parents)?,
            Found::Forked => return Err(forked()),
        }
    }
}

/// The monitor of a token, to be started by this process, which owns it from now on: also if the
/// start fails half-way.
///
/// # Errors
///
/// [`Code::Handle`] if it was freed; those of copying it, if a parent of this process made it.
pub fn claim(token: Token) -> Result<Arc<Monitor>> {
    loop {
        let found = with_entry(token, |entry| {
            if entry.is_foreign() {
                return Found::Foreign(Arc::clone(&entry.monitor));
            }
            entry.owner = process::current();
            pulse::own(token, entry.owner);
            Found::Own(Arc::clone(&entry.monitor))
        })?;
        match found {
            Found::Own(monitor) => return Ok(monitor),
            Found::Foreign(parents) => move_in(token, &parents)?,
            Found::Forked => return Err(forked()),
        }
    }
}

/// Replaces the parent's monitor by this process' own copy with the same callbacks, unless another
/// thread does that at the same time. The parent's object is leaked: its threads do not exist here,
/// and its locks may be held for ever.
///
/// # Errors
///
/// [`Code::Handle`] if it was freed meanwhile, and those of the copy.
fn move_in(token: Token, parents: &Arc<Monitor>) -> Result<()> {
    let fresh = Arc::new(parents.fork_copy()?);
    let mine = Arc::clone(&fresh);
    let outcome = with_entry(token, |entry| {
        if !Arc::ptr_eq(&entry.monitor, parents) {
            return false;
        }
        (entry.home, entry.owner) = (process::current(), 0);
        core::mem::forget(core::mem::replace(&mut entry.monitor, mine));
        pulse::open(token, entry.owner, Arc::as_ptr(&entry.monitor));
        true
    });
    match outcome {
        Ok(true) => fresh.take_over_event_fd(parents),
        // Another thread was quicker, or the handle is gone. This copy has the same callbacks as the one
        // that stands: to drop it would destroy user data that is in use.
        Ok(false) | Err(_) => {
            fresh.let_go();
            core::mem::forget(fresh);
        }
    }
    outcome.map(|_| ())
}

/// Who takes the log lines of `level` of a monitor, for the last words before an abort. Allocates
/// nothing.
pub fn log_handler(token: Token, level: i32) -> Option<LogHandler> {
    let monitor = with_entry(token, |entry| Arc::clone(&entry.monitor)).ok()?;
    monitor.log_handler(level)
}

/// Ends and frees a monitor; lets go of it if it is a parent's.
///
/// # Errors
///
/// [`Code::Handle`] if it was freed; those of closing it, and then it is not freed.
pub fn free(token: Token) -> Result<()> {
    let look = || {
        with_entry(token, |entry| {
            (Arc::clone(&entry.monitor), entry.is_foreign(), entry.is_the_parents())
        })
    };
    let (mut monitor, mut is_foreign, is_the_parents) = look()?;
    if is_foreign && !is_the_parents && move_in(token, &monitor).is_ok() {
        // Never started: it is as much this process's as the parent's, with all that was registered.
        core::mem::forget(monitor);
        (monitor, is_foreign, _) = look()?;
    }
    if is_foreign {
        core::mem::forget(remove(token)?);
        monitor.let_go();
        core::mem::forget(monitor);
        return Ok(());
    }
    monitor.close()?;
    let entry = remove(token)?;
    if !pulse::is_quiet(token) {
        core::mem::forget(Arc::clone(&monitor));
    }
    drop(entry);
    Ok(())
}

fn remove(token: Token) -> Result<Entry> {
    let mut registry = registry::lock();
    let entry = registry.remove(token).ok_or_else(stale)?;
    // Under the lock, so that the slot cannot be given to the next monitor in between.
    pulse::shut(token);
    Ok(entry)
}

fn with_entry<T>(token: Token, use_it: impl FnOnce(&mut MonitorEntry) -> T) -> Result<T> {
    let outcome = match registry::lock().entry(token) {
        Some(Entry::Monitor(entry)) => Some(use_it(entry)),
        _ => None,
    };
    outcome.ok_or_else(stale)
}

fn stale() -> Error {
    Error::new(Code::Handle, "this monitor was freed already")
}

fn forked() -> Error {
    Error::new(
        Code::Forked,
        "this monitor was started in a parent of this process: \
         monitor_app_start starts it anew here, monitor_free lets go of it",
    )
}
