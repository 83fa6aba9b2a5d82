//! "Did you mean": the nearest known word to a mistyped one.

/// Longer words are no typing errors of anything we know, and the table is quadratic.
const LONGEST: usize = 64;

/// The candidate that `word` was most probably meant to be, if one is near enough.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word: Vec<char> = word.chars().map(folded).collect();
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let allowed = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            let letters: Vec<char> = candidate.chars().map(folded).collect();
            (distance(&word, &letters), letters.len(), candidate)
        })
        // A word of which every letter differs is no suggestion, however short it is.
        .filter(|&(steps, length, _)| steps <= allowed && steps < length)
        .min_by_key(|&(steps, _, _)| steps)
        .map(|(_, _, candidate)| candidate)
}

/// What people write for one another.
fn folded(letter: char) -> char {
    if letter == '-' { '_' } else { letter.to_ascii_lowercase() }
}

/// How many letters must be inserted, left out, replaced or swapped with their neighbour.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before_last = vec![0; to.len() + 1];
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, &a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        let mut left = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut best = replaced.min(last[j + 1] + 1).min(left + 1);
            if i > 0 && j > 0 && a == to[j - 1] && from[i - 1] == b {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
            left = best;
        }
        before_last = last;
        last = row;
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 4] = ["heartbeat_interval", "judge_interval", "listen", "name"];

    #[test]
    fn a_lost_a_doubled_and_a_swapped_letter_are_forgiven() {
        assert_eq!(nearest("hartbeat_interval", WORDS), Some("heartbeat_interval"));
        assert_eq!(nearest("heartbeat-Interval", WORDS), Some("heartbeat_interval"));
        assert_eq!(nearest("llisten", WORDS), Some("listen"));
        assert_eq!(nearest("naem", WORDS), Some("name"));
    }

    #[test]
    fn a_word_that_resembles_nothing_gets_no_suggestion() {
        assert_eq!(nearest("colour", WORDS), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("", WORDS), None);
        assert_eq!(nearest(&"n".repeat(10_000), WORDS), None);
    }
}
