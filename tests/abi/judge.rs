//! Whether an interface only grew: what abidiff reports, read with suspicion.
//!
//! A struct that grew at its end and a function that changed have the same exit status. So the
//! report is read, and only the few lines that tell of growth are let pass: a line that is not known
//! here is a break.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::record::{Record, reused};
use super::shim::Tools;
use super::support::run::run;

const LIMIT: Duration = Duration::from_secs(120);

/// An interface, written down in both ways.
#[derive(Clone, Debug)]
pub struct Interface {
    /// By abidw: sizes, offsets, types.
    pub xml: String,
    /// By name: what abidw does not see.
    pub record: Record,
}

/// What became of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Same,
    /// Something was added.
    Grown(String),
    /// A program that was compiled before could break, or could no longer be compiled.
    Broken {
        /// Whether abidiff says so; the record of names may have seen it alone.
        is_layout: bool,
        /// What broke.
        complaint: String,
    },
}

/// What became of `old`.
pub fn judge(tools: &Tools, old: &Interface, new: &Interface, folder: &Path) -> Verdict {
    let report = compare(tools, old, new, folder);
    let layout = first_break(&report)
        .map(|line| format!("abidiff: {:?} is no growth:\n{report}", line.trim()));
    let is_layout = layout.is_some();
    let mut complaints: Vec<String> = layout.into_iter().collect();
    let gone: Vec<&str> = old.record.difference(&new.record).map(String::as_str).collect();
    complaints.extend(gone.iter().map(|line| format!("gone or changed: {line}")));
    complaints.extend(reused(&new.record));
    if !complaints.is_empty() {
        return Verdict::Broken { is_layout, complaint: complaints.join("\n") };
    }
    let added: Vec<&str> = new.record.difference(&old.record).map(String::as_str).collect();
    if added.is_empty() && report.trim().is_empty() {
        return Verdict::Same;
    }
    Verdict::Grown(added.join("\n"))
}

/// The report, which is empty if nothing changed.
fn compare(tools: &Tools, old: &Interface, new: &Interface, folder: &Path) -> String {
    let paths = ["old.xml", "new.xml"].map(|name| folder.join(name));
    fs::write(&paths[0], &old.xml).unwrap();
    fs::write(&paths[1], &new.xml).unwrap();
    let mut command = Command::new(&tools.abidiff);
    command.args(["--leaf-changes-only", "--harmless"]).args(&paths);
    let outcome = run(&mut command, LIMIT);
    let code = outcome.status.and_then(|status| status.code()).expect("abidiff ended");
    // The first two bits tell of errors, the third of a change.
    assert_eq!(code & 3, 0, "abidiff: {}", outcome.describe());
    assert!(code != 0 || outcome.stdout.trim().is_empty() || summary_only(&outcome.stdout));
    if code == 0 { String::new() } else { outcome.stdout }
}

fn summary_only(report: &str) -> bool {
    report.lines().all(|line| line.trim().is_empty() || line.contains(" summary: "))
}

/// The first line of the report that tells of something else than growth.
fn first_break(report: &str) -> Option<&str> {
    // Bits of the struct that is being told about, before it grew.
    let mut size = None;
    report.lines().find(|line| {
        let line = line.trim();
        if line.starts_with("'struct ") && line.ends_with(" changed:") {
            size = None;
            return false;
        }
        if let Some(sizes) = line.strip_prefix("type size changed from ") {
            let numbers: Vec<u64> = sizes.split(' ').filter_map(|word| word.parse().ok()).collect();
            let [from, to] = numbers[..] else { return true };
            size = Some(from);
            return to <= from;
        }
        // A member in what was padding is no growth: "size" would not tell whether it exists.
        if let Some((_, place)) = line.split_once("', at offset ") {
            let offset = place.split(' ').next().and_then(|number| number.parse::<u64>().ok());
            return size.zip(offset).is_none_or(|(size, offset)| offset < size);
        }
        !tells_of_growth(line)
    })
}

fn tells_of_growth(line: &str) -> bool {
    let headings = [
        "Added function:",
        "Added functions:",
        "Added variable:",
        "Added variables:",
        "data member insertion:",
        "data member insertions:",
    ];
    let is_heading = line
        .split_once(' ')
        .is_some_and(|(count, rest)| count.parse::<u32>().is_ok() && headings.contains(&rest));
    let is_summary = line.starts_with("Leaf changes summary: ")
        || line.starts_with("Changed leaf types summary: ")
        || (line.starts_with("Removed/Changed/Added ")
            && line.contains(" summary: 0 Removed, 0 Changed, "));
    line.is_empty() || is_heading || is_summary || line.starts_with("[A] '")
}

/// The functions that an interface has.
pub fn functions(record: &Record) -> BTreeSet<String> {
    let lines = record.iter().filter_map(|line| line.strip_prefix("function "));
    lines.map(|rest| rest.split(' ').next().unwrap().to_owned()).collect()
}
