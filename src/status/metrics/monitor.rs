//! The monitor itself as numbers.

use super::{Text, date};
use crate::status::source::{About, Condition, Timers};
use crate::status::statistics::{
    AFFINITY_REFUSED, Calls, MEMORY_REFUSED, PRIORITY_REFUSED, PRIVATE_TABLE, RECORDING,
};

/// What no condition says, by the names of the C interface.
const FLAGS: [(u32, &str); 5] = [
    (PRIVATE_TABLE, "PRIVATE_TABLE"),
    (PRIORITY_REFUSED, "PRIORITY_REFUSED"),
    (AFFINITY_REFUSED, "AFFINITY_REFUSED"),
    (MEMORY_REFUSED, "MEMORY_REFUSED"),
    (RECORDING, "RECORDING"),
];

/// Everything about the monitor.
pub fn write(text: &mut Text, about: &About) {
    let statistics = &about.statistics;
    text.family("peermon_info", "gauge", "Who answers; always 1.");
    let labels = [("group", &*about.group), ("server", &*about.name), ("version", about.version)];
    text.sample("peermon_info", &labels, 1);
    text.family("peermon_monitor_condition", "gauge", "1 for the condition of the monitor.");
    for condition in Condition::ALL {
        let labels = [("condition", condition.name())];
        text.sample("peermon_monitor_condition", &labels, u8::from(about.condition == condition));
    }
    text.family(
        "peermon_monitor_flag",
        "gauge",
        "1 for what is true of the monitor beside its condition.",
    );
    for (bit, flag) in FLAGS {
        let value = u8::from(statistics.flags & bit != 0);
        text.sample("peermon_monitor_flag", &[("flag", flag)], value);
    }
    write_timers(text, &about.timers);
    let name = "peermon_start_time_seconds";
    text.single(name, "gauge", "When the application started last.", date(about.started_at));
    let counters = [
        (
            "peermon_datagrams_sent_total",
            "Datagrams handed to the kernel.",
            statistics.counted.sent,
        ),
        ("peermon_datagrams_accepted_total", "Datagrams taken.", statistics.counted.accepted),
        ("peermon_datagrams_rejected_total", "Datagrams not taken.", statistics.counted.rejected),
        ("peermon_loop_turns_total", "Turns of the loop.", statistics.counted.turns),
        ("peermon_log_lines_lost_total", "Log lines nobody took.", statistics.log_lines_lost),
    ];
    for (name, help, value) in counters {
        text.single(name, "counter", help, value);
    }
    let help = "Events that wait for the callback of the host.";
    text.single("peermon_events_waiting", "gauge", help, statistics.events_waiting);
    if let Some(waiting) = about.mail_waiting {
        let help = "Letters that no relay has taken yet.";
        text.single("peermon_mail_waiting", "gauge", help, waiting);
    }
    write_callbacks(
        text,
        [
            ("event", &statistics.event),
            ("interrupt", &statistics.interrupt),
            ("log", &statistics.log),
        ],
    );
    let name = "peermon_channel_position";
    text.family(name, "gauge", "The id of the last event that a channel is done with.");
    for channel in &about.channels {
        text.sample(name, &[("channel", channel.name)], channel.position);
    }
    let name = "peermon_channel_dropped_total";
    text.family(name, "counter", "Outages dropped because a channel was slow.");
    for channel in &about.channels {
        text.sample(name, &[("channel", channel.name)], channel.dropped);
    }
}

fn write_timers(text: &mut Text, timers: &Timers) {
    let name = "peermon_timer_paused";
    text.family(name, "gauge", "1 while the timer is paused.");
    text.sample(name, &[("timer", "judge")], u8::from(timers.judge_paused));
    let heartbeat = timers.heartbeat_paused;
    text.sample(name, &[("timer", "heartbeat")], u8::from(heartbeat.is_some()));
    let name = "peermon_timer_pause_remaining_seconds";
    text.family(name, "gauge", "What remains of the pause that the peers were told of.");
    let remaining = heartbeat.unwrap_or_default().as_secs_f64();
    text.sample(name, &[("timer", "heartbeat")], remaining);
}

fn write_callbacks(text: &mut Text, callbacks: [(&str, &Calls); 3]) {
    type Field = (&'static str, &'static str, &'static str, fn(&Calls) -> f64);
    #[allow(clippy::cast_precision_loss, reason = "the format knows floating point alone")]
    const FIELDS: [Field; 4] = [
        ("peermon_callback_calls_total", "counter", "Calls begun.", |calls| calls.count as f64),
        ("peermon_callback_slow_calls_total", "counter", "Calls beyond the budget.", |calls| {
            calls.slow as f64
        }),
        ("peermon_callback_longest_seconds", "gauge", "The longest call that returned.", |calls| {
            calls.longest.as_secs_f64()
        }),
        (
            "peermon_callback_running_seconds",
            "gauge",
            "How long a call has been running.",
            |calls| calls.running.as_secs_f64(),
        ),
    ];
    for (name, kind, help, value) in FIELDS {
        text.family(name, kind, help);
        for (callback, calls) in callbacks {
            text.sample(name, &[("callback", callback)], value(calls));
        }
    }
}
