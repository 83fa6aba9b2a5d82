//! docs/EMBEDDING.md names the test of every promise, and every test that it names is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::support::artefacts;

#[test]
fn every_promise_to_a_host_names_tests_that_exist() {
    let root = artefacts::sources();
    let page = fs::read_to_string(root.join("docs/EMBEDDING.md")).unwrap();
    let mut existing = BTreeSet::new();
    collect(&root.join("tests"), &mut existing);
    collect(&root.join("src"), &mut existing);
    let promises = promises(&page);
    assert_eq!(promises.keys().copied().collect::<Vec<_>>(), (1..=16).collect::<Vec<_>>());
    for (number, keepers) in promises {
        assert!(!keepers.is_empty(), "promise {number} names nothing that keeps it");
        let sentences = keepers.iter().filter(|keeper| keeper.contains('_'));
        let missing: Vec<_> = sentences.filter(|test| !existing.contains(**test)).collect();
        assert!(missing.is_empty(), "promise {number}: there is no test {missing:?}");
    }
}

/// Every test of this suite keeps a promise: those that name a must-have are in the table.
#[test]
fn every_test_of_this_suite_that_proves_a_must_have_is_named_on_the_page() {
    let root = artefacts::sources();
    let page = fs::read_to_string(root.join("docs/EMBEDDING.md")).unwrap();
    let promises = promises(&page);
    let mut checked = 0;
    for entry in fs::read_dir(root.join("tests/guest")).unwrap().flatten() {
        let Ok(text) = fs::read_to_string(entry.path()) else { continue };
        for (number, test) in proofs(&text) {
            let keepers = &promises[&number];
            assert!(keepers.contains(&test), "must-have {number}: {test} is not on the page");
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked}");
}

/// Number of each promise in the table, and what keeps it: all in backticks of the last column but
/// files.
fn promises(page: &str) -> BTreeMap<u32, Vec<&str>> {
    let rows = page.lines().filter_map(|line| {
        let columns: Vec<&str> = line.trim_matches('|').split('|').collect();
        let [number, _, keepers] = columns[..] else { return None };
        let number = number.trim().parse().ok()?;
        let words = keepers.split('`').skip(1).step_by(2).filter(|word| !word.contains('.'));
        Some((number, words.collect()))
    });
    rows.collect()
}

/// The tests of a source file whose comment begins with the number of a must-have.
fn proofs(text: &str) -> Vec<(u32, &str)> {
    let mut found = Vec::new();
    let mut number = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("/// Must-have ") {
            let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next();
            number = digits.and_then(|digits| digits.parse().ok());
        } else if let Some(rest) = line.strip_prefix("fn ") {
            let name = rest.split('(').next().unwrap_or_default();
            found.extend(number.take().map(|number| (number, name)));
        }
    }
    found
}

/// The names of all test functions below `folder`.
fn collect(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line == "#[test]" {
                    is_test = true;
                } else if let (true, Some(rest)) = (is_test, line.strip_prefix("fn ")) {
                    names.insert(rest.split('(').next().unwrap_or_default().to_owned());
                    is_test = false;
                }
            }
        }
    }
}
