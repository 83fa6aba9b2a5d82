//! The laws of what is said of a peer's process and of one's own link (rules R20, R21, R31): nobody
//! says more than can be known.

use std::time::Duration;

use peermon::proto::event::{Event, EventKind, Reason};
use peermon::proto::peer::view::State;
use peermon::proto::time::Time;

use super::invariants::{Checker, SETTLED, SLACK, bounds, peer};
use super::world::World;

impl Checker {
    /// PROCESS_EXIT is told of a process that is gone, by its lifelines.
    pub fn check_exit(&self, world: &World, node: usize, event: &Event) -> Result<(), String> {
        let Some((from, life)) = world.truth.life(event.incarnation, node) else {
            return Err("DOWN of a life that never was".into());
        };
        if !world.truth.is_gone(from, life) && !self.looks_gone(world, from, node) {
            return Err(format!("R21: the process of {from} is there"));
        }
        let lined = |node: usize| world.nodes[node].settings.lifeline_max_peers > 0;
        if life.died {
            return Ok(());
        }
        if !world.private || !lined(node) || !lined(from) {
            return Err(format!("R21: nothing told {node} of the exit of {from}"));
        }
        Ok(())
    }

    /// A middlebox that resets lifelines and refuses new ones in the name of a process that answers
    /// nothing meanwhile, for it is frozen or its datagrams are lost, cannot be told from an exit.
    fn looks_gone(&self, world: &World, from: usize, node: usize) -> bool {
        let boxed = world.truth.boxed;
        // Nor soon after that: how long an answer may take is learnt from a way that carries.
        boxed != Time::ZERO && !self.was_fair_at(from, node, boxed - SETTLED)
    }

    /// The same of reasons that were amended without an event (R31). To be called now and then.
    pub fn check_amended(&self, world: &World, node: usize) -> Result<(), String> {
        let Some(machine) = &world.nodes[node].machine else { return Ok(()) };
        for view in machine.views() {
            let blamed = view.state == State::Down && view.reason == Reason::ProcessExit;
            let life = world.truth.life(view.incarnation, node);
            if let Some((from, life)) = life.filter(|_| blamed)
                && !world.truth.is_gone(from, life)
                && !self.looks_gone(world, from, node)
            {
                return Err(format!("R31: the process of {from} is there"));
            }
        }
        Ok(())
    }

    /// HUNG: the peer's kernel has what was sent when half of the margin was gone.
    pub fn check_hung(
        &self,
        world: &World,
        node: usize,
        at: Time,
        event: &Event,
    ) -> Result<(), String> {
        let name = event.peer.as_deref().unwrap_or_default();
        let named = (0..world.nodes.len()).find(|from| &*world.nodes[*from].name == name);
        let (Some(from), Some(view), Some(settings)) =
            (named, world.view(node, name), peer(world, node, name))
        else {
            return Ok(());
        };
        let (_, most) = bounds(world, node, &view, settings);
        let rested = self.is_unhurried(world, node, at);
        let off = world.truth.sleepers[from].kernel_off;
        if rested && off.is_some_and(|off| off + most + SLACK < at) {
            return Err(format!("R31: HUNG, but {from} was off"));
        }
        Ok(())
    }

    /// Whether `node` was neither late nor cut off of late: no deadline was put off.
    fn is_unhurried(&self, world: &World, node: usize, at: Time) -> bool {
        let sleeper = &world.truth.sleepers[node];
        let settled: Duration = SETTLED * 2;
        at.since(sleeper.stalled) > settled
            && world.truth.laziness(node, at).is_zero()
            && !world.truth.was_cut_off(node, at, settled)
    }

    /// UNREACHABLE may come before the margin is over, if something was closed within it.
    pub fn may_be_early(&self, world: &World, node: usize, at: Time, event: &Event) -> bool {
        let name = event.peer.as_deref().unwrap_or_default();
        let Some(view) = world.view(node, name) else { return false };
        let Some((from, _)) = world.truth.life(event.incarnation, node) else { return false };
        let evidence = world.truth.way(from, node).evidence;
        event.reason == Reason::Unreachable && at.since(evidence) <= view.detect_within
    }

    /// SELF_ISOLATED and SELF_CONNECTED take turns.
    pub fn check_isolation(&mut self, node: usize, kind: EventKind) -> Result<(), String> {
        let isolated = match kind {
            EventKind::SelfIsolated => true,
            EventKind::SelfConnected => false,
            _ => return Ok(()),
        };
        if std::mem::replace(&mut self.isolated[node], isolated) == isolated {
            return Err(format!("R20: {kind:?} twice"));
        }
        Ok(())
    }
}
