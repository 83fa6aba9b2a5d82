//! An interface as a set of lines: whatever is in the old set must be in the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::header::{Declaration, declarations};
use super::shim::Tools;

/// One line per function, type, member and constant.
pub type Record = BTreeSet<String>;

/// These tell the version of the header, and change with it.
const VERSIONS: &str = "MONITOR_VERSION_";

/// Writes down what `header` declares.
pub fn record(tools: &Tools, header: &str, folder: &Path) -> Record {
    let mut record = Record::new();
    for declaration in declarations(header) {
        match declaration {
            Declaration::Function(name, prototype) => {
                record.insert(format!("function {name} {prototype}"));
            }
            Declaration::Typedef(name, text) => {
                record.insert(format!("typedef {name} {text}"));
            }
            Declaration::Opaque(tag) => {
                record.insert(format!("opaque struct {tag}"));
            }
            Declaration::Struct(tag, members) => {
                let members = members.iter().enumerate();
                record.extend(members.map(|(at, text)| format!("struct {tag} {at:02} {text}")));
            }
        }
    }
    for (name, value) in tools.constants(header, folder) {
        let value = if name.starts_with(VERSIONS) { "of the version" } else { &value };
        record.insert(format!("constant {name} {value}"));
    }
    record
}

/// Complaints about constants of one family with the same number.
pub fn reused(record: &Record) -> Vec<String> {
    let mut numbers: BTreeMap<(String, &str), &str> = BTreeMap::new();
    let mut complaints = Vec::new();
    for line in record.iter().filter_map(|line| line.strip_prefix("constant MONITOR_")) {
        let Some((name, value)) = line.split_once(' ') else { continue };
        if let Some(other) = numbers.insert((family(name), value), name)
            && !name.starts_with("VERSION_")
        {
            complaints.push(format!("MONITOR_{name} has the number of MONITOR_{other}"));
        }
    }
    complaints
}

/// Constants that must be told apart have a first word in common: "ERR", "EVENT", "EVENT_FLAG".
fn family(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default();
    match words.next() {
        Some("FLAG") => format!("{first}_FLAG"),
        _ => first.to_owned(),
    }
}

/// As a file.
pub fn to_text(record: &Record) -> String {
    record.iter().map(|line| format!("{line}\n")).collect()
}

/// From a file.
pub fn from_text(text: &str) -> Record {
    text.lines().map(str::to_owned).collect()
}
