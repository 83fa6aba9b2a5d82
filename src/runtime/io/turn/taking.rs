//! What a turn takes in, and in which order.

use core::time::Duration;

use super::{Turner, Wire};
use crate::notify::log::DEBUG;
use crate::proto::machine::{Input, LineInput};
use crate::proto::wire::MAX_LEN;
use crate::runtime::core::Core;
use crate::runtime::io::intake::Drain;
use crate::runtime::io::ports::SOCKET;
use crate::runtime::lines::Buffer;
use crate::runtime::sys::clock;
use crate::runtime::sys::refusals::Report;

/// What is of use of a datagram that the network quotes: its header, and what a PROBE has.
const QUOTED: usize = 576;
/// Reports of the network that are taken in one turn.
const REPORTS: usize = 64;
/// So often a turn looks again whether something arrived while it took in what had.
const ROUNDS: usize = 8;

impl Turner<'_> {
    /// Takes in what has arrived, in this order: requests, datagrams, what the network says of ours,
    /// lifelines of both tables; and again, until nothing has come meanwhile. So when the datagrams were found to be at an end
    /// for the last time, nothing of the others was waiting either (rule R32).
    pub(super) fn take_in(&mut self, core: &mut Core) -> Drain {
        self.lifelines.begin_turn();
        self.reports_left = REPORTS;
        let (mut count, mut dropped) = (0, false);
        let mut round = 0;
        loop {
            self.notice();
            // Requests go before the drain, so that the time of the judgement is the latest that
            // the machine has seen.
            count += usize::from(self.take_commands(core));
            let drain = self.drain(core);
            count += drain.count + self.take_reports(core) + self.take_lines(core);
            dropped |= drain.dropped;
            round += 1;
            if drain.more || round == ROUNDS {
                return Drain { at: drain.at, dropped, more: true, count };
            }
            self.ports.wait(Duration::ZERO);
            if self.ports.events().next().is_none() {
                return Drain { at: drain.at, dropped, more: false, count };
            }
        }
    }

    /// Notes what the poller reported; datagrams, requests and the twin are looked for anyway.
    fn notice(&mut self) {
        for ready in self.ports.events() {
            self.lifelines.notice(ready.token);
            self.reach.notice(ready.token);
            self.reported |= ready.token == SOCKET && ready.is_error;
        }
    }

    /// Hands in what the network says of datagrams that did not arrive; returns how much that was.
    fn take_reports(&mut self, core: &mut Core) -> usize {
        let mut count = 0;
        let mut buffer = [0; QUOTED];
        self.reported |= self.ports.socket.has_reports();
        while self.reported && self.reports_left > 0 {
            self.reports_left -= 1;
            match self.ports.socket.report(&mut buffer) {
                Report::Empty => self.reported = false,
                Report::Other => self.totals.reports += 1,
                Report::Refused { from, length } => {
                    count += 1;
                    self.totals.refusals += 1;
                    let quoted = &buffer[..length];
                    self.feed(core, clock::now(), Input::Refused { from, quoted });
                }
            }
        }
        count
    }

    /// Says where this server has no way to any more, or has again.
    pub(super) fn tell_reach(&mut self, core: &mut Core) {
        self.reach.begin_turn(clock::mono());
        while let Some((address, reachable)) = self.reach.next(clock::mono()) {
            let words = if reachable { "is reached again" } else { "has no route or no carrier" };
            self.shared.logger.line(DEBUG, format_args!("{address} {words}"));
            self.feed(core, clock::now(), Input::Reach { address, reachable });
        }
    }

    /// Hands in what happened to lifelines; returns how much that was.
    fn take_lines(&mut self, core: &mut Core) -> usize {
        let mut count = 0;
        let mut line: Buffer = [0; MAX_LEN];
        while let Some(heard) = self.lifelines.next(&mut line, self.ports.registry()) {
            count += 1;
            let input = Input::Line { conn: heard.conn, what: heard.words(&line) };
            self.feed(core, clock::now(), input);
        }
        if self.lifelines.listening() != self.listening {
            self.tell_listening(core);
        }
        count
    }

    /// Right before the judgement, so that what it finds is the latest that can be known.
    pub(super) fn tell_acknowledged(&mut self, core: &mut Core) {
        while let Some(conn) = self.lifelines.acknowledged() {
            let what = LineInput::Acknowledged;
            self.feed(core, clock::now(), Input::Line { conn, what });
        }
    }

    pub(super) fn tell_listening(&mut self, core: &mut Core) {
        self.listening = self.lifelines.listening();
        if let Some(twin_port) = self.listening {
            let listening = Input::Listening { private: true, twin_port };
            self.feed(core, clock::now(), listening);
        }
    }

    /// Hands in what has arrived.
    fn drain(&mut self, core: &mut Core) -> Drain {
        let Self { shared, ports, intake, lifelines, reach, totals, ended, timeout, .. } = self;
        let (socket, registry) = (&ports.socket, ports.registry());
        intake.drain(socket, |now, input| {
            let mut wire = Wire { socket, sends: &mut totals.sends, lifelines, reach, registry };
            let fed = core.feed(now, input, shared, &mut wire);
            *ended |= fed.ended;
            *timeout = fed.timeout;
        })
    }
}
