//! Numbers as a line of little columns.

use std::env;

const COLUMNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Where a terminal knows no more than ASCII.
const PLAIN: [char; 8] = ['_', '.', '-', '=', '+', '*', '%', '#'];

/// A column for each of `values`, the highest for `most`. What is above is as high.
pub fn line(values: &[f64], most: f64) -> String {
    let columns = if is_utf8() { COLUMNS } else { PLAIN };
    values.iter().map(|value| columns[level(*value, most)]).collect()
}

/// From 0 to 7.
fn level(value: f64, most: f64) -> usize {
    if most <= 0.0 || !value.is_finite() {
        return 0;
    }
    // Conversions of floats stop at both ends.
    ((value / most * 8.0) as usize).min(7)
}

/// What the locale says; where it says nothing, UTF-8.
fn is_utf8() -> bool {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_is_the_highest_and_nothing_is_higher() {
        assert_eq!(
            [0.0, 0.1, 0.5, 0.99, 1.0, 7.0].map(|value| level(value, 1.0)),
            [0, 0, 4, 7, 7, 7]
        );
        assert_eq!(level(f64::NAN, 1.0), 0);
        assert_eq!(level(1.0, 0.0), 0);
    }
}
