//! The checks that need the whole configuration, and the plan that comes of them.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::address::DEFAULT_PORT;
use super::keys::Key;
use super::peer::{OWN_NAME, literals};
use super::plan::{Listen, LogTarget, PeerDefaults, PeerEndpoints, Plan, Written};
use super::reach::{ONLY_LOOPBACK, is_within_reach};
use super::suggest::nearest;
use super::value::{Section, complaint};
use super::{Config, PeerDraft, channels, flap, guest, pacing, rule, secret, timing};
use crate::error::{Code, Error, Result};
use crate::proto::event::PeerName;
use crate::proto::settings::{Detection, PeerSettings, Settings};

/// The longest announced interval that is believed, unless the configuration says otherwise.
const MAX_INTERVAL: Duration = Duration::from_secs(60);

/// Lifelines are held with so many peers at the most, unless the configuration says otherwise: two
/// descriptors and two sockets of the kernel each.
const LIFELINE_MAX_PEERS: u32 = 64;

/// The plan that `config` amounts to.
pub(super) fn plan(config: &Config) -> Result<Plan> {
    let server = &config.server;
    let name: PeerName = own_name(config)?.into();
    let key = key(server)?;
    let allowed = flag(server, Key::AllowUnauthenticated);
    let may_leave_loopback = key.is_some() || allowed;
    let listen = listen(server, may_leave_loopback)?;

    let timing = timing::of_server(server)?;
    let judge_interval = span(server, Key::JudgeInterval, timing.heartbeat_interval * 6 / 5);
    let drafts = || config.peers.iter().map(|draft| &draft.section);
    let rule = rule::of_server(server, drafts(), timing.heartbeat_interval, judge_interval)?;
    // A server that itself speaks less often than the default believes expects the same of others.
    let interval_of = |draft: &PeerDraft| {
        let timing = timing::of_peer(server, timing, &draft.name, &draft.section);
        timing.map_or(Duration::ZERO, |timing| timing.heartbeat_interval)
    };
    let slowest = config.peers.iter().map(interval_of).max().unwrap_or_default();
    let believed = MAX_INTERVAL.max(timing.heartbeat_interval).max(slowest);
    let max_interval = span(server, Key::MaxInterval, believed);
    let (heartbeat_interval, paces) = pacing::of(server, None, &timing, max_interval)?;
    let defaults = PeerDefaults {
        heartbeat_interval,
        pacing: paces,
        detection: Detection {
            detect_within: timing.detect_within,
            level_cap: timing.level_cap,
            rule,
            demand: rule::demand(rule, timing.demand),
        },
        first_contact: span(server, Key::FirstContact, Duration::from_secs(30)),
        roaming: flag(server, Key::Roaming),
        flapping: flap::of_server(server, drafts(), timing.detect_within)?,
        interrupt_on_down: flag(server, Key::InterruptOnDown),
    };

    let mut whole = Whole {
        config,
        name: &name,
        listen,
        may_leave_loopback,
        judge_interval,
        timing,
        max_interval,
        defaults,
        taken: HashMap::new(),
    };
    let peers: Vec<(PeerSettings, PeerEndpoints)> =
        config.peers.iter().map(|draft| whole.peer(draft)).collect::<Result<_>>()?;
    let (peers, endpoints): (Vec<_>, Vec<_>) = peers.into_iter().unzip();

    let settings = Settings {
        group: server.name(Key::Group).map_or("default", |(group, _)| group).to_owned(),
        name: Arc::clone(&name),
        key,
        judge_interval,
        watchdog_timeout: server.span(Key::WatchdogTimeout).map(|(span, _)| span),
        end_linger: span(server, Key::EndLinger, Duration::from_millis(200)),
        max_interval,
        packet_budget: pacing::budget(server, &peers)?,
        pause_max: span(server, Key::PauseMax, Duration::from_secs(3600)),
        lifeline_max_peers: server
            .count(Key::LifelineMaxPeers)
            .map_or(LIFELINE_MAX_PEERS, |(count, _)| count),
        redundant: flag(server, Key::Redundant),
        peers,
    };
    let log = match server.choice(Key::Log) {
        Some(("env", _)) => LogTarget::Env,
        _ => LogTarget::Callback,
    };
    Ok(Plan {
        settings,
        listen,
        endpoints,
        may_leave_loopback,
        log,
        event_queue: server.count(Key::EventQueue).map_or(1024, |(count, _)| count as usize),
        resolve_interval: span(server, Key::ResolveInterval, Duration::from_secs(30)),
        twin_port: twin_port(server),
        trace_dir: trace_dir(server)?,
        guest: guest::of(server),
        channels: channels::of(server, listen, &config.known)?,
        defaults,
        written: Written(Arc::new(config.clone())),
    })
}

/// What the check of one peer needs to know of everything else.
struct Whole<'a> {
    config: &'a Config,
    name: &'a str,
    listen: Listen,
    may_leave_loopback: bool,
    judge_interval: Duration,
    timing: timing::Timing,
    max_interval: Duration,
    defaults: PeerDefaults,
    /// Which peer has which literal address.
    taken: HashMap<SocketAddr, &'a str>,
}

impl<'a> Whole<'a> {
    fn peer(&mut self, draft: &'a PeerDraft) -> Result<(PeerSettings, PeerEndpoints)> {
        let (name, section, server) = (&*draft.name, &draft.section, &self.config.server);
        if name == self.name {
            return Err(draft.fault(OWN_NAME));
        }
        let Some((endpoints, written)) = section.addresses(Key::Address) else {
            return Err(draft.fault(&self.no_address(name)));
        };
        let addresses = literals(endpoints);
        for &address in &addresses {
            is_within_reach(self.listen, self.may_leave_loopback, address)
                .map_err(|why| written.fault(Some(name), &why))?;
            if let Some(other) = self.taken.insert(address, name) {
                let why = format!("{address} is the address of peer \"{other}\" already");
                return Err(written.fault(Some(name), &why));
            }
        }
        let timing = timing::of_peer(server, self.timing, name, section)?;
        let interval = timing.heartbeat_interval;
        let rule = rule::of_peer(server, name, section, interval, self.judge_interval)?;
        let (heartbeat_interval, pacing) =
            pacing::of(server, Some(section), &timing, self.max_interval)?;
        let own = PeerDefaults {
            heartbeat_interval,
            pacing,
            detection: Detection {
                detect_within: timing.detect_within,
                level_cap: timing.level_cap,
                rule,
                demand: rule::demand(rule, timing.demand),
            },
            first_contact: span(section, Key::FirstContact, self.defaults.first_contact),
            roaming: section.flag(Key::Roaming).map_or(self.defaults.roaming, |(flag, _)| flag),
            flapping: flap::of_peer(server, name, section, timing.detect_within)?,
            interrupt_on_down: section
                .flag(Key::InterruptOnDown)
                .map_or(self.defaults.interrupt_on_down, |(flag, _)| flag),
        };
        let name = Arc::clone(&draft.name);
        let endpoints = PeerEndpoints { name: Arc::clone(&name), endpoints: endpoints.to_vec() };
        Ok((own.settings(name, addresses), endpoints))
    }

    fn no_address(&self, name: &str) -> String {
        let complete = |draft: &&PeerDraft| draft.section.setting(Key::Address).is_some();
        let others = self.config.peers.iter().filter(complete).map(|draft| &*draft.name);
        match nearest(name, others) {
            Some(meant) => format!("this peer has no address; did you mean \"{meant}\"?"),
            None => {
                "this peer has no address; write for example address = \"10.0.0.2:28170\"".into()
            }
        }
    }
}

fn own_name(config: &Config) -> Result<&str> {
    if let Some((name, _)) = config.server.name(Key::Name) {
        return Ok(name);
    }
    let place =
        config.last_file.as_ref().map_or_else(String::new, |path| format!("{}: ", path.display()));
    let why = "name is missing: the name of this server, unique in its group, \
               for example name = \"orders\"";
    Err(Error::new(Code::Config, format!("{place}{why}")))
}

fn key(server: &Section) -> Result<Option<Vec<u8>>> {
    match (server.path(Key::SecretFile), server.secret(Key::Secret)) {
        (Some((_, file)), Some((_, key))) => {
            let why = format!("there is a key already ({}); write one of the two", key.origin);
            Err(file.fault(None, &why))
        }
        (Some((path, setting)), None) => {
            let read = secret::read(path).map_err(|error| {
                let why = format!("{} = {}: {}", setting.spec.name, setting.written, error.text);
                Error::new(error.code, complaint(&setting.origin, None, &why))
            })?;
            Ok(Some(read.0))
        }
        (None, Some((key, _))) => Ok(Some(key.0.clone())),
        (None, None) => Ok(None),
    }
}

fn listen(server: &Section, may_leave_loopback: bool) -> Result<Listen> {
    let Some((listen, setting)) = server.listen(Key::Listen) else {
        return Ok(if may_leave_loopback {
            Listen::Any(DEFAULT_PORT)
        } else {
            Listen::At(SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT)))
        });
    };
    let loopback = matches!(listen, Listen::At(address) if address.ip().is_loopback());
    if loopback || may_leave_loopback {
        return Ok(listen);
    }
    Err(setting.fault(None, ONLY_LOOPBACK))
}

fn twin_port(server: &Section) -> u16 {
    server.count(Key::TwinPort).and_then(|(port, _)| u16::try_from(port).ok()).unwrap_or(0)
}

fn trace_dir(server: &Section) -> Result<Option<PathBuf>> {
    let Some((path, setting)) = server.path(Key::TraceDir) else { return Ok(None) };
    if !path.is_dir() {
        return Err(setting.fault(None, "there is no such folder; make it first"));
    }
    Ok(Some(path.to_owned()))
}

fn span(section: &Section, key: Key, default: Duration) -> Duration {
    section.span(key).map_or(default, |(span, _)| span)
}

fn flag(section: &Section, key: Key) -> bool {
    section.flag(key).is_some_and(|(flag, _)| flag)
}
