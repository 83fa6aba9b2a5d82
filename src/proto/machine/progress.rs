//! The watch over the application's progress: as a whole (`watchdog_timeout`) and by activities.

use core::time::Duration;

use super::{Machine, Phase};
use crate::proto::event::{ActivityName, Interrupt, InterruptKind};
use crate::proto::peer::NOTICEABLE;
use crate::proto::time::Time;
use crate::proto::wire::Application;

/// The most activities at once.
pub const MAX_ACTIVITIES: usize = 256;
/// The longest name of an activity, in bytes.
pub const MAX_ACTIVITY_NAME: usize = 63;

/// Whether `name` may name an activity: 1 to 63 bytes, nothing that moves a cursor or ends a line.
pub fn is_valid_activity_name(name: &str) -> bool {
    (1..=MAX_ACTIVITY_NAME).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// One deadline that pulses push back.
#[derive(Clone, Copy, Debug)]
struct Watch {
    timeout: Duration,
    due: Time,
    /// It was re-armed for our own stall since the last pulse.
    forgiven: bool,
    stalled: bool,
}

impl Watch {
    /// A watch that is not running yet.
    fn new(timeout: Duration) -> Self {
        Self { timeout, due: Time::NEVER, forgiven: false, stalled: false }
    }

    /// A pulse, or the start.
    fn pulse(&mut self, now: Time) {
        self.due = now + self.timeout;
        self.forgiven = false;
        self.stalled = false;
    }

    /// A turn that was `late`: what the application did meanwhile is not known, so it gets one
    /// period from now on, whether its time ran out already or not; once per pulse (rule R15).
    fn forgive(&mut self, now: Time, late: Duration) {
        let resting = self.due == Time::NEVER;
        if late <= (self.timeout / 4).max(NOTICEABLE) || self.forgiven || resting {
            return;
        }
        self.forgiven = true;
        self.due = now + self.timeout;
    }

    /// Whether its time ran out just now.
    fn expires(&mut self, now: Time) -> bool {
        if self.due > now {
            return false;
        }
        self.due = Time::NEVER;
        self.stalled = true;
        true
    }
}

/// Something that the application does, with a deadline of its own.
#[derive(Clone, Debug)]
struct Activity {
    name: ActivityName,
    watch: Watch,
}

/// What happened to one activity, as its table shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActivityInput {
    /// It began, or it is one that begins in the place of an earlier one.
    Began {
        /// What the host calls it.
        name: ActivityName,
        /// How long it may go without a pulse, from now on.
        deadline: Duration,
    },
    /// It was alive since the last time: its deadline begins anew.
    Alive,
    /// It is over.
    Ended,
}

/// Everything of the application that is watched.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    whole: Option<Watch>,
    /// By the slots of the host's table.
    activities: Vec<Option<Activity>>,
}

impl Progress {
    /// Nothing is watched before the start.
    pub fn new(watchdog_timeout: Option<Duration>) -> Self {
        let whole = watchdog_timeout.map(Watch::new);
        Self { whole, activities: Vec::new() }
    }

    /// The application starts: whatever goes on in it is told again.
    pub fn start(&mut self, now: Time) {
        self.activities.clear();
        if let Some(whole) = &mut self.whole {
            whole.pulse(now);
        }
    }

    /// Nothing is watched any more.
    pub fn rest(&mut self) {
        self.activities.clear();
        if let Some(whole) = &mut self.whole {
            whole.due = Time::NEVER;
        }
    }

    /// When the next deadline runs out.
    pub fn due(&self) -> Time {
        let activities = self.activities.iter().flatten().map(|activity| activity.watch.due);
        let whole = self.whole.map(|whole| whole.due);
        activities.chain(whole).min().unwrap_or(Time::NEVER)
    }

    /// What is to be said of it, and of which activity if one stands still.
    pub fn application(&self) -> (Application, Option<&ActivityName>) {
        let mut activities = self.activities.iter().flatten().peekable();
        if self.whole.is_none() && activities.peek().is_none() {
            return (Application::Unwatched, None);
        }
        let stalled = activities.find(|activity| activity.watch.stalled);
        if stalled.is_some() || self.whole.is_some_and(|whole| whole.stalled) {
            return (Application::Stalled, stalled.map(|activity| &activity.name));
        }
        (Application::Alive, None)
    }

    fn take(&mut self, now: Time, slot: usize, what: ActivityInput) {
        if slot >= MAX_ACTIVITIES {
            return;
        }
        if slot >= self.activities.len() {
            self.activities.resize_with(slot + 1, || None);
        }
        let Some(place) = self.activities.get_mut(slot) else { return };
        match what {
            ActivityInput::Began { name, deadline } => {
                let mut watch = Watch::new(deadline);
                watch.pulse(now);
                *place = Some(Activity { name, watch });
            }
            ActivityInput::Alive => {
                if let Some(activity) = place {
                    activity.watch.pulse(now);
                }
            }
            ActivityInput::Ended => *place = None,
        }
    }

    fn forgive(&mut self, now: Time, late: Duration) {
        let activities = self.activities.iter_mut().flatten().map(|activity| &mut activity.watch);
        for watch in activities.chain(&mut self.whole) {
            watch.forgive(now, late);
        }
    }

    /// One that expires just now: `None` in it stands for the application as a whole.
    fn next_expired(&mut self, now: Time) -> Option<Option<ActivityName>> {
        if self.due() > now {
            return None;
        }
        for activity in self.activities.iter_mut().flatten() {
            if activity.watch.expires(now) {
                return Some(Some(activity.name.clone()));
            }
        }
        self.whole.as_mut()?.expires(now).then_some(None)
    }
}

impl Machine {
    pub(super) fn on_app_alive(&mut self) {
        let now = self.now.mono;
        if self.own.phase != Phase::Running {
            return;
        }
        if let Some(whole) = &mut self.progress.whole {
            whole.pulse(now);
            self.note_progress();
        }
    }

    pub(super) fn on_activity(&mut self, slot: usize, what: ActivityInput) {
        if self.own.phase == Phase::Running {
            self.progress.take(self.now.mono, slot, what);
            self.note_progress();
        }
    }

    /// The application's deadlines, under the same guard as the peers' (rule R15).
    pub(super) fn judge_application(&mut self) {
        let now = self.now.mono;
        self.progress.forgive(now, self.own.lateness);
        while let Some(activity) = self.progress.next_expired(now) {
            self.out.interrupt(Interrupt::about_self(InterruptKind::AppStalled, activity));
        }
        self.note_progress();
    }

    /// Says what changed, at once if it is about standing still.
    pub(super) fn note_progress(&mut self) {
        let (application, activity) = self.progress.application();
        let own = &mut self.own;
        let stalled = Application::Stalled;
        let turned = (own.application == stalled) != (application == stalled);
        own.application = application;
        if own.stalled_activity.as_ref() != activity {
            own.stalled_activity = activity.cloned();
        }
        if turned {
            self.with_peers(|peer, cx| peer.beat_now(cx));
        }
    }
}
