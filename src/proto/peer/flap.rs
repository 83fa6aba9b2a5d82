//! Flap damping: of notices, never of the state (rule R25).
//!
//! When the outages within a window are too many, one FLAPPING is told, and from then on the
//! peer's notices rest: an outage that begins while they do is withheld whole, DOWN with its
//! RECOVERED, and so is LATE. RECOVERED is told if and only if its DOWN was. The rest ends when the
//! state has not changed for long enough; an outage that outlasted it is told then, by a second DOWN
//! with an id of its own, so that what is told has rising ids and one number says where a reader is.
//! ENDED ends the rest at once. Every other kind is told whatever rests.
//!
//! There is no timer here: the end of a rest is looked for at the sending slots.

use core::time::Duration;
use std::collections::VecDeque;

use super::{Context, Peer};
use crate::proto::event::{EventKind, Reason, Telling};
use crate::proto::machine::Notice;
use crate::proto::settings::Flapping;
use crate::proto::time::Time;

/// What is told and what is withheld of one peer.
#[derive(Clone, Debug)]
pub struct Flap {
    settings: Option<Flapping>,
    /// When the latest outages began, at most as many as make it flap.
    outages: VecDeque<Time>,
    resting: bool,
    /// The open outage is withheld.
    withholding: bool,
}

impl Flap {
    /// Nothing rests.
    pub fn new(settings: Option<Flapping>) -> Self {
        let most = settings.map_or(0, |settings| settings.outages as usize);
        let outages = VecDeque::with_capacity(most);
        Self { settings, outages, resting: false, withholding: false }
    }

    /// What an earlier life of this monitor withheld is withheld still.
    pub fn restore(&mut self, withheld: bool) {
        self.resting = withheld;
        self.withholding = withheld;
    }

    /// Whether the peer's notices rest.
    pub fn is_resting(&self) -> bool {
        self.resting
    }

    /// Whether the open outage is withheld.
    pub fn is_withholding(&self) -> bool {
        self.withholding
    }

    /// Whether an event of `kind` that is judged now is told.
    pub fn take(&mut self, kind: EventKind) -> Telling {
        let withheld = match kind {
            EventKind::Late => self.resting,
            EventKind::Down => {
                self.withholding = self.resting;
                self.withholding
            }
            EventKind::Recovered => core::mem::take(&mut self.withholding),
            EventKind::Ended => {
                self.begin_anew();
                false
            }
            _ => false,
        };
        if withheld { Telling::Withheld } else { Telling::Now }
    }

    /// A DOWN at `now` was told. If it is one too many, the notices rest from now on, and the number
    /// of outages within the window is returned.
    pub fn count(&mut self, now: Time) -> Option<u32> {
        let settings = self.settings.filter(|_| !self.resting)?;
        self.outages.retain(|began| now.since(*began) <= settings.window);
        self.outages.push_back(now);
        let count = u32::try_from(self.outages.len()).unwrap_or(u32::MAX);
        self.resting = count >= settings.outages;
        Some(count).filter(|_| self.resting)
    }

    /// Ends the rest at `now` if the state, which changed last at `changed`, has not changed for
    /// long enough. Whether it ended, and if so whether an outage outlasted it that nobody was told.
    pub fn wake(&mut self, now: Time, changed: Time) -> Option<bool> {
        // Nothing rests any longer where the next life is not to damp at all.
        let rest = self.settings.map_or(Duration::ZERO, |settings| settings.rest);
        if !self.resting || now.since(changed) < rest {
            return None;
        }
        let untold = self.withholding;
        self.begin_anew();
        Some(untold)
    }

    fn begin_anew(&mut self) {
        self.outages.clear();
        self.resting = false;
        self.withholding = false;
    }
}

impl Peer {
    /// What follows an event of `kind` that was just queued: a DOWN that was told may be one too many.
    pub(super) fn follow_flapping(&mut self, kind: EventKind, cx: &mut Context<'_>) {
        if kind != EventKind::Down {
            return;
        }
        let Some(outages) = self.flap.count(cx.now.mono) else { return };
        let (silence, heard) = (Some(self.outage), self.last_heard());
        let notice = self.notice(EventKind::Flapping, Reason::None, silence, heard, cx.now);
        self.put(Notice { outages, ..notice }, cx);
    }

    /// The rest ends when the state has been the same for long enough.
    pub(super) fn end_rest(&mut self, cx: &mut Context<'_>) {
        let Some(untold) = self.flap.wake(cx.now.mono, self.changed_at) else { return };
        self.changed = true;
        if !untold {
            return;
        }
        // As it stands now, but for the date: that is when it was judged.
        let (outage, heard) = (Some(self.outage), self.last_heard());
        let down = self.notice(EventKind::Down, self.reason, outage, heard, cx.now);
        let judged = Some(self.since);
        self.put(Notice { telling: Telling::AfterRest, judged, ..down }, cx);
        self.offer_takeover(cx);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::proto::event::EventKind::{Down, Ended, Late, Recovered};

    const SETTINGS: Flapping =
        Flapping { outages: 3, window: Duration::from_secs(60), rest: Duration::from_secs(30) };

    /// What the law says, written down naively: every outage with its beginning, and the rests.
    #[derive(Default)]
    struct Model {
        told_downs: Vec<Time>,
        resting: bool,
        open_is_told: bool,
        changed: Time,
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Turn,
        End,
        Wait(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            6 => Just(Step::Turn),
            1 => Just(Step::End),
            6 => (0_u64..40).prop_map(Step::Wait),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The peer goes DOWN and RECOVERS (`Turn`), ends, or stays as it is: what is told is what
        /// a naive model says, and what is told alternates.
        #[test]
        fn what_is_told_is_what_the_law_says(steps in steps()) {
            let mut flap = Flap::new(Some(SETTINGS));
            let mut model = Model::default();
            let (mut now, mut down, mut id) = (Time::from_millis(1_000_000), false, 0);
            model.changed = now;
            let mut told: Vec<(u64, EventKind)> = Vec::new();
            for step in steps {
                id += 1;
                match step {
                    Step::Turn if !down => {
                        down = true;
                        model.changed = now;
                        model.open_is_told = !model.resting;
                        let telling = flap.take(Down);
                        prop_assert_eq!(telling == Telling::Now, model.open_is_told);
                        if telling == Telling::Now {
                            told.push((id, Down));
                            model.told_downs.push(now);
                            let within = model
                                .told_downs
                                .iter()
                                .filter(|at| now.since(**at) <= SETTINGS.window)
                                .count() as u32;
                            let flapped = flap.count(now);
                            model.resting = within >= SETTINGS.outages;
                            prop_assert_eq!(flapped, Some(within).filter(|_| model.resting));
                        }
                    }
                    Step::Turn | Step::End => {
                        if down {
                            down = false;
                            model.changed = now;
                            let telling = flap.take(Recovered);
                            prop_assert_eq!(telling == Telling::Now, model.open_is_told);
                            if telling == Telling::Now {
                                told.push((id, Recovered));
                            }
                        }
                        if matches!(step, Step::End) {
                            prop_assert_eq!(flap.take(Ended), Telling::Now);
                            model.resting = false;
                            model.told_downs.clear();
                        }
                    }
                    Step::Wait(secs) => {
                        now = now + Duration::from_secs(secs);
                        let over = model.resting && now.since(model.changed) >= SETTINGS.rest;
                        let woken = flap.wake(now, model.changed);
                        prop_assert_eq!(woken.is_some(), over);
                        if over {
                            model.resting = false;
                            model.told_downs.clear();
                            let late = down && !model.open_is_told;
                            prop_assert_eq!(woken, Some(late));
                            if late {
                                told.push((id, Down));
                                model.open_is_told = true;
                            }
                        }
                    }
                }
                prop_assert_eq!(flap.is_resting(), model.resting);
            }
            // Strictly in turn, DOWN first, and ids rise.
            for (at, (id, kind)) in told.iter().enumerate() {
                prop_assert_eq!(*kind, if at % 2 == 0 { Down } else { Recovered });
                prop_assert!(told[..at].iter().all(|(other, _)| other < id));
            }
        }
    }

    #[test]
    fn without_settings_nothing_ever_rests() {
        let mut flap = Flap::new(None);
        for second in 0..100 {
            assert_eq!(flap.take(Down), Telling::Now);
            assert_eq!(flap.count(Time::from_millis(second * 1000)), None);
            assert_eq!(flap.take(Recovered), Telling::Now);
        }
        assert_eq!(flap.wake(Time::NEVER, Time::ZERO), None);
    }

    #[test]
    fn what_was_withheld_before_a_restart_is_told_after_a_rest_or_not_at_all() {
        let now = Time::from_millis(100_000);
        let restored = |settings| {
            let mut flap = Flap::new(settings);
            flap.restore(true);
            flap
        };
        let mut flap = restored(Some(SETTINGS));
        assert_eq!(flap.wake(now, now), None);
        assert_eq!(flap.take(Recovered), Telling::Withheld);
        let mut flap = restored(Some(SETTINGS));
        assert_eq!(flap.wake(now + SETTINGS.rest, now), Some(true));
        assert_eq!(flap.take(Recovered), Telling::Now);
        // Damping was switched off: there is nothing to wait for.
        assert_eq!(restored(None).wake(now, now), Some(true));
    }

    #[test]
    fn warnings_rest_too_and_the_outage_that_is_open_keeps_its_end() {
        let mut flap = Flap::new(Some(Flapping { outages: 2, ..SETTINGS }));
        for second in [1, 2] {
            assert_eq!(flap.take(Late), Telling::Now);
            assert_eq!(flap.take(Down), Telling::Now);
            let flapped = flap.count(Time::from_millis(second * 1000));
            assert_eq!(flapped, (second == 2).then_some(2));
            assert_eq!(flap.take(Recovered), Telling::Now);
        }
        assert_eq!(flap.take(Late), Telling::Withheld);
        assert_eq!(flap.take(EventKind::NameConflict), Telling::Now);
    }
}
