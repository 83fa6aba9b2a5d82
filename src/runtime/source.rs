//! The monitor as those who answer see it: one place for the client port, and for what follows it.

use super::shared::Shared;
use crate::proto::peer::view::View;
use crate::proto::rejection::Rejection;
use crate::status::source::{About, ChannelView, Condition, Source};
use crate::status::statistics::{APP_STALLED, FAILED, RUNNING};

impl Source for Shared {
    fn peers(&self) -> Vec<View> {
        self.snapshot.all()
    }

    fn peer(&self, name: &str) -> Option<View> {
        self.snapshot.one(name)
    }

    fn about(&self) -> About {
        let statistics = self.statistics();
        let has = |flag| statistics.flags & flag != 0;
        let condition = match () {
            () if has(FAILED) => Condition::Failed,
            () if !has(RUNNING) => Condition::Ended,
            () if has(APP_STALLED) => Condition::AppStalled,
            () => Condition::Running,
        };
        let settings = &self.plan.settings;
        About {
            group: settings.group.clone(),
            name: settings.name.to_string(),
            version: env!("CARGO_PKG_VERSION"),
            condition,
            started_at: self.accounts.started_at(),
            incarnation: self.accounts.incarnation(),
            epoch: self.accounts.epoch(),
            statistics,
            channels: self.channels(),
            timers: self.aside.timers(),
            mail_waiting: self.plan.channels.mail.as_ref().map(|_| self.mail.waiting()),
        }
    }

    fn rejected(&self) -> Vec<Rejection> {
        self.aside.rejected()
    }
}

impl Shared {
    /// How far each channel is, and what it had to drop.
    fn channels(&self) -> Vec<ChannelView> {
        let position = |name| self.store.position(name).unwrap_or(0);
        let others = self.losses.iter().map(|(name, dropped)| ChannelView {
            name,
            position: position(name),
            dropped: dropped.count(),
        });
        let name = super::channels::CALLBACK;
        let callback = ChannelView { name, position: position(name), dropped: 0 };
        core::iter::once(callback).chain(others).collect()
    }
}
