//! What is noted of a heartbeat for whoever records them.

use core::time::Duration;

use super::inbound::Arrival;
use super::{Context, Peer};
use crate::proto::event::PeerName;
use crate::proto::machine::trace::Beat;
use crate::proto::time::Time;
use crate::proto::wire::{Kind, OwnState};

impl Peer {
    /// Notes a believed heartbeat, also one that only lacks the proof that ends an outage (rule R3).
    pub(super) fn trace(&self, arrival: &Arrival, cx: &mut Context<'_>) {
        let header = &arrival.header;
        if !cx.out.trace.is_on() || header.kind != Kind::Running {
            return;
        }
        cx.out.trace.note(Beat {
            peer: PeerName::clone(&self.settings.name),
            incarnation: header.incarnation,
            beat: header.beat,
            sent: Time::from_nanos(header.monotonic),
            received: arrival.received,
            interval: Duration::from_micros(u64::from(header.announced)),
            paused: header.state == OwnState::Paused,
        });
    }
}
