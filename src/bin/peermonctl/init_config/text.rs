//! What init-config writes for one server, line by line.

use std::fmt::Write as _;

use super::member::Member;

/// The file of `own`, which watches `others`.
pub fn of(own: &Member, others: &[&Member], key: &str, detect_within: &str) -> String {
    let names: Vec<&str> = others.iter().map(|other| &*other.name).collect();
    let name = &own.name;
    let mut text = format!(
        "# peermon on {name}, which watches {watched}. Written by peermonctl init-config.\n\
         # Every key there is: docs/CONFIGURATION.md. Whether this file is right, and what it means:\n\
         #     peermonctl check-config {name}.toml\n\
         #     peermonctl doctor --config {name}.toml\n\
         \n\
         # This server. The others call it by this name in their [[peer]].\n\
         name = \"{name}\"\n\
         \n\
         # Where the others reach it: UDP for heartbeats, TCP for lifelines. A firewall must let both in.\n\
         listen = \"{listen}\"\n\
         \n\
         # The key that all of them share; whoever does not have it is not heard. For this server's user\n\
         # alone (mode 0600). Paths without a / in front begin at the folder of this file.\n\
         key_file = \"{key}\"\n\
         \n\
         # From the death of a server to the verdict, at the most, where nothing tells it sooner. Longer\n\
         # where the network loses much: check-config says how often it would be wrong.\n\
         detect_within = \"{detect_within}\"\n\
         \n\
         # What must survive the death of this server itself: outages that go on, notices that nobody has\n\
         # got yet. On a disk that lasts, for example \"/var/lib/peermon/{name}.status\".\n\
         status_file = \"{name}.status\"\n\
         \n\
         # Where an administrator asks and steers it: peermonctl status --config {name}.toml, and so on.\n\
         # For root and the server's own user, unless control_users says who else.\n\
         control_socket = \"{name}.control\"\n\
         \n",
        watched = names.join(", "),
        listen = own.listen(),
    );
    let _ = write!(
        text,
        "# A page, JSON, a stream of notices and metrics, for this machine alone:\n\
         # http://127.0.0.1:{port}/\n\
         client_listen = \"127.0.0.1:{port}\"\n\
         \n\
         # Off; take the # away where you want one of them:\n\
         #watchdog_timeout = \"10s\"     # a server that hangs is DOWN: it calls monitor_app_alive at least so often\n\
         #trace_dir = \"traces\"         # records the heartbeats for peermonctl replay; the folder must exist\n\
         #twin_port = 28171            # fixes the TCP port of the second lifeline, for a strict firewall\n\
         #mail_to = [\"ops@example.net\"]   # with mail_from and mail_relay: mails of DOWN and RECOVERED\n\
         #on_event_command = [\"/usr/local/bin/page-somebody\"]   # a program that is run on events\n\
         \n\
         # Whom it watches.\n",
        port = own.client_port,
    );
    for other in others {
        let addresses: Vec<String> =
            other.addresses.iter().map(|address| format!("\"{address}\"")).collect();
        let written = match addresses.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let _ = write!(
            text,
            "[[peer]]\n\
             name = \"{}\"             # as it calls itself\n\
             address = {written}    # where it listens\n\
             \n",
            other.name
        );
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}
