//! The dashboard: sound JSON of the form that Grafana wants, whose questions have answers.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::exported::exported;
use super::expression::assert_known;
use super::support::folder::Folder;
use super::support::{run, tool};
use super::{LIMIT, contrib};

fn dashboard() -> Value {
    let text = fs::read_to_string(contrib("grafana/peermon.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().unwrap()
}

fn expressions(dashboard: &Value) -> Vec<String> {
    let targets = panels(dashboard).iter().filter_map(|panel| panel["targets"].as_array());
    targets.flatten().map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn panels_have_ids_of_their_own_and_places_that_do_not_overlap() {
    let dashboard = dashboard();
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is taken");
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        let (x, y, width, height) = (at("x"), at("y"), at("w"), at("h"));
        assert!(width > 0 && height > 0 && x + width <= 24, "{title}: out of the grid");
        for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{title}: another panel is at {cell:?}");
        }
    }
    assert!(ids.len() > 20);
}

#[test]
fn every_panel_asks_the_chosen_source_and_says_what_it_shows() {
    let dashboard = dashboard();
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 39);
    assert!(dashboard["uid"].is_string() && dashboard["title"].is_string());
    // Grafana gives the number when it takes the dashboard in.
    assert_eq!(dashboard["id"], Value::Null);
    for panel in panels(&dashboard).iter().filter(|panel| panel["type"] != "row") {
        assert!(!panel["description"].as_str().unwrap().is_empty(), "{panel}");
        let mut letters = BTreeSet::new();
        assert_eq!(panel["datasource"]["uid"], "${datasource}");
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"]["uid"], "${datasource}");
            assert!(letters.insert(target["refId"].as_str().unwrap()), "{panel}");
        }
        assert!(!letters.is_empty(), "{panel}");
    }
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: Vec<_> = variables.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["datasource", "instance", "peer"]);
    let used = expressions(&dashboard).join("\n");
    for name in ["$instance", "$peer"] {
        assert!(used.contains(name), "{name}");
    }
}

#[test]
fn every_metric_of_the_dashboard_exists_with_the_values_of_its_labels() {
    let (dashboard, exported) = (dashboard(), exported());
    for expression in expressions(&dashboard) {
        assert_known(&expression, &exported, &[]);
    }
    for variable in &dashboard["templating"]["list"].as_array().unwrap()[1..] {
        assert_known(variable["query"]["query"].as_str().unwrap(), &exported, &[]);
    }
}

#[test]
fn prometheus_understands_every_expression_of_the_dashboard() {
    let Some(promtool) = tool::find("promtool") else { return };
    let folder = Folder::new("contrib");
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (number, expression) in expressions(&dashboard()).into_iter().enumerate() {
        let expression = expression.replace("$__rate_interval", "1m").replace('\'', "''");
        rules += &format!("      - record: expression:{number}\n        expr: '{expression}'\n");
    }
    fs::write(folder.join("rules.yml"), rules).unwrap();
    let mut command = Command::new(promtool);
    command.args(["check", "rules", "--lint=none"]).arg(folder.join("rules.yml"));
    let outcome = run::run(&mut command, LIMIT);
    assert!(outcome.is_success(), "{}", outcome.describe());
}
