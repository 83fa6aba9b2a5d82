//! What really happened, kept apart from what the machines believe: who sent what under which
//! life, what of it was handed in, and who was awake.

use std::time::Duration;

use peermon::proto::event::Reason;
use peermon::proto::peer::view::State;
use peermon::proto::time::Time;
use peermon::proto::wire::{self, Header, Kind, OwnState};

use super::network::Origin;
use super::node::Queued;

/// Older datagrams are no sign of life: beyond every detection time that is demanded,
const NO_SIGN_OF_LIFE: Duration = Duration::from_secs(21);
/// and, where none is, beyond the longest margin.
const NO_SIGN_OF_LIFE_AT_ALL: Duration = Duration::from_secs(75);

/// The announced interval changes at most this often, less two clocks' difference.
const CHANGE_EVERY: Duration = Duration::from_millis(9990);
/// What takes longer was kept back.
const PROMPT: Duration = Duration::from_millis(100);

/// One incarnation as one receiver could know it.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    pub incarnation: u64,
    /// When its last datagram was sent.
    pub last_sent: Time,
    /// When it said END first.
    pub ended: Option<Time>,
    /// It said that its application died.
    pub died: bool,
    /// When the latest status (RUNNING or START) was sent that was handed in in order.
    pub status_sent: Option<Time>,
    /// The one before, and when the latest was handed in.
    status_before: (Option<Time>, Time),
    /// The highest sequence per path that was handed in.
    sequences: [u64; 4],
    /// Which of its node's processes it belongs to.
    process: u64,
}

/// One direction, from a sender to a receiver.
#[derive(Clone, Debug, Default)]
pub struct Way {
    lives: Vec<Life>,
    /// The last status sent: life, time, awake time of the sender, what it announced.
    status: Option<((u64, u64), Time, Duration, Duration)>,
    /// The last status was a heartbeat to a peer that is held for alive.
    steady: bool,
    /// What the latest RUNNING announced that was handed in, between which lives.
    judged_by: Option<((u64, u64), u64, Duration)>,
    /// When the announced interval of RUNNING changed last, and to what, between which lives.
    changed: Option<((u64, u64), Time, Duration)>,
    /// How often it changed within 10 s.
    pub hasty: u64,
    /// The life that the sender speaks as.
    pub speaks_as: u64,
    /// How long the receiver had been awake when it was last handed a sign of life.
    pub heard_awake: Duration,
    /// When something was handed in last that had been kept back, by a stranger or by the network.
    pub kept_back: Time,
    /// When the receiver was told of the end of a connection, or that a datagram was refused.
    pub evidence: Time,
    pub replies: u64,
    pub reply_bytes: u64,
    /// Bytes handed in at the sender that may be answered towards the receiver.
    pub request_bytes: u64,
    pub sent: u64,
}

/// A gap between two statuses that was longer than announced.
#[derive(Clone, Copy, Debug)]
pub struct Overrun {
    pub from: usize,
    pub to: usize,
    pub incarnation: u64,
    /// When the gap began.
    pub since: Time,
    /// Its length while the sender was awake.
    pub gap: Duration,
    pub announced: Duration,
}

/// One node.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sleeper {
    asleep_from: Option<Time>,
    asleep: Duration,
    /// When it last came back from a stall, or lost datagrams.
    pub stalled: Time,
    /// The stall before that.
    pub stalled_before: Time,
    /// When it was last suspended for so short a time that it says nothing of it.
    pub briefly_suspended: Time,
    /// How late it wakes up at present, and did before that.
    lazy: (Duration, Duration, Time),
    /// How long it had been awake when it began to judge anew.
    pub judging_from: Duration,
    /// How many of its processes are gone.
    exits: u64,
    /// Since when its kernel answers nothing, for want of power.
    pub kernel_off: Option<Time>,
    /// Its own link is down.
    link_down: bool,
    /// When its own link came back.
    link_back: Time,
}

/// What really happened.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    pub sleepers: Vec<Sleeper>,
    ways: Vec<Vec<Way>>,
    pub overruns: Vec<Overrun>,
    pub sent: u64,
    /// When something on the way refused or reset connections last.
    pub boxed: Time,
    /// Somebody judges without a demanded detection time.
    pub patient: bool,
    /// Say every datagram.
    pub aloud: bool,
}

impl Truth {
    /// One node more.
    pub fn add(&mut self) {
        self.sleepers.push(Sleeper::default());
        for row in &mut self.ways {
            row.push(Way::default());
        }
        self.ways.push(vec![Way::default(); self.sleepers.len()]);
    }

    pub fn way(&self, from: usize, to: usize) -> &Way {
        &self.ways[from][to]
    }

    /// To tell the truth otherwise.
    pub fn way_mut(&mut self, from: usize, to: usize) -> &mut Way {
        &mut self.ways[from][to]
    }

    /// An incarnation as `to` could know it, and the node that it belongs to.
    pub fn life(&self, incarnation: u64, to: usize) -> Option<(usize, &Life)> {
        self.ways.iter().enumerate().find_map(|(from, row)| {
            let mut lives = row[to].lives.iter().rev();
            lives.find(|life| life.incarnation == incarnation).map(|life| (from, life))
        })
    }

    /// How long `node` has been awake since the beginning of the world.
    pub fn awake(&self, node: usize, now: Time) -> Duration {
        let sleeper = &self.sleepers[node];
        let asleep = sleeper.asleep_from.map_or(Duration::ZERO, |from| now.since(from));
        now.since(Time::ZERO) - sleeper.asleep - asleep
    }

    pub fn on_asleep(&mut self, node: usize, now: Time) {
        self.sleepers[node].asleep_from.get_or_insert(now);
    }

    pub fn on_awake(&mut self, node: usize, now: Time) {
        let sleeper = &mut self.sleepers[node];
        if let Some(from) = sleeper.asleep_from.take() {
            sleeper.asleep += now.since(from);
            self.on_stalled(node, now);
        }
    }

    pub fn on_stalled(&mut self, node: usize, now: Time) {
        let sleeper = &mut self.sleepers[node];
        if sleeper.stalled != now {
            sleeper.stalled_before = sleeper.stalled;
            sleeper.stalled = now;
        }
    }

    pub fn on_laziness(&mut self, node: usize, laziness: Duration, now: Time) {
        // What it was before still explains what comes late; so does what it was before that.
        let recent = self.laziness(node, now);
        self.sleepers[node].lazy = (laziness, recent, now);
    }

    pub fn on_suspended(&mut self, node: usize, span: Duration, now: Time) {
        if span < Duration::from_millis(1100) {
            self.sleepers[node].briefly_suspended = now;
        }
    }

    /// How late `node` may have woken up of late.
    pub fn laziness(&self, node: usize, now: Time) -> Duration {
        let (present, before, changed) = self.sleepers[node].lazy;
        if now.since(changed) < self.no_sign_of_life() { present.max(before) } else { present }
    }

    fn no_sign_of_life(&self) -> Duration {
        if self.patient { NO_SIGN_OF_LIFE_AT_ALL } else { NO_SIGN_OF_LIFE }
    }

    /// `node` begins to judge, or begins again after a pause: every deadline runs in full.
    pub fn on_judging_anew(&mut self, node: usize, now: Time) {
        self.sleepers[node].judging_from = self.awake(node, now);
    }

    /// A new process runs at `node`: nothing was handed in to it yet.
    pub fn on_new_process(&mut self, node: usize) {
        for row in &mut self.ways {
            for life in &mut row[node].lives {
                life.status_sent = None;
                life.sequences = [0; 4];
            }
        }
    }

    /// A process of `node` is gone.
    pub fn on_exit(&mut self, node: usize) {
        self.sleepers[node].exits += 1;
    }

    /// Whether the process of a life of `node` is gone, or its application, which said so.
    pub fn is_gone(&self, node: usize, life: &Life) -> bool {
        life.process < self.sleepers[node].exits || life.died
    }

    /// RUNNING comes out of a lifeline at `to`.
    pub fn on_line_delivered(&mut self, from: usize, to: usize, bytes: &[u8], now: Time) {
        let awake = self.awake(to, now);
        if wire::decode(bytes).is_ok_and(|datagram| datagram.header.kind == Kind::Running) {
            self.ways[from][to].heard_awake = awake;
        }
    }

    /// To tell of a life otherwise: as if it were of the present process of `node`.
    pub fn revive(&mut self, node: usize, to: usize) {
        let exits = self.sleepers[node].exits;
        for life in &mut self.ways[node][to].lives {
            life.process = exits;
        }
    }

    /// The kernel of `node` begins or ceases to answer.
    pub fn on_kernel(&mut self, node: usize, on: bool, now: Time) {
        let off = &mut self.sleepers[node].kernel_off;
        *off = if on { None } else { off.or(Some(now)) };
    }

    /// The own link of `node` fails, or is back.
    pub fn on_own_link(&mut self, node: usize, down: bool, now: Time) {
        let sleeper = &mut self.sleepers[node];
        sleeper.link_down = down;
        sleeper.link_back = now;
    }

    /// Whether the own link of `node` was down within the last `span`.
    pub fn was_cut_off(&self, node: usize, now: Time, span: Duration) -> bool {
        let sleeper = &self.sleepers[node];
        let ever = sleeper.link_back != Time::ZERO;
        sleeper.link_down || (ever && now.since(sleeper.link_back) < span)
    }

    /// `to` is told that something of `from` is closed.
    pub fn on_evidence(&mut self, from: usize, to: usize, now: Time) {
        self.ways[from][to].evidence = now;
    }

    /// `node` knows nothing of `peer` any more.
    pub fn on_forgotten(&mut self, peer: usize, node: usize) {
        for life in &mut self.ways[peer][node].lives {
            life.status_sent = None;
            life.sequences = [0; 4];
        }
    }

    pub fn on_sent(&mut self, from: usize, to: usize, bytes: &[u8], now: Time) {
        self.sent += 1;
        if self.aloud {
            eprintln!("{:>12} {from} -> {to}: {}", shown(now), described(bytes));
        }
        let awake = self.awake(from, now);
        let Ok(datagram) = wire::decode(bytes) else { return };
        let header = datagram.header;
        let process = self.sleepers[from].exits;
        let way = &mut self.ways[from][to];
        way.sent += 1;
        way.speaks_as = header.incarnation;
        let life = way.life(header.incarnation, process, now);
        life.last_sent = now;
        match header.kind {
            Kind::End if u32::from(header.reason) == Reason::ProcessExit.code() => {
                life.died = true;
            }
            Kind::End => {
                life.ended.get_or_insert(now);
            }
            Kind::Reply => {
                way.replies += 1;
                way.reply_bytes += bytes.len() as u64;
            }
            Kind::Running | Kind::Start if header.path == 0 => {
                let overrun = way.note_status(&header, now, awake);
                way.note_interval(&header, now);
                let of = |(since, gap, announced)| Overrun {
                    from,
                    to,
                    incarnation: header.incarnation,
                    since,
                    gap,
                    announced,
                };
                self.overruns.extend(overrun.map(of));
            }
            Kind::Running | Kind::Start | Kind::Probe | Kind::Hello => {}
        }
    }

    /// A datagram is handed in at `to`.
    pub fn on_delivered(&mut self, to: usize, queued: &Queued, now: Time) {
        if self.aloud {
            let bytes = described(&queued.bytes);
            eprintln!("{:>12} {to} gets {:?}: {bytes}", shown(now), queued.origin);
        }
        let Ok(datagram) = wire::decode(&queued.bytes) else { return };
        let header = datagram.header;
        let awake = self.awake(to, now);
        let no_sign_of_life = self.no_sign_of_life();
        // The life's own way, whoever handed the datagram in.
        let Some((owner, _)) = self.life(header.incarnation, to) else { return };
        if header.kind != Kind::Reply {
            self.ways[to][owner].request_bytes += queued.bytes.len() as u64;
        }
        if queued.origin == Origin::Corrupted {
            return;
        }
        let known = [0, self.ways[to][owner].speaks_as].contains(&header.receiver_incarnation);
        let way = &mut self.ways[owner][to];
        let sent = match queued.origin {
            Origin::Node { at, .. } => Some(at),
            Origin::Replay | Origin::Corrupted => None,
        };
        let life = way.life(header.incarnation, 0, now);
        let Some(highest) = life.sequences.get_mut(usize::from(header.path)) else { return };
        let first = header.sequence > *highest;
        if first {
            *highest = header.sequence;
            if known && matches!(header.kind, Kind::Running | Kind::Start) {
                if life.status_before.1 != now {
                    life.status_before = (life.status_sent, now);
                }
                life.status_sent = life.status_sent.max(sent);
            }
            let present = known && way.speaks_as == header.incarnation;
            if present && header.kind == Kind::Running && header.state != OwnState::Paused {
                let lives = (header.incarnation, header.receiver_incarnation);
                let announced = Duration::from_micros(header.announced.into());
                // What a later heartbeat overtook on another path is old news.
                let overtaken = |(known, beat, _)| known == lives && header.beat < beat;
                if !way.judged_by.is_some_and(overtaken) {
                    way.judged_by = Some((lives, header.beat, announced));
                }
            }
        }
        if first && sent.is_none_or(|sent| queued.at.since(sent) > PROMPT) {
            way.kept_back = now;
        }
        // What is handed in for the first time by a stranger was held back by him until now.
        if sent.map_or(first, |sent| queued.at.since(sent) < no_sign_of_life) {
            way.heard_awake = awake;
        }
    }
}

impl Life {
    /// When the latest status was sent that was handed in before `now`.
    pub fn status_sent_before(&self, now: Time) -> Option<Time> {
        let (before, at) = self.status_before;
        if at == now { before } else { self.status_sent }
    }
}

impl Way {
    pub fn lives_mut(&mut self) -> &mut [Life] {
        &mut self.lives
    }

    /// The life, which began in `process` if it is a new one.
    fn life(&mut self, incarnation: u64, process: u64, now: Time) -> &mut Life {
        let known = self.lives.iter().rposition(|life| life.incarnation == incarnation);
        let at = known.unwrap_or_else(|| {
            self.lives.push(Life {
                incarnation,
                last_sent: now,
                ended: None,
                died: false,
                status_sent: None,
                status_before: (None, Time::ZERO),
                sequences: [0; 4],
                process,
            });
            self.lives.len() - 1
        });
        &mut self.lives[at]
    }

    /// Notes a status; if it came too late, when the gap began, its length and what was announced.
    fn note_status(
        &mut self,
        header: &Header,
        now: Time,
        awake: Duration,
    ) -> Option<(Time, Duration, Duration)> {
        let announced = Duration::from_micros(u64::from(header.announced));
        // A promise is made by one life to one life.
        let lives = (header.incarnation, header.receiver_incarnation);
        let running = header.kind == Kind::Running && header.state == OwnState::Running;
        let beats = running && header.held == State::Up as u8;
        let steady = std::mem::replace(&mut self.steady, beats) && beats;
        let before = self.status.replace((lives, now, awake, announced));
        let (between, since, then, announced) = before?;
        let gap = awake.saturating_sub(then);
        // Between heartbeats to a peer that is held for alive the gap is also no longer than what
        // that one has heard, and not only than what was said last, which may be lost.
        let heard = self.judged_by.filter(|(heard, ..)| steady && *heard == lives);
        let announced = heard.map_or(announced, |(.., heard)| announced.min(heard));
        (between == lives && gap > announced).then_some((since, gap, announced))
    }
}

impl Way {
    /// Notes what a heartbeat announces: it changes at most every ten seconds.
    fn note_interval(&mut self, header: &Header, now: Time) {
        let running = header.kind == Kind::Running && header.state == OwnState::Running;
        if !running || header.held != State::Up as u8 {
            return;
        }
        let lives = (header.incarnation, header.receiver_incarnation);
        let announced = Duration::from_micros(header.announced.into());
        match self.changed {
            Some((before, at, last)) if before == lives => {
                if last == announced {
                    return;
                }
                // The first change of a life is not bound by any before it. The one before this was
                // decided up to an interval before it was seen.
                let apart = now.since(at) + last.max(announced);
                self.hasty += u64::from(at != Time::ZERO && apart < CHANGE_EVERY);
                self.changed = Some((lives, now, announced));
            }
            _ => self.changed = Some((lives, Time::ZERO, announced)),
        }
    }
}

fn shown(now: Time) -> String {
    format!("{:.6}", now.since(Time::from_millis(1_000_000)).as_secs_f64())
}

fn described(bytes: &[u8]) -> String {
    wire::decode(bytes).map_or("not a datagram".into(), |datagram| {
        let header = datagram.header;
        format!(
            "{:?} #{} beat {} life {:x} to {:x} nonce {:x} echo {:x} #{} {:?} held {} announced {}",
            header.kind,
            header.sequence,
            header.beat,
            header.incarnation,
            header.receiver_incarnation,
            header.nonce,
            header.echoed_nonce,
            header.echoed_sequence,
            header.state,
            header.held,
            header.announced,
        )
    })
}
