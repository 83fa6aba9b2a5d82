//! What host threads ask of a turn.

use core::sync::atomic::Ordering;

use super::{OVERTIME, Turner};
use crate::proto::machine::Input;
use crate::runtime::command::Command;
use crate::runtime::core::Core;
use crate::runtime::sys::clock;
use crate::runtime::work::Order;

impl Turner<'_> {
    /// Returns whether there was any.
    pub(super) fn take_commands(&mut self, core: &mut Core) -> bool {
        let mut any = false;
        while let Ok(command) = self.commands.try_recv() {
            any = true;
            self.take_command(core, command);
        }
        any
    }

    fn take_command(&mut self, core: &mut Core, command: Command) {
        let now = clock::now();
        match command {
            Command::End(reason) => {
                let linger = self.shared.plan.settings.end_linger;
                self.give_up = Some(now.mono + linger + OVERTIME);
                self.feed(core, now, Input::End { reason });
            }
            Command::AddPeer { settings, endpoints, done } => {
                self.feed(core, now, Input::AddPeer(settings));
                self.reach.tell_again(now.mono);
                self.worker.order(Order::Watch(endpoints));
                self.waiting.push(done);
            }
            Command::RemovePeer { name, done } => {
                self.worker.order(Order::Forget(name.clone()));
                self.feed(core, now, Input::RemovePeer(name));
                self.waiting.push(done);
            }
            Command::SetAddresses(name, addresses) => {
                self.feed(core, now, Input::SetAddresses(name, addresses));
                self.reach.tell_again(now.mono);
            }
            Command::Pause { judge, heartbeat, span } => {
                self.feed(core, now, Input::Pause { judge, heartbeat, span });
            }
            Command::Resume => self.feed(core, now, Input::Resume),
            #[cfg(test)]
            Command::Panic => panic!("on purpose"),
        }
    }

    /// What workers of the application have begun, done and ended since the last turn.
    pub(super) fn take_activities(&mut self, core: &mut Core) {
        let mut seen = core::mem::take(&mut self.activities);
        seen.look(&self.shared.activities, |slot, what| {
            self.feed(core, clock::now(), Input::Activity { slot, what });
        });
        self.activities = seen;
    }

    pub(super) fn take_pulse(&mut self, core: &mut Core) {
        let pulse = self.shared.pulse.load(Ordering::Relaxed);
        if pulse != self.pulse {
            self.pulse = pulse;
            self.feed(core, clock::now(), Input::AppAlive);
        }
    }
}
