//! The checks that need the whole configuration, and the plan that comes of them.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::address::DEFAULT_PORT;
use super::faults::Faults;
use super::keys::Key;
use super::peer::{OWN_NAME, literals};
use super::plan::{Listen, LogTarget, PeerDefaults, PeerEndpoints, Plan, Written};
use super::reach::{ONLY_LOOPBACK, is_within_reach};
use super::suggest::nearest;
use super::value::{Section, complaint};
use super::{Config, PeerDraft, channels, flap, guest, pacing, rule, secret, timing};
use crate::error::{Code, Error, Result};
use crate::proto::event::PeerName;
use crate::proto::settings::{Detection, Pacing, PeerSettings, Rule, Settings};

/// The longest announced interval that is believed, unless the configuration says otherwise.
const MAX_INTERVAL: Duration = Duration::from_secs(60);

/// Lifelines are held with so many peers at the most, unless the configuration says otherwise: two
/// descriptors and two sockets of the kernel each.
const LIFELINE_MAX_PEERS: u32 = 64;

/// The plan that `config` amounts to; everything that is wrong goes to `faults`, and the plan is worth
/// nothing then. What cannot be known for a fault is taken to be as most servers have it, so that
/// the rest is looked at too.
pub(super) fn plan(config: &Config, faults: &mut Faults) -> Option<Plan> {
    let server = &config.server;
    let name: PeerName = own_name(config, faults).into();
    let (key, key_is_meant) = key(server, faults);
    let allowed = flag(server, Key::AllowUnauthenticated);
    let may_leave_loopback = key_is_meant || allowed;
    let listen = listen(server, may_leave_loopback, faults);

    let timing = timing::of_server(server);
    let timing = faults.or(timing, timing::of_profile("lan"));
    let judge_interval = span(server, Key::JudgeInterval, timing.heartbeat_interval * 6 / 5);
    let drafts = || config.peers.iter().map(|draft| &draft.section);
    let rule = rule::of_server(server, drafts(), timing.heartbeat_interval, judge_interval);
    let rule = faults.or(rule, Rule::Adaptive);
    // A server that itself speaks less often than the default believes expects the same of others.
    let interval_of = |draft: &PeerDraft| {
        let timing = timing::of_peer(server, timing, &draft.name, &draft.section);
        timing.map_or(Duration::ZERO, |timing| timing.heartbeat_interval)
    };
    let slowest = config.peers.iter().map(interval_of).max().unwrap_or_default();
    let believed = MAX_INTERVAL.max(timing.heartbeat_interval).max(slowest);
    let max_interval = span(server, Key::MaxInterval, believed);
    let paces = pacing::of(server, None, &timing, max_interval);
    let (heartbeat_interval, paces) = faults.or(paces, pinned(&timing));
    let flapping = flap::of_server(server, drafts(), timing.detect_within);
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
        flapping: faults.or(flapping, None),
        interrupt_on_down: flag(server, Key::InterruptOnDown),
    };

    let mut whole = Whole {
        config,
        name: &name,
        listen,
        may_leave_loopback: may_leave_loopback || !is_loopback(listen),
        judge_interval,
        timing,
        max_interval,
        defaults,
        taken: HashMap::new(),
    };
    let peers: Vec<(PeerSettings, PeerEndpoints)> =
        config.peers.iter().filter_map(|draft| whole.peer(draft, faults)).collect();
    let (peers, endpoints): (Vec<_>, Vec<_>) = peers.into_iter().unzip();

    let settings = Settings {
        group: server.name(Key::Group).map_or("default", |(group, _)| group).to_owned(),
        name: Arc::clone(&name),
        key,
        judge_interval,
        watchdog_timeout: server.span(Key::WatchdogTimeout).map(|(span, _)| span),
        end_linger: span(server, Key::EndLinger, Duration::from_millis(200)),
        max_interval,
        packet_budget: faults.or(pacing::budget(server, &peers), u32::MAX),
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
    let plan = Plan {
        settings,
        listen,
        endpoints,
        may_leave_loopback,
        log,
        event_queue: server.count(Key::EventQueue).map_or(1024, |(count, _)| count as usize),
        resolve_interval: span(server, Key::ResolveInterval, Duration::from_secs(30)),
        twin_port: twin_port(server),
        trace_dir: faults.or(trace_dir(server), None),
        guest: guest::of(server),
        channels: channels::of(server, listen, &config.known, faults),
        defaults,
        written: Written(Arc::new(config.clone())),
    };
    faults.is_empty().then_some(plan)
}

/// The interval that a timing has, and nothing else.
fn pinned(timing: &timing::Timing) -> (Duration, Pacing) {
    (timing.heartbeat_interval, Pacing::pinned(timing.heartbeat_interval))
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
    fn peer(
        &mut self,
        draft: &'a PeerDraft,
        faults: &mut Faults,
    ) -> Option<(PeerSettings, PeerEndpoints)> {
        let (name, section, server) = (&*draft.name, &draft.section, &self.config.server);
        if name == self.name {
            faults.add(draft.fault(OWN_NAME));
        }
        let Some((endpoints, written)) = section.addresses(Key::Address) else {
            if !faults.doubts(Some(name), Key::Address) {
                faults.add(draft.fault(&self.no_address(name)));
            }
            return None;
        };
        let addresses = literals(endpoints);
        for &address in &addresses {
            if let Err(why) = is_within_reach(self.listen, self.may_leave_loopback, address) {
                faults.add(written.fault(Some(name), &why));
                // Of a key that is missing it is enough to say so once.
                self.may_leave_loopback |= why == ONLY_LOOPBACK;
            } else if let Some(other) = self.taken.insert(address, name) {
                let why = format!("{address} is the address of peer \"{other}\" already");
                faults.add(written.fault(Some(name), &why));
            }
        }
        let timing = timing::of_peer(server, self.timing, name, section);
        let timing = faults.or(timing, self.timing);
        let interval = timing.heartbeat_interval;
        let rule = rule::of_peer(server, name, section, interval, self.judge_interval);
        let rule = faults.or(rule, Rule::Adaptive);
        let paces = pacing::of(server, Some(section), &timing, self.max_interval);
        let (heartbeat_interval, pacing) = faults.or(paces, pinned(&timing));
        let flapping = flap::of_peer(server, name, section, timing.detect_within);
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
            flapping: faults.or(flapping, None),
            interrupt_on_down: section
                .flag(Key::InterruptOnDown)
                .map_or(self.defaults.interrupt_on_down, |(flag, _)| flag),
        };
        let name = Arc::clone(&draft.name);
        let endpoints = PeerEndpoints { name: Arc::clone(&name), endpoints: endpoints.to_vec() };
        Some((own.settings(name, addresses), endpoints))
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

fn own_name<'a>(config: &'a Config, faults: &mut Faults) -> &'a str {
    if let Some((name, _)) = config.server.name(Key::Name) {
        return name;
    }
    if !faults.doubts(None, Key::Name) {
        let place = config.last_file.as_ref();
        let place = place.map_or_else(String::new, |path| format!("{}: ", path.display()));
        let why = "name is missing: the name of this server, unique in its group, \
                   for example name = \"orders\"";
        faults.add(Error::new(Code::Config, format!("{place}{why}")));
    }
    ""
}

/// The key, and whether one is meant: it may be one that cannot be read.
fn key(server: &Section, faults: &mut Faults) -> (Option<Vec<u8>>, bool) {
    match (server.path(Key::SecretFile), server.secret(Key::Secret)) {
        (Some((_, file)), Some((_, key))) => {
            let why = format!("there is a key already ({}); write one of the two", key.origin);
            faults.add(file.fault(None, &why));
            (None, true)
        }
        (Some((path, setting)), None) => {
            let read = secret::read(path).map(|key| Some(key.0)).map_err(|error| {
                let why = format!("{} = {}: {}", setting.spec.name, setting.written, error.text);
                Error::new(error.code, complaint(&setting.origin, None, &why))
            });
            (faults.or(read, None), true)
        }
        (None, Some((key, _))) => (Some(key.0.clone()), true),
        (None, None) => {
            let doubtful = [Key::SecretFile, Key::Secret, Key::AllowUnauthenticated];
            (None, doubtful.into_iter().any(|key| faults.doubts(None, key)))
        }
    }
}

fn listen(server: &Section, may_leave_loopback: bool, faults: &mut Faults) -> Listen {
    let anywhere = Listen::Any(DEFAULT_PORT);
    let Some((listen, setting)) = server.listen(Key::Listen) else {
        return if may_leave_loopback || faults.doubts(None, Key::Listen) {
            anywhere
        } else {
            Listen::At(SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT)))
        };
    };
    if !is_loopback(listen) && !may_leave_loopback {
        faults.add(setting.fault(None, ONLY_LOOPBACK));
    }
    listen
}

fn is_loopback(listen: Listen) -> bool {
    matches!(listen, Listen::At(address) if address.ip().is_loopback())
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
