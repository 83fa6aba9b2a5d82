//! Synthetic traces: four kinds of trouble, each from a seed.

use std::io::Write;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::{Failure, units};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Jitter of 5 ms, and 1 % of the heartbeats lost, each by itself
    Gauss,
    /// Losses in bursts: 1 % of the time 70 % are lost, a second long on average; jitter of 5 ms
    GilbertElliott,
    /// The receiver stops for 20 to 80 ms once a minute on average, every fortieth time for 2 s;
    /// what arrives meanwhile is stamped when it goes on. Jitter of 5 ms, 0.1 % lost
    ReceiverPauses,
    /// The sender stops 0.5 to 2 s every half hour on average and slips its schedule: everything
    /// later is later. Jitter of 1 ms, nothing lost
    SenderPauses,
}

/// A synthetic trace.
#[derive(Parser)]
pub struct Args {
    /// What goes wrong
    kind: Kind,
    /// How many heartbeats are sent
    #[arg(
        long,
        default_value_t = 100_000,
        value_parser = clap::value_parser!(u64).range(1..=100_000_000)
    )]
    beats: u64,
    /// Where the random numbers begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The sending interval
    #[arg(long, default_value = "100ms", value_parser = units::duration)]
    eta: Duration,
}

/// Writes it.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let eta = args.eta.as_secs_f64() * 1e6;
    writeln!(out, "# {:?}, seed {}, {} heartbeats", args.kind, args.seed, args.beats)?;
    writeln!(out, "# eta_us={}\nseq,send_us,recv_us", args.eta.as_micros())?;
    let mut source = Source::new(args.kind, args.seed, eta);
    for seq in 0..args.beats {
        let (sent, arrived) = source.next(seq as f64 * eta);
        match arrived {
            Some(arrived) => writeln!(out, "{seq},{sent:.0},{arrived:.0}")?,
            None => writeln!(out, "{seq},{sent:.0},-1")?,
        }
    }
    Ok(())
}

/// The clock of the receiver is ahead of the sender's, as clocks are (microseconds).
const OFFSET: f64 = 1e9;

/// Microseconds throughout.
struct Source {
    kind: Kind,
    random: Random,
    eta: f64,
    /// Gilbert-Elliott: heartbeats get lost.
    bad: bool,
    /// How far the sender has slipped.
    slipped: f64,
    /// The next pause of the receiver.
    pause: (f64, f64),
    /// The network keeps the order.
    last_arrival: f64,
}

impl Source {
    fn new(kind: Kind, seed: u64, eta: f64) -> Self {
        let random = Random(seed);
        Self { kind, random, eta, bad: false, slipped: 0.0, pause: (0.0, 0.0), last_arrival: 0.0 }
    }

    fn next(&mut self, scheduled: f64) -> (f64, Option<f64>) {
        if self.kind == Kind::SenderPauses && self.random.happens(self.eta / 1800e6) {
            self.slipped += self.random.between(0.5e6, 2e6);
        }
        let sent = 1e6 + scheduled + self.slipped;
        let sd = match self.kind {
            Kind::Gauss | Kind::GilbertElliott | Kind::ReceiverPauses => 5e3,
            Kind::SenderPauses => 1e3,
        };
        let delay = (20e3 + sd * self.random.normal()).max(500.0);
        let lost = match self.kind {
            Kind::Gauss => self.random.happens(0.01),
            Kind::GilbertElliott => self.is_lost_in_burst(),
            Kind::ReceiverPauses => self.random.happens(0.001),
            Kind::SenderPauses => false,
        };
        if lost {
            return (sent, None);
        }
        let arrival = self.read(sent + delay).max(self.last_arrival);
        self.last_arrival = arrival;
        (sent, Some(arrival + OFFSET))
    }

    /// Two states (Gilbert 1960, Elliott 1963): the bad one lasts a second on average.
    fn is_lost_in_burst(&mut self) -> bool {
        let leave = (self.eta / 1e6).min(1.0);
        let turn = if self.bad { leave } else { leave * 0.01 / 0.99 };
        if self.random.happens(turn) {
            self.bad = !self.bad;
        }
        self.bad && self.random.happens(0.7)
    }

    /// When the receiver reads what arrives at `arrival`.
    fn read(&mut self, arrival: f64) -> f64 {
        if self.kind != Kind::ReceiverPauses {
            return arrival;
        }
        while arrival >= self.pause.1 {
            let begin = self.pause.1 - 60e6 * self.random.uniform().ln();
            let short = self.random.between(20e3, 80e3);
            let length = if self.random.happens(1.0 / 40.0) { 2e6 } else { short };
            self.pause = (begin, begin + length);
        }
        if arrival >= self.pause.0 { self.pause.1 } else { arrival }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Above 0, below 1.
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    fn happens(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (core::f64::consts::TAU * self.uniform()).cos()
    }
}
