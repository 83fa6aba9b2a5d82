//! How a monitor is, for those who steer it.

use super::super::shared::Shared;
use crate::http::control::steer::{Overview, Own};

/// Copies, under short locks.
pub fn overview(shared: &Shared) -> Overview {
    let plan = &shared.plan;
    let files = plan.written.0.files();
    let sink = &shared.log_sink;
    Overview {
        config_files: files.map(|path| path.display().to_string()).collect(),
        log_level: sink.asked().unwrap_or_else(|| sink.wanted(true)),
        mail_waiting: plan.channels.mail.as_ref().map(|_| shared.mail.waiting()),
        listens_to_interrupts: shared.is_listened_to(),
        own: Own {
            interval: plan.defaults.heartbeat_interval,
            judge_interval: plan.settings.judge_interval,
            detect_within: plan.defaults.detection.detect_within,
            pause_max: plan.settings.pause_max,
        },
        peers: shared.roster.peek(|roster| roster.len()),
    }
}
