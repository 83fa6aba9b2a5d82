//! `peermonctl check-config`: everything that is wrong with a configuration, and what it means.

pub mod caution;
mod meaning;
pub mod written;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use peermon::config::Config;
use peermon::config::plan::Plan;
use peermon::proto::auth::key_id;
use serde_json::{Value, json};

use self::meaning::{ASSUMPTION, LOSSES, Meaning, SOURCE, count};
use self::written::Written;
use crate::failure::Failure;
use crate::findings::{Finding, Findings, Level};
use crate::style::Style;
use crate::table::{Column, Table};
use crate::{keygen, output, units};

/// What is wrong with a configuration, and what it means: how soon each peer is called down, and how often wrongly
///
/// Says every error with its line, not only the first, and what is allowed but seldom meant. Nothing is connected to;
/// `peermonctl doctor` does that.
#[derive(clap::Args)]
pub struct Args {
    /// The configuration
    file: PathBuf,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// See the head of this file.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let (findings, plan) = inspect(&args.file);
    let peers = plan.as_ref().map_or_else(Vec::new, meanings);
    if args.json {
        let told = json!({
            "file": args.file.display().to_string(),
            "right": findings.verdict().is_ok(),
            "findings": findings.json(),
            "server": plan.as_ref().map(server),
            "peers": peers.iter().map(peer).collect::<Vec<_>>(),
            "assumption": ASSUMPTION,
            "source": SOURCE,
        });
        output::json(out, &told)?;
        return findings.verdict();
    }
    let style = Style::stdout();
    findings.write(out, style)?;
    if let Some(plan) = &plan {
        let own = server(plan);
        let text = |key: &str| own[key].as_str().unwrap_or("none").to_owned();
        writeln!(
            out,
            "\n{} (group {}) listens at {}; key id {}.",
            text("name"),
            text("group"),
            text("listen"),
            text("key_id")
        )?;
        explain(&peers, out, style)?;
    } else {
        writeln!(out, "\n{}: {}", args.file.display(), findings.summary())?;
    }
    findings.verdict()
}

/// Everything that is wrong with `file` or may become so, and the plan, if nothing is wrong.
pub fn inspect(file: &Path) -> (Findings, Option<Plan>) {
    let found = Config::inspect(file);
    let mut findings = Findings::default();
    for error in found.errors {
        let (line, says) = apart(file, &error.text);
        let finding = Finding::new(Level::Wrong, "configuration", says);
        findings.0.push(Finding { line, ..finding });
    }
    let written = Written::read(file);
    match &found.plan {
        Some(plan) => {
            findings.ok("configuration", format!("{} is in order.", file.display()));
            caution::look(file, &written, plan, &meanings(plan), &mut findings);
        }
        None => caution::secrets(file, &written, &mut findings),
    }
    (findings, found.plan)
}

/// The line and the rest of an error about `file`.
fn apart<'a>(file: &Path, text: &'a str) -> (Option<usize>, &'a str) {
    let after = text.strip_prefix(&*file.to_string_lossy()).and_then(|text| text.strip_prefix(':'));
    let Some(after) = after else { return (None, text) };
    match after.split_once(": ") {
        Some((line, says))
            if line.bytes().all(|byte| byte.is_ascii_digit()) && !line.is_empty() =>
        {
            (line.parse().ok(), says)
        }
        _ => (None, after.trim_start()),
    }
}

fn meanings(plan: &Plan) -> Vec<Meaning> {
    plan.settings.peers.iter().map(|peer| Meaning::of(plan, peer)).collect()
}

fn server(plan: &Plan) -> Value {
    let key = plan.settings.key.as_deref();
    json!({
        "name": &*plan.settings.name,
        "group": plan.settings.group,
        "listen": plan.listen.to_string(),
        "key_id": key.map(|key| keygen::shown(key_id(Some(key)))),
    })
}

fn peer(peer: &Meaning) -> Value {
    let alarms: Vec<Value> = LOSSES
        .iter()
        .zip(peer.alarms)
        .map(|(loss, alarms)| json!({ "loss": loss, "per_30_days": alarms }))
        .collect();
    json!({
        "name": peer.name,
        "detector": peer.detector,
        "heartbeat_interval_seconds": peer.interval.as_secs_f64(),
        "margin_seconds": peer.margin.as_secs_f64(),
        "detection_seconds": peer.detection.as_secs_f64(),
        "qos_unmet": peer.unmet,
        "false_alarms": alarms,
        "trace": peer.trace.as_ref().map(|path| path.display().to_string()),
    })
}

fn explain(peers: &[Meaning], out: &mut impl Write, style: Style) -> Result<(), Failure> {
    if peers.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&[
        Column::text("PEER"),
        Column::text("DETECTOR"),
        Column::number("HEARTBEAT"),
        Column::number("MARGIN"),
        Column::number("DOWN WITHIN"),
        Column::number("AT 0.1 %"),
        Column::number("AT 1 %"),
        Column::number("AT 5 %"),
    ]);
    let show = |span: Duration| units::show(span.as_secs_f64() * 1e9);
    for peer in peers {
        let spans = [peer.interval, peer.margin, peer.detection].map(show);
        let alarms = peer.alarms.map(count);
        let words = [peer.name.clone(), peer.detector.to_owned()];
        table.row(words.into_iter().chain(spans).chain(alarms).map(Into::into));
    }
    table.write(out, style)?;
    writeln!(
        out,
        "\nHEARTBEAT: how often the peer is asked to speak. MARGIN: how late one may be. DOWN WITHIN: from its \
         death to\nthe verdict at the most, without the delay of the network; its lifelines mostly tell a killed \
         process at once.\nAT n %: false alarms to expect in 30 days if so many heartbeats are lost: {ASSUMPTION}.\n\
         {SOURCE}.\nLosses in bursts make more of them."
    )?;
    for peer in peers {
        if let Some(trace) = &peer.trace {
            let name = &peer.name;
            let trace = trace.display();
            writeln!(out, "What {name} really did is recorded: peermonctl replay {trace}")?;
        }
    }
    if peers.iter().all(|peer| peer.trace.is_none()) {
        writeln!(
            out,
            "trace_dir records what really happens, and peermonctl replay judges it anew."
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_falls_into_its_line_and_its_sentence() {
        let file = Path::new("/etc/peermon/orders.toml");
        assert_eq!(
            apart(file, "/etc/peermon/orders.toml:7: peer \"billing\": unknown key"),
            (Some(7), "peer \"billing\": unknown key")
        );
        assert_eq!(
            apart(file, "/etc/peermon/orders.toml: name is missing"),
            (None, "name is missing")
        );
        assert_eq!(apart(file, "cannot read it: no"), (None, "cannot read it: no"));
    }
}
