//! `peermonctl watch`: what a client of a server sees, by TCP and from any machine.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Door, Following, Target, Told};
use crate::connect::token;
use crate::events::{RESET, aside};
use crate::failure::Failure;
use crate::show::{dated_event, moment, since};
use crate::style::{Paint, Style, printable};
use crate::{answer, output, units};

/// Follow a server through its client port, from any machine
///
/// Says how its peers are, and then every event as it happens; a lost connection is taken up again with
/// what was missed. It needs no configuration and no peermon on this machine. Times are UTC. TLS is
/// not spoken: where the client port wants it, go through a tunnel.
#[derive(clap::Args)]
pub struct Args {
    /// The client port, `client_listen` of the server
    #[arg(value_name = "HOST:PORT", value_parser = address)]
    address: String,
    /// The file with the token, where the server wants one
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Say how the peers are, and go
    #[arg(long)]
    once: bool,
    /// How long an answer may take
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = units::duration)]
    timeout: Duration,
    /// One JSON object in each line: `{"snapshot": ...}`, `{"event": ...}` or `{"reset": ...}`
    #[arg(long)]
    json: bool,
}

/// Follows.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let token = args.token_file.as_deref().map(token).transpose()?;
    let target = Target::new(vec![Door::Tcp(args.address.clone())], token, args.timeout);
    let style = Style::stdout();
    let mut following = Following::open(&target, None)?;
    loop {
        let told = following.next()?;
        match (&told, args.json) {
            (Told::Lost(why), _) => aside(&format!("{why}; trying again")),
            (Told::Back, _) => aside("connected again"),
            (Told::Snapshot(said), true) => output::json_line(out, &json!({"snapshot": said}))?,
            (Told::Event(said), true) => output::json_line(out, &json!({"event": said}))?,
            (Told::Reset(said), true) => output::json_line(out, &json!({"reset": said}))?,
            (Told::Snapshot(said), false) => snapshot(out, style, said)?,
            (Told::Event(said), false) => {
                let paint = Paint::of_event(answer::text(said, "kind"));
                writeln!(out, "{}", style.paint(paint, &dated_event(said)))?;
            }
            (Told::Reset(_), false) => writeln!(out, "{}", style.paint(Paint::Warn, RESET))?,
        }
        out.flush()?;
        if args.once && matches!(told, Told::Snapshot(_)) {
            return Ok(());
        }
    }
}

/// How many peers are in which state, and those that are down.
fn snapshot(out: &mut impl Write, style: Style, said: &Value) -> std::io::Result<()> {
    let peers = answer::list(said, "peers");
    let count = |state: &str| peers.iter().filter(|peer| peer["state"] == state).count();
    let name = printable(answer::text(&said["about"], "name")).into_owned();
    let mut counts = vec![format!("{} up", count("UP"))];
    for state in ["DOWN", "OVERDUE", "PAUSED", "ENDED", "UNKNOWN"] {
        let so_many = count(state);
        if so_many > 0 {
            counts.push(format!("{so_many} {}", state.to_lowercase()));
        }
    }
    let counts = counts.join(", ");
    let so_many = units::count(peers.len(), "peer");
    writeln!(out, "-- {}: {so_many}, {counts}", style.paint(Paint::Bold, &name))?;
    for peer in peers.iter().filter(|peer| crate::show::is_bad(peer)) {
        let field = |key: &str| printable(answer::text(peer, key)).into_owned();
        let since = since(peer).map_or(answer::DASH.into(), moment);
        let line =
            format!("   {} {} ({}) since {since}", field("name"), field("state"), field("reason"));
        writeln!(out, "{}", style.paint(Paint::Bad, &line))?;
    }
    Ok(())
}

fn address(text: &str) -> Result<String, String> {
    let plain = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
    if plain.starts_with("https:") {
        return Err("TLS is not spoken; go through a tunnel, or ask on the server itself".into());
    }
    let port = plain.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    match port.map(|(_, port)| port.parse::<u16>()) {
        Some(Ok(port)) if port > 0 => Ok(plain.to_owned()),
        _ => Err("write HOST:PORT, such as 10.0.0.1:28180".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for (good, plain) in [
            ("10.0.0.1:28180", "10.0.0.1:28180"),
            ("http://orders.example:28180/", "orders.example:28180"),
            ("[::1]:28180", "[::1]:28180"),
        ] {
            assert_eq!(address(good).as_deref(), Ok(plain));
        }
        for bad in ["", "orders", ":28180", "orders:", "orders:0", "orders:99999", "https://a:1"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
