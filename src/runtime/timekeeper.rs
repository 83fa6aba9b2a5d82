//! What a thread that keeps time does first: it takes what the host asked for on its behalf.

use std::sync::Arc;

use super::accounts::Accounts;
use super::sys::real_time::{self, Refused};
use crate::config::plan::RealTime;
use crate::notify::log::Logger;

/// The wishes of the configuration, and where their refusal is told.
#[derive(Clone, Debug)]
pub struct Timekeeper {
    wishes: RealTime,
    accounts: Arc<Accounts>,
    /// For the thread.
    pub logger: Logger,
}

impl Timekeeper {
    /// With these wishes.
    pub fn new(wishes: RealTime, accounts: Arc<Accounts>, logger: Logger) -> Self {
        Self { wishes, accounts, logger }
    }

    /// On the first of the threads of a start: what concerns all of them, and this one.
    pub fn begin(&self) {
        self.accounts.forget_refusals();
        self.note(real_time::apply_to_all(&self.wishes));
        self.settle();
    }

    /// On every other one.
    pub fn settle(&self) {
        self.note(real_time::apply(&self.wishes));
    }

    /// What is refused is told, and gone on without.
    fn note(&self, refused: Vec<Refused>) {
        for Refused { wish, why } in refused {
            let told = self.accounts.note_refusal(wish);
            if !told {
                let key = wish.key();
                self.logger.warn(format_args!("{key}: refused, going on without: {why}"));
            }
        }
    }
}
