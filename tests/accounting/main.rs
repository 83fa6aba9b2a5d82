//! What peermon costs its host, by the kernel's own accounts and against a null module: within the
//! limits that are promised. The table of the README is made here.
//!
//! `make cost` measures the release build and prints the table; `make cost PEERMON_ACCEPT=1` writes
//! it into the README.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

#[path = "../support/mod.rs"]
mod support;

mod bench;
mod table;

use std::fs;
use std::path::PathBuf;

use bench::{Bench, Figures, SCENARIOS, Scenario};
use support::{artefacts, tool};
use table::{Table, replaced};

/// The library to measure instead of the one that this build made.
const LIBRARY: &str = "PEERMON_COST_LIBRARY";
/// Promised whatever the number of peers.
const TIMERS_PER_PERIOD: f64 = 1.0;
const DESCRIPTORS: f64 = 0.0;
/// Promised for one peer, and what a further one may take.
const PRIVATE_KB: f64 = 1000.0;
const PRIVATE_KB_PER_PEER: f64 = 25.0;
/// Promised for one peer at one second.
const PROCESSOR_PERCENT: f64 = 0.1;

/// A window holds one period more or less than it is long, and on a busy machine a late heartbeat
/// brings timers of its own.
fn timers_allowed(scenario: &Scenario, figures: &Figures) -> f64 {
    TIMERS_PER_PERIOD * figures.seconds / scenario.period * 1.1 + 2.0
}

fn private_allowed(scenario: &Scenario) -> f64 {
    PRIVATE_KB + PRIVATE_KB_PER_PEER * (scenario.peers - 1) as f64
}

fn is_the_promised_one(scenario: &Scenario) -> bool {
    scenario.peers == 1 && scenario.period >= 1.0
}

#[test]
fn the_host_pays_no_more_than_promised() {
    let other = std::env::var_os(LIBRARY).map(PathBuf::from);
    let library = other.clone().unwrap_or_else(artefacts::shared);
    let Some(bench) = Bench::new(library) else { return };
    let (measured, is_quiet) = bench.measure();
    for (scenario, figures) in SCENARIOS.iter().zip(&measured) {
        let label = scenario.label;
        let timers = timers_allowed(scenario, figures);
        assert!(figures.timers <= timers, "{label}: at most {timers} timers: {figures:?}");
        assert!(figures.private_kb < private_allowed(scenario), "{label}: {figures:?}");
        assert!(figures.descriptors <= DESCRIPTORS, "{label}: {figures:?}");
        // Peers that speak at the same time wake it once, so at least a wake-up in every other period.
        let arrivals = figures.seconds / scenario.period / 2.0;
        assert!(figures.arrivals >= arrivals, "{label}: it was not watching: {figures:?}");
        if is_the_promised_one(scenario) {
            assert!(figures.processor_percent() < PROCESSOR_PERCENT, "{label}: {figures:?}");
        }
    }
    let table = Table::new(&measured, is_quiet, bench.stripped_size());
    println!("{}", table.to_markdown());
    if other.is_some() && tool::is_accepted() {
        let readme = artefacts::sources().join("README.md");
        let text = replaced(&fs::read_to_string(&readme).unwrap(), &table.to_markdown());
        fs::write(&readme, text).unwrap();
    }
}

#[test]
fn the_table_of_the_readme_is_the_one_that_is_made_here_and_keeps_the_promises() {
    let readme = fs::read_to_string(artefacts::sources().join("README.md")).unwrap();
    let committed = Table::read(&readme);
    let made = Table::new(&SCENARIOS.map(|_| Figures::default()), true, 0);
    assert_eq!(committed.columns, made.columns, "make cost PEERMON_ACCEPT=1 renews it");
    assert_eq!(committed.labels(), made.labels(), "make cost PEERMON_ACCEPT=1 renews it");
    for (at, scenario) in SCENARIOS.iter().enumerate() {
        let value = |label| committed.number(label, at);
        assert!(value(table::TIMERS) <= TIMERS_PER_PERIOD * 1.1, "{}", scenario.label);
        assert!(value(table::PRIVATE) < private_allowed(scenario), "{}", scenario.label);
        assert!(value(table::DESCRIPTORS) <= DESCRIPTORS, "{}", scenario.label);
        assert!(value(table::SYSTEM_CALLS) <= 0.0, "{}", scenario.label);
        if is_the_promised_one(scenario) {
            assert!(value(table::PROCESSOR) < PROCESSOR_PERCENT, "{}", scenario.label);
        }
    }
}
