//! The lifelines to a peer (rule R22): two TCP connections on which nothing is said as long as all is
//! well. That one stands proves nothing; how one ends is judged in `exit`.
//!
//! The lexically smaller name connects; after a while the other does too. Each direction says HELLO
//! once, which binds the connection: the opener proves with the present nonce that it is new, the
//! other one with the nonce of the opener's HELLO.

mod cuts;
mod greet;
mod speak;
mod tend;

use self::cuts::Cuts;
use crate::proto::machine::Conn;
use crate::proto::time::Time;

/// How many lifelines a peer has: one per descriptor table.
pub const LINES: usize = 2;

/// How far a lifeline is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// There is none.
    #[default]
    None,
    /// We asked for a connection.
    Connecting(Conn),
    /// We said HELLO, with this nonce.
    Greeting(Conn, u64),
    /// Both said HELLO.
    Bound {
        conn: Conn,
        /// We opened it.
        ours: bool,
    },
}

/// One of the two.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    stage: Stage,
    /// When the stage began.
    since: Time,
    failures: u32,
    /// No attempt before this.
    retry: Time,
    /// The highest sequence that was taken on it, and the last that was sent: of the present lives.
    seen: u64,
    sent: u64,
    /// When something was written on it last, after it was bound.
    written: Option<Time>,
}

impl Line {
    fn conn(&self) -> Option<Conn> {
        match self.stage {
            Stage::None => None,
            Stage::Connecting(conn) | Stage::Greeting(conn, _) | Stage::Bound { conn, .. } => {
                Some(conn)
            }
        }
    }

    fn bound(&self) -> Option<Conn> {
        if let Stage::Bound { conn, .. } = self.stage { Some(conn) } else { None }
    }

    fn enter(&mut self, stage: Stage, now: Time) {
        self.stage = stage;
        self.since = now;
        self.written = None;
    }
}

/// The lifelines to one peer.
#[derive(Clone, Debug, Default)]
pub struct Lifelines {
    lines: [Line; LINES],
    /// What the peer's HELLO said: the port of its second listener ...
    twin_port: u16,
    /// ... and that its tables are its own.
    private: bool,
    cuts: Cuts,
    /// Since when lifelines are wanted.
    wanted_since: Option<Time>,
}

impl Lifelines {
    /// Whether an end of one of them can prove that the process ended (rule R21).
    pub fn are_private(&self) -> bool {
        self.private
    }

    /// How many are bound.
    pub fn bound(&self) -> u8 {
        self.lines.iter().map(|line| u8::from(line.bound().is_some())).sum()
    }

    fn first_bound(&self) -> Option<(usize, Conn)> {
        let mut lines = self.lines.iter().enumerate();
        lines.find_map(|(index, line)| Some((index, line.bound()?)))
    }

    fn index_of(&self, conn: Conn) -> Option<usize> {
        self.lines.iter().position(|line| line.conn() == Some(conn))
    }

    /// The peer's new life knows nothing of the former one's sequences and listeners.
    fn forget_peer(&mut self) {
        let lines = self.lines.map(|line| Line { sent: line.sent, ..Line::default() });
        *self = Self { lines, ..Self::default() };
    }
}
