//! `peermonctl status`: how a server and its peers are.

mod file;
pub mod own;

use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::client::Target;
use crate::connect::{ConnectArgs, Places};
use crate::failure::Failure;
use crate::show::{Row, is_bad, is_remarkable};
use crate::style::{Paint, Style, printable, wrapped};
use crate::table::{Cell, Column, Table};
use crate::{answer, output};

/// How a server and its peers are
///
/// A table with one line for each peer: its state and why, for how long, when it was last heard, how
/// often it announces a heartbeat (EVERY) and when it would be judged without one (DEADLINE), how
/// irregular its heartbeats are (JITTER), how many are lost (LOSS), and its address. Below it what
/// there is to say of those that are not well. "-" is what is not known.
///
/// The exit code is 3 if a peer is DOWN or OVERDUE or the monitor itself failed, and 4 if the monitor
/// cannot be reached. Then, where the configuration is known and names a `status_file`, that is
/// shown instead.
#[derive(clap::Args)]
pub struct Args {
    /// Read the status file of a server that hangs or is dead, and ask nobody
    #[arg(long, value_name = "FILE", conflicts_with_all = ["socket", "config"])]
    file: Option<PathBuf>,
    /// Also: numbers of this server, how to see its sockets, who was turned away
    #[arg(short, long)]
    verbose: bool,
    /// A JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ConnectArgs,
}

/// Shows it.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    if let Some(file) = &args.file {
        let found = file::read(file)?;
        if args.json {
            output::json(out, &found.json())?;
        } else {
            found.write(out, Style::stdout())?;
        }
        return if found.is_bad() { Err(Failure::BadNews) } else { Ok(()) };
    }
    match ask(args) {
        Err(Failure::Unreachable(why)) => instead(args, why, out),
        Err(other) => Err(other),
        Ok(answer) => tell(args, &answer, out),
    }
}

/// What the monitor says, and of itself what only its control socket says.
fn ask(args: &Args) -> Result<Value, Failure> {
    let target = Target::find(&args.server)?;
    let mut said = target.get("/v1/peers")?;
    answer::peers(&said)?;
    // An older library, or a socket that only answers, does not have it.
    if let Ok(reply) = target.ask("GET", "/v1/control", None)
        && reply.status == 200
        && let Ok(control) = serde_json::from_str::<Value>(&reply.body)
    {
        said["control"] = control;
    }
    Ok(said)
}

fn tell(args: &Args, said: &Value, out: &mut impl Write) -> Result<(), Failure> {
    let peers = answer::peers(said)?;
    if args.json {
        output::json(out, said)?;
    } else {
        let style = Style::stdout();
        own::write(out, style, said, args.verbose)?;
        write_peers(out, style, peers)?;
    }
    let failed = said["about"]["condition"] == "failed";
    if failed || peers.iter().any(is_bad) { Err(Failure::BadNews) } else { Ok(()) }
}

/// What the status file says where the monitor says nothing.
fn instead(args: &Args, why: String, out: &mut impl Write) -> Result<(), Failure> {
    let named = args.server.config().and_then(|file| Places::read(&file).ok());
    let found = named.and_then(|places| places.status_file).map(|path| (file::read(&path), path));
    let Some((found, path)) = found else { return Err(Failure::Unreachable(why)) };
    match found {
        Ok(found) if args.json => {
            let said = json!({"reachable": false, "error": why, "status_file": found.json()});
            output::json(out, &said)?;
        }
        Ok(found) => {
            let path = path.display().to_string();
            let line = format!("the monitor does not answer; its status file {path} says:");
            writeln!(out, "{}\n", printable(&line))?;
            found.write(out, Style::stdout())?;
        }
        Err(Failure::Refused(also)) => {
            return Err(Failure::Unreachable(format!("{why}; and its status file: {also}")));
        }
        Err(other) => return Err(other),
    }
    out.flush()?;
    Err(Failure::Unreachable(why))
}

const COLUMNS: [Column; 10] = [
    Column::text("PEER"),
    Column::text("STATE"),
    Column::text("REASON"),
    Column::number("SINCE"),
    Column::number("HEARD"),
    Column::number("EVERY"),
    Column::number("DEADLINE"),
    Column::number("JITTER").yielding(),
    Column::number("LOSS").yielding(),
    Column::text("PATH"),
];

fn write_peers(out: &mut impl Write, style: Style, peers: &[Value]) -> std::io::Result<()> {
    if peers.is_empty() {
        return writeln!(out, "It watches nobody: there are no peers in its configuration.");
    }
    let mut table = Table::new(&COLUMNS);
    for peer in peers {
        let row = Row::of(peer);
        let paint = Paint::of_state(&row.state);
        table.row([
            Cell::new(row.name),
            Cell::new(row.state).paint(paint),
            Cell::new(row.reason),
            Cell::new(row.since),
            Cell::new(row.heard),
            Cell::new(row.interval),
            Cell::new(row.deadline),
            Cell::new(row.jitter),
            Cell::new(row.loss),
            Cell::new(row.path),
        ]);
    }
    let missing = table.write(out, style)?;
    if !missing.is_empty() {
        let line = format!("(this terminal is too narrow for {})", missing.join(", "));
        writeln!(out, "{}", style.paint(Paint::Dim, &line))?;
    }
    for (at, peer) in peers.iter().filter(|peer| is_remarkable(peer)).enumerate() {
        if at == 0 {
            writeln!(out)?;
        }
        let name = printable(answer::text(peer, "name"));
        let says = format!("{name}: {}", printable(answer::text(peer, "why")));
        match style.width() {
            None => writeln!(out, "{says}")?,
            Some(width) => {
                let lines = wrapped(&says, width.saturating_sub(2)).join("\n  ");
                writeln!(out, "{lines}")?;
            }
        }
    }
    Ok(())
}
