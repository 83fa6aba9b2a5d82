//! The rules: promtool takes them, they fire when they should, and they ask for what exists.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use super::exported::exported;
use super::expression::assert_known;
use super::support::folder::Folder;
use super::support::{run, tool};
use super::{LIMIT, contrib};

/// The values of `key: value` in a file of YAML that writes each on one line.
fn values(text: &str, key: &str) -> Vec<String> {
    let start = format!("{key}: ");
    let lines = text.lines().map(|line| line.trim_start().trim_start_matches("- "));
    let values = lines.filter_map(|line| line.strip_prefix(&start));
    values.map(|value| value.trim_matches('\'').to_owned()).collect()
}

fn rules() -> String {
    fs::read_to_string(contrib("prometheus/peermon.rules.yml")).unwrap()
}

fn promtool(arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(tool::find("promtool")?);
    command.args(arguments).current_dir(contrib("prometheus"));
    let outcome = run::run(&mut command, LIMIT);
    assert!(outcome.is_success(), "{}", outcome.describe());
    Some(outcome.stdout)
}

#[test]
fn promtool_takes_the_rules() {
    let Some(said) = promtool(&["check", "rules", "peermon.rules.yml"]) else { return };
    assert!(said.contains("SUCCESS"), "{said}");
}

#[test]
fn every_alert_fires_when_it_should_and_only_then() {
    let tests = fs::read_to_string(contrib("prometheus/tests.yml")).unwrap();
    // How often each alert is looked for while it is due, and while it is not.
    let mut looked: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    let mut alert = "";
    for line in tests.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("alertname: ") {
            alert = name;
        } else if line == "exp_alerts:" {
            looked.entry(alert).or_default().0 += 1;
        } else if line == "exp_alerts: []" {
            looked.entry(alert).or_default().1 += 1;
        }
    }
    let alerts = values(&rules(), "alert");
    assert!(alerts.len() >= 20);
    for alert in &alerts {
        let (due, not_due) = looked.get(&**alert).copied().unwrap_or_default();
        assert!(due > 0 && not_due > 0, "{alert}: due {due} times, not due {not_due} times");
    }
    assert_eq!(looked.len(), alerts.len());
    promtool(&["test", "rules", "tests.yml"]);
}

#[test]
fn every_metric_of_the_rules_exists_with_the_values_of_its_labels() {
    let (rules, exported) = (rules(), exported());
    let recorded = values(&rules, "record");
    let expressions = values(&rules, "expr");
    let count = values(&rules, "alert").len() + recorded.len();
    assert_eq!(expressions.len(), count, "an expression on more than one line");
    for expression in expressions {
        assert_known(&expression, &exported, &recorded);
    }
}

#[test]
fn every_alert_says_how_grave_it_is_and_what_to_look_at() {
    let rules = rules();
    let alerts = values(&rules, "alert").len();
    let severities = values(&rules, "severity");
    assert!(severities.iter().all(|word| ["critical", "warning", "info"].contains(&&**word)));
    for key in ["severity", "summary", "description"] {
        assert_eq!(values(&rules, key).len(), alerts, "{key}");
    }
}

#[test]
fn prometheus_takes_the_example_of_how_to_ask() {
    let Some(promtool) = tool::find("promtool") else { return };
    let folder = Folder::new("contrib");
    for name in ["peermon.token", "peermon-ca.crt"] {
        fs::write(folder.join(name), "").unwrap();
    }
    let text = fs::read_to_string(contrib("prometheus/scrape.yml")).unwrap();
    assert_eq!(text.matches("/etc/prometheus/").count(), 2);
    let text = text.replace("/etc/prometheus", &folder.path().display().to_string());
    fs::write(folder.join("prometheus.yml"), text).unwrap();
    fs::copy(contrib("prometheus/peermon.rules.yml"), folder.join("peermon.rules.yml")).unwrap();
    let mut command = Command::new(promtool);
    command.args(["check", "config"]).arg(folder.join("prometheus.yml"));
    let outcome = run::run(&mut command, LIMIT);
    assert!(outcome.is_success(), "{}", outcome.describe());
    assert!(outcome.stdout.contains("rules found"), "{}", outcome.describe());
}
