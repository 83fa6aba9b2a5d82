//! What host threads ask of a turn.

use core::sync::atomic::Ordering;

use crossbeam_channel::TryRecvError;

use super::{OVERTIME, Turner};
#[cfg(test)]
use crate::proto::event::Reason;
use crate::proto::machine::{ActivityInput, Input, MAX_ACTIVITIES};
use crate::proto::time::Now;
use crate::runtime::activities::Seen;
use crate::runtime::command::Command;
use crate::runtime::core::Core;
use crate::runtime::sys::clock;
use crate::runtime::work::Order;

impl Turner<'_> {
    /// Returns whether there was any.
    pub(super) fn take_commands(&mut self, core: &mut Core) -> bool {
        let mut any = false;
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.take_command(core, command),
                Err(TryRecvError::Empty) => return any,
                Err(TryRecvError::Disconnected) => {
                    let why = "the monitor failed: peermon-pump was lost".to_owned();
                    self.shared.cripple(why);
                    return any;
                }
            }
            any = true;
        }
    }

    fn take_command(&mut self, core: &mut Core, command: Command) {
        let now = clock::now();
        match command {
            Command::End(reason) => {
                self.expect_end(Input::End { reason }, now);
                self.feed(core, now, Input::End { reason });
            }
            Command::Died(how) => {
                self.expect_end(Input::Died { how: how.clone() }, now);
                self.feed(core, now, Input::Died { how });
            }
            Command::Note { detail, done } => {
                self.feed(core, now, Input::Note { detail });
                self.waiting.push(done);
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
            Command::MovePeer { endpoints, done } => {
                self.worker.order(Order::Move(endpoints));
                self.waiting.push(done);
            }
            Command::SetAddresses(name, addresses) => {
                self.feed(core, now, Input::SetAddresses(name, addresses));
                self.reach.tell_again(now.mono);
            }
            Command::Pause { judge, heartbeat, span } => {
                self.feed(core, now, Input::Pause { judge, heartbeat, span });
            }
            Command::Resume { judge, heartbeat } => {
                self.feed(core, now, Input::Resume { judge, heartbeat });
            }
            // The look comes at the end of the turn.
            Command::Recorded => {}
            #[cfg(test)]
            Command::Panic => panic!("on purpose"),
            #[cfg(test)]
            Command::PanicInTheMachine => core.tear("on purpose"),
            #[cfg(test)]
            Command::PanicBeforeTheEnd => {
                self.expect_end(Input::End { reason: Reason::None }, now);
                panic!("on purpose");
            }
        }
    }

    fn expect_end(&mut self, asked: Input<'static>, now: Now) {
        let linger = self.shared.plan.settings.end_linger;
        self.give_up = Some(now.mono + linger + OVERTIME);
        self.ending = Some(asked);
    }

    /// Whether the application, and its workers, moved since the last turn. Right before the
    /// judgement at `now`, so that no pulse which was given before that is missed.
    pub(super) fn tell_progress(&mut self, core: &mut Core, now: Now) {
        let pulse = self.shared.pulse.load(Ordering::Relaxed);
        if pulse != self.pulse {
            self.pulse = pulse;
            self.feed(core, now, Input::AppAlive);
        }
        let table = &self.shared.activities;
        self.activities.begin(table);
        while let Some((slot, what)) = self.activities.next(table) {
            self.feed(core, now, Input::Activity { slot, what });
        }
    }

    /// The loop is entered again after a panic: what the machine was to be told may be lost, so all of
    /// it is told anew.
    pub(super) fn tell_anew(&mut self, core: &mut Core) {
        for slot in 0..MAX_ACTIVITIES {
            let what = ActivityInput::Ended;
            self.feed(core, clock::now(), Input::Activity { slot, what });
        }
        self.activities = Seen::default();
        let again = match &self.ending {
            Some(Input::End { reason }) => Some(Input::End { reason: *reason }),
            Some(Input::Died { how }) => Some(Input::Died { how: how.clone() }),
            _ => None,
        };
        if let Some(again) = again {
            self.feed(core, clock::now(), again);
        }
    }
}
