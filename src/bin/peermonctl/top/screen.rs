//! The terminal: taken over, and given back whatever happens.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ratatui::crossterm::event;
use ratatui::{DefaultTerminal, Frame};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::failure::Failure;

/// How often the guard looks, and how long it leaves to whoever ends in due form.
const GUARD: Duration = Duration::from_millis(200);
const GRACE: Duration = Duration::from_secs(2);

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
        guard(Arc::clone(&over)).map_err(Failure::Output)?;
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

    /// Waits for a key, a signal or the end of `turn`; says whether there is something to be read.
    ///
    /// # Errors
    ///
    /// The terminal is gone.
    pub(super) fn wait(&self, turn: Duration) -> Result<bool, Failure> {
        let gone = |why: &str| Failure::Refused(format!("the terminal is gone{why}"));
        let stdin = io::stdin();
        let mut watched = [PollFd::new(&stdin, PollFlags::IN)];
        let turn = Timespec::try_from(turn).ok();
        // A signal interrupts the wait, which is no failure. Whoever reads the keys never returns from a
        // terminal that has hung up, so that is asked for here.
        match rustix::event::poll(&mut watched, turn.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(gone(&format!(": {error}"))),
        }
        let hung_up = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        if watched.iter().any(|fd| fd.revents().intersects(hung_up)) {
            return Err(gone(""));
        }
        match event::poll(Duration::ZERO) {
            Ok(ready) => Ok(ready),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            Err(error) => Err(gone(&format!(": {error}"))),
        }
    }

    /// Draws, in the size that the terminal has now.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(drop)
    }

    /// Gives it back.
    pub(super) fn leave(self) {}
}

/// Whoever wants it to end is heard also while the terminal takes nothing.
fn guard(over: Arc<AtomicBool>) -> io::Result<()> {
    let body = move || {
        while !over.load(Ordering::SeqCst) {
            thread::sleep(GUARD);
        }
        thread::sleep(GRACE);
        ratatui::restore();
        std::process::exit(1);
    };
    thread::Builder::new().name("guard".into()).spawn(body).map(drop)
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}
