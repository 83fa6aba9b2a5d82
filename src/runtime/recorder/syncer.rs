//! `peermon-sync`: asks the disk to keep what was written.
//!
//! An event is committed when it is written (rule R6): it survives the death of the process then. That
//! it survives a power failure too is a matter of the disk, which may take a second for it; so a thread
//! of its own asks for it, in the descriptor table of the recorder, and nobody waits.

use std::fs::File;
use std::io;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::notify::log::Logger;
use crate::runtime::threads::{SMALL_STACK, Thread};

/// The thread.
#[derive(Debug)]
pub struct Syncer {
    /// Full: it is asked already. Dropped to stop.
    ask: Sender<()>,
    failed: Receiver<io::Error>,
    _thread: Thread,
}

impl Syncer {
    /// Starts it for `file`; to be called on the recorder's thread.
    ///
    /// # Errors
    ///
    /// What the system refuses.
    pub fn start(file: &File, logger: &Logger) -> io::Result<Self> {
        let file = file.try_clone()?;
        let (ask, asked) = bounded::<()>(1);
        let (tell, failed) = bounded(1);
        let thread = Thread::start("peermon-sync", SMALL_STACK, logger.clone(), move || {
            for () in asked {
                if let Err(error) = file.sync_data() {
                    // Full: the last one has not been looked at.
                    let _ = tell.try_send(error);
                }
            }
        })?;
        Ok(Self { ask, failed, _thread: thread })
    }

    /// What was written before is to be kept. Never waits.
    pub fn ask(&self) {
        let _ = self.ask.try_send(());
    }

    /// What the disk said, if it refused.
    pub fn trouble(&self) -> Option<io::Error> {
        self.failed.try_recv().ok()
    }
}
