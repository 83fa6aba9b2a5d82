//! Which rules hold, and how large the searched world is.

/// Every rule of the pair protocol, each with the ways of taking it away.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// R1: an incarnation is random. Otherwise it is a counter from the status file, which begins
    /// again when the file is lost.
    pub incarnations_are_random: bool,
    /// R1: incarnations are compared for equality. Otherwise a smaller one is an old one.
    pub incarnations_have_no_order: bool,
    /// R2: a life that is not the current one needs the present nonce.
    pub acceptance_needs_the_nonce: bool,
    /// R2: the nonce is replaced when a new life is accepted.
    pub acceptance_replaces_the_nonce: bool,
    /// R2: the nonce is replaced when the observer starts. Otherwise it begins as it did before.
    pub start_draws_a_fresh_nonce: bool,
    /// R3: RECOVERED needs the present nonce.
    pub recovery_needs_the_nonce: bool,
    /// R3: the nonce is replaced at DOWN.
    pub down_replaces_the_nonce: bool,
    /// R4: END of the current life needs no nonce.
    pub end_needs_no_nonce: bool,
    /// R4: END of another life needs the nonce.
    pub end_of_another_life_needs_the_nonce: bool,
    /// R4: END in DOWN closes the outage first.
    pub late_end_recovers: bool,
    /// R4: ENDED keeps incarnation and sequence.
    pub ended_keeps_the_life: bool,
    /// R5: what a newcomer says of the lives before it.
    pub history: History,
    /// R5: where the count of a new status file begins.
    pub first_count: FirstCount,
    /// R6: events that the record does not contain are applied to it.
    pub redo: bool,
    /// R6: an event is stored before the record that contains it.
    pub event_before_record: bool,
    /// R24: the cursor of a sink is stored after the delivery.
    pub cursor_after_delivery: bool,
}

/// R5: how a graceful restart is told from a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// By two counters: starts, and the last start that did not end gracefully.
    TwoCounters,
    /// By a mark that the predecessor ended gracefully.
    Predecessor,
    /// Not at all: whoever is replaced crashed.
    None,
}

/// R5: where the start count begins in a new status file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstCount {
    /// At a random number; the one before it counts as the last ungraceful start.
    Random,
    /// At one, and no start was ungraceful.
    One,
}

impl Rules {
    /// As PROTOCOL says.
    pub const ALL: Self = Self {
        incarnations_are_random: true,
        incarnations_have_no_order: true,
        acceptance_needs_the_nonce: true,
        acceptance_replaces_the_nonce: true,
        start_draws_a_fresh_nonce: true,
        recovery_needs_the_nonce: true,
        down_replaces_the_nonce: true,
        end_needs_no_nonce: true,
        end_of_another_life_needs_the_nonce: true,
        late_end_recovers: true,
        ended_keeps_the_life: true,
        history: History::TwoCounters,
        first_count: FirstCount::Random,
        redo: true,
        event_before_record: true,
        cursor_after_delivery: true,
    };
}

/// How many lives of the peer a state has room for.
pub const MOST_LIVES: usize = 4;
/// How many datagrams of one life a state has room for: END is one.
pub const MOST_DATAGRAMS: usize = 4;

/// How large the world is. Everything else is unbounded: deliveries, replays, waiting.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Lives of the peer, at most [`MOST_LIVES`].
    pub lives: u8,
    /// Datagrams per life beside END, less than [`MOST_DATAGRAMS`].
    pub datagrams: u8,
    /// Nonces of the observer: what would need one more does not happen. At most 14.
    pub nonces: u8,
    /// Restarts of the observer.
    pub restarts: u8,
    /// Whether the peer's status file may be lost between two lives.
    pub file_losses: bool,
}

impl Bounds {
    /// What `PEERMON_MODEL_BOUNDS` asks for, without losses of the status file.
    pub fn asked() -> Option<Self> {
        let asked = std::env::var("PEERMON_MODEL_BOUNDS").ok()?;
        let numbers: Vec<u8> = asked.split(',').map(|part| part.trim().parse().unwrap()).collect();
        let [lives, datagrams, nonces, restarts] = numbers[..] else {
            panic!("PEERMON_MODEL_BOUNDS is lives,datagrams,nonces,restarts");
        };
        assert!(usize::from(lives) <= MOST_LIVES && usize::from(datagrams) < MOST_DATAGRAMS);
        assert!(nonces < 15);
        Some(Self { lives, datagrams, nonces, restarts, file_losses: false })
    }
}
