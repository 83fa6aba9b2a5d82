//! Two clocks become one: the fastest heartbeats are taken to arrive at once.

use peermon::proto::time::Time;

use crate::trace::file::{Beat, Trace};

/// The start of every life: what detectors compute must not fall before the origin.
const ORIGIN: i64 = 1_000_000_000_000;
/// The drift is measured between so many pieces of a life.
const PIECES: usize = 64;
/// A drift beyond this is none of a quartz.
const LARGEST_DRIFT: f64 = 500e-6;

/// One heartbeat on the one clock.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    pub seq: u64,
    pub sent: Time,
    pub arrived: Option<Time>,
}

/// One life of the sender.
#[derive(Debug)]
pub struct Life {
    /// In the order of sending.
    pub beats: Vec<Heartbeat>,
    /// Those that arrived, as indices into `beats`, in the order of arrival.
    pub arrivals: Vec<u32>,
    /// By how much the receiver's clock runs faster, parts per million; taken out already.
    pub drift_ppm: f64,
}

/// The lives of `trace`, each on one clock.
pub fn aligned(trace: &Trace) -> Vec<Life> {
    trace.lives.iter().map(|beats| align(beats)).collect()
}

fn align(beats: &[Beat]) -> Life {
    let start = beats.first().map_or(0, |beat| beat.sent);
    let heard = beats.iter().find_map(|beat| beat.arrived).unwrap_or_default();
    let drift = drift(beats);
    let delay = |beat: &Beat| {
        // By the arrival, so that what arrived together still does.
        let arrived = beat.arrived?;
        Some(arrived - (drift * (arrived - heard) as f64) as i64 - beat.sent)
    };
    let fastest = beats.iter().filter_map(delay).min().unwrap_or_default();
    let point = |nanos: i64| Time::from_nanos(u64::try_from(nanos).unwrap_or_default());
    let heartbeat = |beat: &Beat| {
        let sent = beat.sent - start + ORIGIN;
        let arrived = delay(beat).map(|delay| point(sent + delay - fastest));
        Heartbeat { seq: beat.seq, sent: point(sent), arrived }
    };
    let beats: Vec<Heartbeat> = beats.iter().map(heartbeat).collect();
    let arrived = |index: &u32| beats.get(*index as usize).and_then(|beat| beat.arrived);
    let mut arrivals: Vec<u32> = (0..u32::try_from(beats.len()).unwrap_or(u32::MAX))
        .filter(|i| arrived(i).is_some())
        .collect();
    arrivals.sort_by_key(arrived);
    Life { beats, arrivals, drift_ppm: drift * 1e6 }
}

/// How much faster the receiver's clock runs: the median of the slopes between the fastest
/// heartbeats of all pieces (Theil and Sen), so that a route that changes does not count.
fn drift(beats: &[Beat]) -> f64 {
    let piece = beats.len().div_ceil(PIECES).max(16);
    let fastest = |piece: &[Beat]| {
        let delays = piece.iter().filter_map(|b| b.arrived.map(|a| (a - b.sent, b.sent)));
        delays.min()
    };
    let points: Vec<(i64, i64)> = beats.chunks(piece).filter_map(fastest).collect();
    let mut slopes = Vec::new();
    for (i, (delay, sent)) in points.iter().enumerate() {
        for (later_delay, later) in points.iter().skip(i + 1) {
            if later > sent {
                slopes.push((later_delay - delay) as f64 / (later - sent) as f64);
            }
        }
    }
    if points.len() < 8 || slopes.is_empty() {
        return 0.0;
    }
    let middle = slopes.len() / 2;
    let (_, median, _) = slopes.select_nth_unstable_by(middle, f64::total_cmp);
    if median.abs() <= LARGEST_DRIFT { *median } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrived_together_stays_together_whatever_the_drift() {
        let beat = |n: i64| {
            let arrived = 10_000_000 + (n / 20 + 1) * 2_000_000_000 + n * 400;
            let arrived = arrived - arrived % 1_000_000;
            Beat { seq: n as u64, sent: n * 100_000_000, arrived: Some(arrived) }
        };
        let beats: Vec<Beat> = (0..10_000).map(beat).collect();
        let life = align(&beats);
        assert!(life.drift_ppm != 0.0);
        assert!(life.arrivals.is_sorted());
    }

    #[test]
    fn the_offset_and_the_drift_of_the_clocks_do_not_matter() {
        let delay = |n: i64| 1_000_000 + n * 7919 % 500_000;
        let beats: Vec<Beat> = (0..10_000)
            .map(|n| {
                let sent = 5_000_000_000 + n * 100_000_000;
                let clock = -3_000_000_000 + (sent as f64 * 40e-6) as i64;
                Beat { seq: n as u64, sent, arrived: Some(sent + delay(n) + clock) }
            })
            .collect();
        let life = align(&beats);
        assert!((life.drift_ppm - 40.0).abs() < 0.1, "{}", life.drift_ppm);
        for (n, beat) in life.beats.iter().enumerate() {
            let found = beat.arrived.unwrap().since(beat.sent).as_nanos() as i64;
            assert!((found - (delay(n as i64) - 1_000_000)).abs() < 100_000, "{n}: {found}");
        }
    }
}
