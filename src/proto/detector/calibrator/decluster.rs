//! One stall is one mistake: of consecutive late heartbeats only the latest counts.

/// The part of the heartbeats that is not late.
pub const QUANTILE: f64 = 0.98;

/// The members of `lateness` that count, by their index, ascending: all up to `threshold`, and of
/// each run above it the first of its largest.
pub fn representatives(
    lateness: impl Iterator<Item = f64>,
    threshold: f64,
    mut take: impl FnMut(usize),
) {
    let mut run: Option<(usize, f64)> = None;
    for (index, late) in lateness.enumerate() {
        if late > threshold {
            if run.is_none_or(|(_, most)| late > most) {
                run = Some((index, late));
            }
            continue;
        }
        if let Some((latest, _)) = run.take() {
            take(latest);
        }
        take(index);
    }
    if let Some((latest, _)) = run {
        take(latest);
    }
}
