//! The terminal: taken over, and given back whatever happens.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::{DefaultTerminal, Frame};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::failure::Failure;

/// A terminal that is ours until it is left or dropped. A panic gives it back too, before it says
/// what it has to say.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    /// Somebody sent a signal.
    over: Arc<AtomicBool>,
}

impl Screen {
    /// Takes it over.
    pub(super) fn enter() -> Result<Self, Failure> {
        let over = Arc::new(AtomicBool::new(false));
        // Before the screen changes: a signal in between must give it back too.
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&over)).map_err(Failure::Output)?;
        }
        let terminal = ratatui::try_init().map_err(|error| {
            ratatui::restore();
            Failure::Refused(format!("this terminal cannot show it: {error}"))
        })?;
        Ok(Self { terminal, over })
    }

    /// Whether somebody wants it to end.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Draws, in the size that the terminal has now.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(drop)
    }

    /// Gives it back.
    pub(super) fn leave(self) {}
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}
