//! What is allowed and yet seldom meant.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use peermon::config::plan::{Endpoint, Listen, Plan};

use super::meaning::{LOSSES, Meaning, count};
use super::written::Written;
use crate::findings::Findings;
use crate::units;

/// Less margin than this is used up by a busy scheduler.
const SHORT_MARGIN: Duration = Duration::from_millis(100);
/// More false alarms in 30 days at one lost heartbeat in a hundred make people look away.
const MANY: f64 = 1.0;

/// Warns of it.
pub fn look(file: &Path, written: &Written, plan: &Plan, peers: &[Meaning], to: &mut Findings) {
    secrets(file, written, to);
    doors(plan, to);
    who(plan, to);
    for peer in peers {
        timing(peer, to);
    }
    if plan.channels.status_file.is_none() {
        to.warning(
            "status_file",
            "Without one, an outage is forgotten when this server dies: its RECOVERED is then never told.",
            "Write status_file = \"/var/lib/peermon/NAME.status\", in a folder that exists.",
        );
    }
}

/// Who can read the key.
pub fn secrets(file: &Path, written: &Written, to: &mut Findings) {
    let secret = match (&written.key_file, written.key_inside) {
        (Some(path), _) => path.as_path(),
        (None, true) => file,
        (None, false) => return,
    };
    let Ok(metadata) = fs::metadata(secret) else { return };
    let mode = metadata.permissions().mode() & 0o777;
    let shown = secret.display();
    if mode & 0o007 != 0 {
        to.warning(
            "key file",
            format!("Everybody on this machine can read the key: {shown} has mode {mode:04o}."),
            format!("chmod 600 {shown}, and make a new key if somebody may have read this one."),
        );
    } else if mode & 0o070 != 0 {
        to.warning(
            "key file",
            format!("The group {} can read the key: {shown} has mode {mode:04o}.", metadata.gid()),
            format!("chmod 600 {shown}, unless the server's user needs that group to read it."),
        );
    }
}

/// Who gets in.
fn doors(plan: &Plan, to: &mut Findings) {
    if plan.settings.key.is_none() && plan.may_leave_loopback {
        to.warning(
            "allow_unauthenticated",
            "Anybody on this network can speak in the name of a server, and end or revive it here.",
            "Give every server of the group the same key_file (peermonctl keygen makes one).",
        );
    }
    let Some(client) = &plan.channels.client else { return };
    let far = |listen: Listen| !matches!(listen, Listen::At(at) if at.ip().is_loopback());
    if client.listen.is_some_and(far) && client.token.is_none() {
        to.warning(
            "client_listen",
            "Anybody on this network can read the state of all servers: the port is open without a token.",
            "Write client_token_file, or a loopback address such as \"127.0.0.1:28180\".",
        );
    } else if client.listen.is_some_and(far) && client.tls.is_none() {
        to.warning(
            "client_listen",
            "The token crosses the network in the clear.",
            "Write client_tls_certificate and client_tls_key, or a loopback address.",
        );
    }
}

/// Names and places that are seldom meant.
fn who(plan: &Plan, to: &mut Findings) {
    if plan.endpoints.is_empty() {
        to.warning(
            "peers",
            "This server watches nobody, and nobody's datagrams are taken.",
            "Write a [[peer]] with name and address for each server that it shall watch.",
        );
    }
    let loopback = matches!(plan.listen, Listen::At(at) if at.ip().is_loopback());
    for (at, peer) in plan.endpoints.iter().enumerate() {
        let (earlier, _) = plan.endpoints.split_at(at);
        let own = &plan.settings.name;
        let names = earlier.iter().map(|other| &other.name).chain([own]);
        if let Some(other) = names.into_iter().find(|other| other.eq_ignore_ascii_case(&peer.name))
        {
            to.warning(
                &peer.name,
                format!("Its name differs from \"{other}\" only in capital letters; they are two servers."),
                "Write both as the servers call themselves, and better more different.",
            );
        }
        let hosts = |endpoint: &&Endpoint| matches!(endpoint, Endpoint::Host(..));
        for host in peer.endpoints.iter().filter(hosts) {
            if let Some(other) = earlier.iter().find(|other| other.endpoints.contains(host)) {
                to.warning(
                    &peer.name,
                    format!("{host} is the address of \"{}\" too.", other.name),
                    "Each server has an address and a port of its own.",
                );
            }
            if loopback {
                to.warning(
                    &peer.name,
                    format!("This server listens on the loopback alone, and {host} is probably elsewhere."),
                    "Write listen = \":28170\", or the address by which the peers reach this server.",
                );
            }
        }
    }
}

/// Numbers that lead to false alarms.
fn timing(peer: &Meaning, to: &mut Findings) {
    let show = |span: Duration| units::show(span.as_secs_f64() * 1e9);
    if peer.unmet {
        to.warning(
            &peer.name,
            format!(
                "Its detection time is three heartbeats, {}: what detect_within asks for is less than its \
                 interval of {} allows.",
                show(peer.detection),
                show(peer.interval)
            ),
            "Write a longer detect_within, or a shorter heartbeat_interval.",
        );
    }
    if peer.margin < SHORT_MARGIN {
        to.warning(
            &peer.name,
            format!(
                "A heartbeat may be {} late: a busy machine or a pause of a virtual one takes longer.",
                show(peer.margin)
            ),
            "Write a longer detect_within; a killed process is known at once by its lifelines all the same.",
        );
    }
    let [_, at_one_percent, _] = peer.alarms;
    if at_one_percent.is_some_and(|alarms| alarms > MANY) {
        to.warning(
            &peer.name,
            format!(
                "Where one heartbeat in {:.0} is lost, {} false alarms are to be expected in 30 days.",
                1.0 / LOSSES[1],
                count(at_one_percent)
            ),
            "Write a longer detect_within, or a shorter heartbeat_interval.",
        );
    }
}
