//! Workers of the applications in a random play: activities that come and go, and stand still with
//! the rest.

use peermon::proto::machine::{ActivityInput, Input};

use super::play::Play;

/// So many of one application.
pub const WORKERS: usize = 3;

impl Play {
    /// The application moves: it gives its pulse as a whole, and its workers work.
    pub fn move_application(&mut self, node: usize) {
        self.world.input(node, Input::AppAlive);
        for slot in 0..WORKERS {
            if self.actors[node].workers[slot] {
                self.world.input(node, Input::Activity { slot, what: ActivityInput::Alive });
            }
        }
    }

    /// Some begin, some have done their work.
    pub fn change_workers(&mut self, node: usize) {
        let Some(deadline) = self.world.nodes[node].settings.watchdog_timeout else { return };
        if !self.world.nodes[node].is_awake() {
            // Nothing runs in it, so nothing begins or ends.
            return;
        }
        let slot = self.workers_rng.below(2 * WORKERS as u64) as usize;
        let Some(works) = self.actors[node].workers.get_mut(slot) else { return };
        *works = !*works;
        let what = if *works {
            ActivityInput::Began { name: format!("worker {slot}").into(), deadline }
        } else {
            ActivityInput::Ended
        };
        self.world.input(node, Input::Activity { slot, what });
    }
}
