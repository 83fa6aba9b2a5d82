//! Why something happened: one word with a number, in events, in views and on the wire.

/// Why. The numbers are those of the C interface, never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum Reason {
    /// No reason applies.
    #[default]
    None = 0,
    /// Heartbeats stopped; nothing tells crash, freeze and cut apart.
    Silent = 1,
    /// The peer's process ended without a graceful end.
    ProcessExit = 2,
    /// The peer cannot be reached.
    Unreachable = 3,
    /// The peer's kernel answers, its process does not.
    Hung = 4,
    /// The peer says that its application makes no progress.
    AppStalled = 5,
    /// A new incarnation of the peer answered.
    Restarted = 6,
    /// The same incarnation answered after datagrams were lost: the path healed.
    Reconnected = 7,
    /// The peer says that it stood still.
    Resumed = 8,
    /// The same incarnation answered and nothing was lost: it was only late.
    FalseAlarm = 9,
    /// The peer ended gracefully while it was held for down.
    EndedLate = 10,
    /// The peer was removed from the configuration, here or there.
    Removed = 11,
    /// The peer's monitor, not its application, failed.
    MonitorFailed = 12,
    /// The observer's own lateness took part in the verdict.
    OwnLateness = 13,
}

impl Reason {
    /// Every reason, in the order of its number.
    pub const ALL: [Self; 14] = [
        Self::None,
        Self::Silent,
        Self::ProcessExit,
        Self::Unreachable,
        Self::Hung,
        Self::AppStalled,
        Self::Restarted,
        Self::Reconnected,
        Self::Resumed,
        Self::FalseAlarm,
        Self::EndedLate,
        Self::Removed,
        Self::MonitorFailed,
        Self::OwnLateness,
    ];

    /// The number of the C interface and of the wire.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The constant of the C interface without its prefix: `SILENT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Silent => "SILENT",
            Self::ProcessExit => "PROCESS_EXIT",
            Self::Unreachable => "UNREACHABLE",
            Self::Hung => "HUNG",
            Self::AppStalled => "APP_STALLED",
            Self::Restarted => "RESTARTED",
            Self::Reconnected => "RECONNECTED",
            Self::Resumed => "RESUMED",
            Self::FalseAlarm => "FALSE_ALARM",
            Self::EndedLate => "ENDED_LATE",
            Self::Removed => "REMOVED",
            Self::MonitorFailed => "MONITOR_FAILED",
            Self::OwnLateness => "OWN_LATENESS",
        }
    }

    /// The reason of a number; [`Reason::None`] for numbers of a newer version.
    pub fn from_code(code: u32) -> Self {
        Self::ALL.into_iter().find(|reason| reason.code() == code).unwrap_or_default()
    }
}
