//! The configurations of the registry.
//!
//! Whoever changes one takes it out of its slot meanwhile instead of locking it: a second thread
//! gets an error instead of a wait, and a child of a fork never waits for a thread that it does not
//! have.

use std::sync::Arc;

use crate::config::Config;
use crate::error::{Code, Error, Result};

use super::registry::{self, Entry};
use super::token::Token;

/// What the registry holds for a configuration; `None` while somebody changes it.
#[derive(Default)]
pub struct ConfigEntry(Option<Arc<Config>>);

/// Puts a new configuration into the registry.
///
/// # Errors
///
/// [`Code::Limit`] if there are too many handles.
pub fn insert(config: Config) -> Result<Token> {
    registry::insert(Entry::Config(ConfigEntry(Some(Arc::new(config)))))
}

/// The configuration as it is now.
///
/// # Errors
///
/// [`Code::Handle`] if it was freed; [`Code::State`] if another thread is changing it.
pub fn read(token: Token) -> Result<Arc<Config>> {
    with_entry(token, |entry| entry.0.clone())?.ok_or_else(busy)
}

/// Changes the configuration.
///
/// # Errors
///
/// Those of [`read`], and those of the change.
pub fn change(token: Token, change: impl FnOnce(&mut Config) -> Result<()>) -> Result<()> {
    let taken = with_entry(token, |entry| entry.0.take())?.ok_or_else(busy)?;
    let mut lease = Lease { token, config: Some(taken) };
    match &mut lease.config {
        // Alone, unless monitor_init is reading it on another thread: then that one keeps the old.
        Some(config) => change(Arc::make_mut(config)),
        None => Ok(()),
    }
}

/// Frees the configuration.
///
/// # Errors
///
/// [`Code::Handle`] if it was freed already.
pub fn free(token: Token) -> Result<()> {
    let removed = registry::lock().remove(token);
    match removed {
        Some(entry) => {
            drop(entry);
            Ok(())
        }
        None => Err(stale()),
    }
}

/// A configuration that is out of its slot; it goes back whatever happens.
struct Lease {
    token: Token,
    config: Option<Arc<Config>>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let back = self.config.take();
        // If it was freed meanwhile, nobody wants it back.
        let homeless = with_entry(self.token, move |entry| entry.0 = back);
        drop(homeless);
    }
}

fn with_entry<T>(token: Token, use_it: impl FnOnce(&mut ConfigEntry) -> T) -> Result<T> {
    let outcome = match registry::lock().entry(token) {
        Some(Entry::Config(entry)) => Some(use_it(entry)),
        _ => None,
    };
    outcome.ok_or_else(stale)
}

fn stale() -> Error {
    Error::new(Code::Handle, "this configuration was freed already")
}

fn busy() -> Error {
    Error::new(Code::State, "another thread is changing this configuration")
}
