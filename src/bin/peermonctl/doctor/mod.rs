//! `peermonctl doctor`: what stands between this server and its peers, in sentences.
//!
//! If the server runs, it is asked what it hears. If not, the doctor takes its place for some seconds, asks
//! each peer with datagrams that change nothing there, and listens to what the peers say by themselves.

mod claim;
mod conclude;
mod firewall;
mod holder;
mod machine;
mod reach;
mod running;
mod sites;
mod talk;

use std::collections::HashMap;
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use peermon::config::plan::{Listen, Plan};
use peermon::proto::auth::key_id;
use serde_json::json;

use self::claim::Own;
use self::reach::Reach;
use self::running::Running;
use self::sites::Site;
use self::talk::Ear;
use crate::check_config;
use crate::check_config::written::Written;
use crate::client::Target;
use crate::connect::ConnectArgs;
use crate::failure::Failure;
use crate::findings::{Findings, Level};
use crate::style::Style;
use crate::{output, units};

/// So many peers are visited: a datagram a second to each, and a thread for each look.
const MOST: usize = 256;

/// What stands between a server and its peers: names, keys, ports, firewalls, clocks
///
/// While the server runs, it is asked what it hears. Otherwise the doctor speaks in its place for some seconds:
/// nothing changes at the peers, and nobody is told of anything there. Do not start the server meanwhile: its port
/// is taken.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    connect: ConnectArgs,
    /// How long to listen: a server that does not know this one speaks every 5 s
    #[arg(long, value_name = "DURATION", default_value = "7s", value_parser = units::duration)]
    wait: Duration,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// See the head of this file.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let Some(file) = args.connect.config() else {
        return Err(Failure::Usage("say which configuration with --config FILE".into()));
    };
    let (mut findings, plan) = check_config::inspect(&file);
    if let Some(plan) = &plan {
        machine::look(plan, &mut findings);
        let visit = Visit { args, plan, written: &Written::read(&file) };
        visit.make(&mut findings)?;
    }
    if args.json {
        let told = json!({
            "file": file.display().to_string(),
            "well": findings.verdict().is_ok(),
            "findings": findings.json(),
        });
        output::json(out, &told)?;
    } else {
        findings.write(out, Style::stdout())?;
        let more = match plan {
            Some(_) => "",
            None => " The peers can be looked at when the configuration is right.",
        };
        writeln!(out, "\n{}{more}", findings.summary())?;
    }
    findings.verdict()
}

struct Visit<'a> {
    args: &'a Args,
    plan: &'a Plan,
    written: &'a Written,
}

impl Visit<'_> {
    fn make(&self, to: &mut Findings) -> Result<(), Failure> {
        let mut sites = sites::of(self.plan, to);
        if sites.len() > MOST {
            let left = sites.len() - MOST;
            to.unknown("peers", format!("{left} of {} peers were not looked at.", sites.len()));
            sites.truncate(MOST);
        }
        let ear = Ear::open(self.plan.listen);
        let reach = self.reach(&sites, &ear)?;
        let trouble = match ear {
            Ok(ear) => self.in_its_place(&ear, &sites, &reach, to)?,
            Err(error) => self.without_ear(&error, &sites, &reach, to),
        };
        for look in reach.values().filter(|look| look.is_narrow()) {
            to.warning(
                "path",
                format!(
                    "The way to {} carries packets of {} bytes at the most; the longest datagram of peermon does \
                     not fit.",
                    look.address,
                    look.mtu.unwrap_or(0)
                ),
                "Raise the MTU of the link or the tunnel, or use shorter names.",
            );
        }
        if trouble {
            let mut ports: Vec<u16> =
                sites.iter().flat_map(|site| &site.addresses).map(SocketAddr::port).collect();
            ports.push(port(self.plan.listen));
            ports.sort_unstable();
            ports.dedup();
            firewall::look(&ports, to);
        }
        Ok(())
    }

    /// Looks at every way; answers to what is sent go to the configured address only.
    fn reach(
        &self,
        sites: &[Site],
        ear: &io::Result<Ear>,
    ) -> Result<HashMap<SocketAddr, Reach>, Failure> {
        let visits = talk::visits(self.plan, sites)?;
        let probes: Vec<(SocketAddr, Vec<u8>)> = visits
            .iter()
            .zip(sites)
            .flat_map(|(visit, site)| {
                let packet = visit.call(1, 1, talk::wall());
                site.addresses.iter().map(move |address| (*address, packet.as_bytes().to_vec()))
            })
            .collect();
        let away = ear.as_ref().is_err_and(|error| error.kind() == ErrorKind::AddrNotAvailable);
        let from: Option<IpAddr> = match self.plan.listen {
            Listen::At(at) if !at.ip().is_unspecified() && !away => Some(at.ip()),
            _ => None,
        };
        let found = reach::look(&probes, from);
        Ok(found.into_iter().map(|look| (look.address, look)).collect())
    }

    /// Its TCP ports, while it does not run. Whether somebody else has one.
    fn ports(&self, to: &mut Findings) -> bool {
        let settings = &self.plan.settings;
        let lifelines = (settings.lifeline_max_peers > 0).then_some(self.plan.listen);
        let clients = self.plan.channels.client.as_ref().and_then(|client| client.listen);
        let mut taken = false;
        for (key, listen) in [("listen", lifelines), ("client_listen", clients)] {
            let Some(listen) = listen else { continue };
            let Err(error) = TcpListener::bind(any(listen)) else { continue };
            let (says, advice) = match error.kind() {
                ErrorKind::AddrInUse => (
                    format!("Another process has the TCP port of {listen}."),
                    format!("End it (ss -tlnp shows who it is), or write another {key}."),
                ),
                _ => (
                    format!("Nobody can listen at {listen} by TCP: {error}."),
                    format!(
                        "Write an address of this machine as {key}; below 1024 a port needs root."
                    ),
                ),
            };
            to.wrong(key, says, advice);
            taken = true;
        }
        taken
    }

    fn own(&self) -> Own {
        let settings = &self.plan.settings;
        Own {
            name: settings.name.to_string(),
            group: settings.group.clone(),
            key_id: key_id(settings.key.as_deref()),
            key_place: self.written.key_place(),
            listen: self.plan.listen.to_string(),
        }
    }

    /// The server does not run: somebody speaks in its place. Whether anything is wrong.
    fn in_its_place(
        &self,
        ear: &Ear,
        sites: &[Site],
        reach: &HashMap<SocketAddr, Reach>,
        to: &mut Findings,
    ) -> Result<bool, Failure> {
        let plan = self.plan;
        let mut trouble = self.ports(to);
        to.ok(
            "this server",
            format!("It does not run; the peers are asked from {} in its place.", plan.listen),
        );
        let own = self.own();
        let words = ear.converse(plan, sites, self.args.wait)?;
        let (of_sites, strangers) = conclude::sorted(&own, sites, &words);
        for (site, words) in sites.iter().zip(of_sites) {
            let ways: Vec<&Reach> = site.addresses.iter().filter_map(|at| reach.get(at)).collect();
            trouble |= !conclude::peer(&own, site, sites, &words, &ways, to);
        }
        for word in strangers {
            conclude::stranger(&own, sites, word, to);
        }
        Ok(trouble)
    }

    /// Its port cannot be had: it runs, or something else is wrong. Whether anything is.
    fn without_ear(
        &self,
        error: &io::Error,
        sites: &[Site],
        reach: &HashMap<SocketAddr, Reach>,
        to: &mut Findings,
    ) -> bool {
        let listen = self.plan.listen;
        match error.kind() {
            ErrorKind::AddrInUse => {}
            ErrorKind::AddrNotAvailable => {
                to.wrong(
                    "listen",
                    format!("{listen} is no address of this machine: the server could not start."),
                    format!(
                        "Write an address that `ip address` shows here, or listen = \":{}\" for all of them; is \
                         this the file of another server?",
                        port(listen)
                    ),
                );
                return true;
            }
            _ => {
                to.wrong(
                    "listen",
                    format!("Nobody can listen at {listen}: {error}."),
                    "Write another address or port; below 1024 a port needs root.",
                );
                return true;
            }
        }
        let asked = Target::find(&self.args.connect).and_then(|target| Running::ask(&target));
        let running = match asked {
            Ok(running) => running,
            Err(failure) => {
                self.taken(&failure, to);
                return true;
            }
        };
        if !running.is(self.plan, to) {
            return true;
        }
        running.conflicts(to);
        let own = self.own();
        let mut trouble = false;
        for site in sites {
            let ways: Vec<&Reach> = site.addresses.iter().filter_map(|at| reach.get(at)).collect();
            trouble |= !running.peer(&own, site, sites, &ways, to);
        }
        running.strangers(&own, sites, to);
        trouble
    }

    /// Somebody has the port, and nobody answers for it.
    fn taken(&self, failure: &Failure, to: &mut Findings) {
        let listen = self.plan.listen;
        let why = failure.says().unwrap_or_default();
        let holder = holder::of(listen);
        let who = holder.as_deref().unwrap_or("another process");
        to.0.push(
            crate::findings::Finding::new(
                Level::Wrong,
                "listen",
                format!("The port of {listen} is in use by {who}, which cannot be asked: {why}."),
            )
            .advising(
                "If that is this server, write control_socket and start it anew; else end the other process or \
                 write another port.",
            ),
        );
    }
}

/// The address itself, or that which means all.
fn any(listen: Listen) -> SocketAddr {
    match listen {
        Listen::At(address) => address,
        Listen::Any(port) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
    }
}

fn port(listen: Listen) -> u16 {
    match listen {
        Listen::At(address) => address.port(),
        Listen::Any(port) => port,
    }
}
