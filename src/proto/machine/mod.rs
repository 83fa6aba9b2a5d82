//! All peers of one monitor, without a clock, a socket or a thread.

mod counters;
mod input;

pub use counters::Counters;
pub use input::{Input, Output};

use super::peer::view::View;
use super::settings::Settings;
use super::time::Now;

/// Where random numbers come from; the machine has none of its own.
pub type Entropy = Box<dyn FnMut() -> u64 + Send>;

/// All peers of one monitor.
///
/// The law: **mutate once, then drain to [`Output::Timeout`]**. After every call of
/// [`Machine::handle_input`], call [`Machine::poll_output`] until it returns a timeout, and end
/// every turn of the loop with [`Input::Drained`].
#[derive(Debug)]
pub struct Machine {}

impl Machine {
    /// A machine that knows its peers and has not started.
    pub fn new(_settings: &Settings, _entropy: Entropy) -> Self {
        Self {}
    }

    /// Takes one input.
    pub fn handle_input(&mut self, _now: Now, _input: Input<'_>) {}

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Output<'_> {
        Output::Timeout(None)
    }

    /// The peers whose view changed since the last call of [`Machine::clear_changed`], by their
    /// stable slot.
    pub fn changed(&self) -> impl Iterator<Item = (usize, Option<View>)> + '_ {
        core::iter::empty()
    }

    /// Forgets which views changed.
    pub fn clear_changed(&mut self) {}

    /// Datagrams by kind.
    pub fn counters(&self) -> Counters {
        Counters::default()
    }
}
