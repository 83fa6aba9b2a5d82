//! The monitors of the registry: finding, starting in this or in the parent's process, freeing.

use std::sync::Arc;

use crate::error::{Code, Error, Result};
use crate::runtime::Monitor;

use super::callback::LogCallback;
use super::registry::{self, Entry};
use super::token::Token;
use super::{process, pulse};

/// What the registry holds for a monitor.
pub struct MonitorEntry {
    monitor: Arc<Monitor>,
    /// The process (see [`process`]) that tried to start it first; 0 = none yet, so that it may be
    /// used on both sides of a fork.
    owner: u64,
    /// The log callback with its level, for the last words before an abort.
    log: Option<(i32, Arc<LogCallback>)>,
}

impl MonitorEntry {
    fn is_the_parents(&self) -> bool {
        self.owner != 0 && self.owner != process::current()
    }
}

/// A monitor that is about to be started.
pub enum Claim {
    /// It belongs to this process.
    Own(Arc<Monitor>),
    /// A parent of this process started it: it must be copied first.
    Parents(Arc<Monitor>),
}

/// Puts a new monitor into the registry.
///
/// # Errors
///
/// [`Code::Limit`] if there are too many handles.
pub fn insert(monitor: Monitor) -> Result<Token> {
    let monitor = Arc::new(monitor);
    let address = Arc::as_ptr(&monitor);
    let entry = MonitorEntry { monitor, owner: 0, log: None };
    let token = registry::insert(Entry::Monitor(Box::new(entry)))?;
    // Nobody knows the token yet, so nobody frees what the cell points to.
    pulse::open(token, 0, address);
    Ok(token)
}

/// The monitor of a token, for use by this process.
///
/// # Errors
///
/// [`Code::Handle`] if it was freed; [`Code::Forked`] if a parent of this process started it.
pub fn find(token: Token) -> Result<Arc<Monitor>> {
    with_entry(
        token,
        |entry| {
            if entry.is_the_parents() { None } else { Some(Arc::clone(&entry.monitor)) }
        },
    )?
    .ok_or_else(forked)
}

/// The monitor of a token, to be started by this process, which owns it from now on: also if the
/// start fails half-way.
///
/// # Errors
///
/// [`Code::Handle`] if it was freed.
pub fn claim(token: Token) -> Result<Claim> {
    with_entry(token, |entry| {
        if entry.is_the_parents() {
            return Claim::Parents(Arc::clone(&entry.monitor));
        }
        entry.owner = process::current();
        pulse::own(token, entry.owner);
        Claim::Own(Arc::clone(&entry.monitor))
    })
}

/// Replaces the parent's monitor by this process' own copy with the same callbacks. The parent's
/// object is leaked: its threads do not exist here, and its descriptors are not ours to close.
///
/// # Errors
///
/// [`Code::State`] if another thread did the same meanwhile, and those of the copy.
pub fn re_arm(token: Token, parents: Arc<Monitor>) -> Result<Arc<Monitor>> {
    let fresh = Arc::new(parents.fork_copy()?);
    let mine = Arc::clone(&fresh);
    let replaced = with_entry(token, |entry| {
        if !Arc::ptr_eq(&entry.monitor, &parents) {
            return false;
        }
        entry.owner = process::current();
        core::mem::forget(core::mem::replace(&mut entry.monitor, mine));
        pulse::open(token, entry.owner, Arc::as_ptr(&entry.monitor));
        true
    })?;
    if replaced {
        Ok(fresh)
    } else {
        Err(Error::new(Code::State, "another thread started this monitor at the same time"))
    }
}

/// Notes the log callback of a monitor; a token that was freed meanwhile is ignored.
pub fn note_log(token: Token, log: Option<(i32, Arc<LogCallback>)>) {
    let replaced = with_entry(token, |entry| core::mem::replace(&mut entry.log, log));
    // Outside of the lock.
    drop(replaced);
}

/// The log callback of a monitor, if it takes lines of `level`. Allocates nothing.
pub fn log_callback(token: Token, level: i32) -> Option<Arc<LogCallback>> {
    let mut registry = registry::lock();
    match registry.entry(token) {
        Some(Entry::Monitor(entry)) => match &entry.log {
            Some((most, callback)) if level <= *most => Some(Arc::clone(callback)),
            _ => None,
        },
        _ => None,
    }
}

/// Ends and frees a monitor; leaks it if it is a parent's.
///
/// # Errors
///
/// [`Code::Handle`] if it was freed; those of closing it, and then it is not freed.
pub fn free(token: Token) -> Result<()> {
    let (monitor, is_the_parents) =
        with_entry(token, |entry| (Arc::clone(&entry.monitor), entry.is_the_parents()))?;
    if is_the_parents {
        core::mem::forget(monitor);
        core::mem::forget(remove(token)?);
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
