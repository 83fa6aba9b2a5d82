//! The NOTIFY_SOCKET: who is heard, and what follows.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use peermon::proto::event::{EventKind, Reason};

use super::rig::{Rig, Wrapped, folder_of, is_root, send};
use super::support::tool;

#[test]
fn a_shell_script_says_that_it_is_ready_and_ends() {
    let Some(_) = tool::find("systemd-notify") else { return };
    let rig = Rig::new();
    let script = "read go; systemd-notify --ready --status=serving; echo said; read go; exit 0";
    let mut command = rig.wrapper(&["--ready", "notify"]);
    let mut server = Wrapped::start(command.args(["sh", "-c", script]));
    assert!(rig.heard_nothing());
    server.tell("go");
    server.said("said");
    rig.expect(EventKind::Started, Reason::None);
    server.tell("go");
    server.exits(0);
    rig.expect(EventKind::Ended, Reason::None);
}

#[test]
fn whoever_waits_until_its_messages_were_read_is_let_go() {
    let rig = Rig::new();
    let mut server = rig.server(&["--ready", "notify", "--quiet"]);
    server.said("started");
    server.tell("say READY=1");
    server.tell("barrier");
    server.said("barrier passed");
    rig.expect(EventKind::Started, Reason::None);
    server.tell("exit 0");
    server.exits(0);
}

#[test]
fn nothing_is_told_of_a_command_that_ends_before_it_is_ready() {
    let rig = Rig::new();
    let mut server = rig.server(&["--ready", "notify"]);
    server.said("started");
    server.tell("say STATUS=Loading");
    server.tell("exit 5");
    server.exits(5);
    assert!(rig.heard_nothing());
}

#[test]
fn a_death_is_told_with_its_signal_or_its_status() {
    let rig = Rig::new();
    for (order, detail) in
        [("kill 9", "killed by signal 9 (SIGKILL)"), ("exit 3", "exited with status 3")]
    {
        let mut server = rig.server(&["--quiet"]);
        server.said("started");
        server.tell("say READY=1");
        let begun = rig.next();
        assert!([EventKind::Started, EventKind::Recovered].contains(&begun.kind), "{begun:?}");
        server.tell(order);
        let down = rig.expect(EventKind::Down, Reason::ProcessExit);
        assert_eq!(down.detail, detail);
        server.finish();
    }
}

#[test]
fn a_crash_after_stopping_is_a_death_and_a_signal_to_itself_after_that_an_end() {
    for (order, kind) in [("kill 11", EventKind::Down), ("kill 15", EventKind::Ended)] {
        let rig = Rig::new();
        let mut server = rig.server(&["--quiet"]);
        server.said("started");
        server.tell("say READY=1");
        rig.expect(EventKind::Started, Reason::None);
        server.tell("say STOPPING=1");
        server.tell(order);
        assert_eq!(rig.next().kind, kind);
        server.finish();
    }
}

#[test]
fn the_last_word_of_a_command_counts_however_much_it_said_before() {
    let rig = Rig::new();
    for _ in 0..10 {
        let mut server = rig.server(&["--quiet"]);
        server.said("started");
        server.tell("say READY=1");
        rig.expect(EventKind::Started, Reason::None);
        server.tell("leave 15");
        // Death by a signal that nobody sent to the wrapper is an end only because of what was said.
        rig.expect(EventKind::Ended, Reason::None);
        server.dies(libc::SIGTERM);
    }
}

#[test]
fn a_stranger_is_not_heard_and_the_folder_is_gone_afterwards() {
    if !is_root() {
        println!("skipped: only root can be somebody else");
        return;
    }
    let rig = Rig::new();
    let mut server = rig.server(&["--ready", "notify", "--quiet"]);
    server.said("started");
    server.tell("env NOTIFY_SOCKET");
    let socket = server.said("env");
    // Not below the wrapper, and of a user who is nobody here.
    forge(&socket, "READY=1");
    server.tell("say STATUS=after");
    server.tell("echo done");
    server.said("echo");
    assert!(rig.heard_nothing());
    server.tell("say READY=1");
    rig.expect(EventKind::Started, Reason::None);
    server.tell("exit 0");
    server.exits(0);
    rig.expect(EventKind::Ended, Reason::None);
    assert!(!folder_of(&socket).exists());
}

/// A message from a process of this test, as user 65534; it has been sent when this returns.
fn forge(socket: &str, text: &str) {
    use std::os::unix::process::CommandExt;
    let code = "import socket, sys\n\
                s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
                s.sendto(sys.argv[2].encode(), sys.argv[1])";
    let status = std::process::Command::new("/usr/bin/python3")
        .args(["-c", code, socket, text])
        .uid(65534)
        .gid(65534)
        .current_dir("/")
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn only_the_main_process_is_heard_if_that_is_asked_for() {
    let rig = Rig::new();
    let mut server = rig.server(&["--ready", "notify", "--notify-access", "main", "--quiet"]);
    server.said("started");
    server.tell("env NOTIFY_SOCKET");
    let socket = server.said("env");
    UnixDatagram::unbound().unwrap().send_to(b"READY=1", &socket).unwrap();
    server.tell("echo done");
    server.said("echo");
    assert!(rig.heard_nothing());
    server.tell("say READY=1");
    rig.expect(EventKind::Started, Reason::None);
    server.tell("exit 0");
    server.exits(0);
}

#[test]
fn nonsense_is_named_a_few_times_and_disturbs_nothing() {
    let rig = Rig::new();
    let log = rig.folder.join("log");
    let mut command = rig.wrapper(&["--ready", "notify"]);
    command.args(super::rig::server()).stderr(std::fs::File::create(&log).unwrap());
    let mut server = Wrapped::start(&mut command);
    server.said("started");
    server.tell("env NOTIFY_SOCKET");
    let socket = server.said("env");
    let from = UnixDatagram::unbound().unwrap();
    for _ in 0..50 {
        from.send_to(b"READY=perhaps\nMAINPID=x", &socket).unwrap();
        from.send_to(&[0xff; 5000], &socket).unwrap();
        from.send_to(&[b'A'; 20_000], &socket).unwrap();
    }
    server.tell("say READY=1");
    rig.expect(EventKind::Started, Reason::None);
    server.tell("exit 0");
    server.exits(0);
    let said = std::fs::read_to_string(&log).unwrap();
    for part in ["\"READY=perhaps\": 1 is wanted", "not UTF-8", "more than 8 KiB", "not told"] {
        assert!(said.contains(part), "{part} is missing:\n{said}");
    }
    assert!(said.lines().count() < 40, "{said}");
}

#[test]
fn a_command_that_goes_into_the_background_is_followed() {
    let rig = Rig::new();
    let mut server = rig.server(&["--ready", "notify", "--quiet"]);
    server.said("started");
    server.tell("background");
    let pid: i32 = server.said("background").parse().unwrap();
    server.tell("say READY=1");
    rig.expect(EventKind::Started, Reason::None);
    server.signal(libc::SIGUSR1);
    assert_eq!(server.said("signal"), libc::SIGUSR1.to_string());
    send(pid, libc::SIGKILL);
    let down = rig.expect(EventKind::Down, Reason::ProcessExit);
    assert_eq!(down.detail, "killed by signal 9 (SIGKILL)");
    server.dies(libc::SIGKILL);
}

#[test]
fn a_process_that_is_none_of_the_command_is_not_followed() {
    let rig = Rig::new();
    let mut server = rig.server(&["--ready", "notify", "--quiet"]);
    server.said("started");
    let foreign = std::process::id();
    server.tell(&format!("say MAINPID={foreign}|READY=1"));
    rig.expect(EventKind::Started, Reason::None);
    server.signal(libc::SIGUSR1);
    assert_eq!(server.said("signal"), libc::SIGUSR1.to_string(), "it is not this process");
    server.tell("exit 0");
    server.exits(0);
    rig.expect(EventKind::Ended, Reason::None);
}

/// The socket of a service manager further out.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(rig: &Rig) -> Self {
        let path = rig.folder.join("manager");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(super::rig::PATIENCE)).unwrap();
        Self { socket, path }
    }

    fn hears(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }
}

#[test]
fn a_service_manager_further_out_hears_the_command_and_not_its_number() {
    let rig = Rig::new();
    let manager = Manager::new(&rig);
    let mut command = rig.wrapper(&["--ready", "notify", "--quiet"]);
    command.args(super::rig::server()).env("NOTIFY_SOCKET", &manager.path);
    let mut server = Wrapped::start(&mut command);
    let pid = server.said("started");
    server.tell("env NOTIFY_SOCKET");
    assert_ne!(server.said("env"), manager.path.to_str().unwrap(), "it has one of the wrapper's");
    server.tell(&format!("say MAINPID={pid}|STATUS=Loading|X_OWN=1"));
    assert_eq!(manager.hears(), "STATUS=Loading");
    server.tell("say READY=1");
    assert_eq!(manager.hears(), "READY=1");
    rig.expect(EventKind::Started, Reason::None);
    server.tell("say RELOADING=1|MONOTONIC_USEC=7");
    assert_eq!(manager.hears(), "RELOADING=1\nMONOTONIC_USEC=7");
    server.tell("say READY=1");
    assert_eq!(manager.hears(), "READY=1");
    server.tell("say STOPPING=1");
    assert_eq!(manager.hears(), "STOPPING=1");
    server.tell("exit 0");
    server.exits(0);
}

#[test]
fn the_watchdog_of_a_service_manager_is_fed_for_a_command_that_does_not_know_it() {
    let rig = Rig::new();
    let manager = Manager::new(&rig);
    let mut command = rig.wrapper(&["--ready", "now", "--quiet"]);
    command.args(super::rig::server()).env("NOTIFY_SOCKET", &manager.path);
    command.env("WATCHDOG_USEC", "2000000");
    let mut server = Wrapped::start(&mut command);
    server.said("started");
    assert_eq!(manager.hears(), "READY=1");
    for _ in 0..3 {
        assert_eq!(manager.hears(), "WATCHDOG=1");
    }
    server.tell("env WATCHDOG_USEC");
    assert_eq!(server.said("env"), "2000000");
    server.tell("exit 0");
    server.exits(0);
}

#[test]
fn readiness_is_a_connection_where_that_is_asked_for() {
    let rig = Rig::new();
    let path = rig.folder.join("listening");
    for (how, code) in [
        (
            format!("tcp:{}:6379", rig.address()),
            format!("socket.create_server(('{}', 6379))", rig.address()),
        ),
        (
            format!("unix:{}", path.display()),
            format!(
                "[s := socket.socket(socket.AF_UNIX), s.bind('{}'), s.listen()]",
                path.display()
            ),
        ),
    ] {
        let rig = Rig::new();
        let code = format!(
            "import socket\nprint('started', flush=True)\ninput()\nheld = {code}\n\
             print('listening', flush=True)\ninput()"
        );
        let mut command = rig.wrapper(&["--ready", &how, "--quiet"]);
        let mut server = Wrapped::start(command.args(["python3", "-c", &code]));
        server.said("started");
        assert!(rig.heard_nothing());
        server.tell("listen");
        server.said("listening");
        rig.expect(EventKind::Started, Reason::None);
        server.tell("go");
        server.exits(0);
        rig.expect(EventKind::Ended, Reason::None);
    }
}

#[test]
fn whoever_is_not_ready_in_time_is_stopped() {
    let rig = Rig::new();
    let mut server = rig.server(&["--ready", "notify", "--start-timeout", "500ms", "--quiet"]);
    server.exits(124);
    assert!(rig.heard_nothing());
}

#[test]
fn folders_of_killed_wrappers_are_removed_by_the_next_one() {
    let rig = Rig::new();
    let start = || {
        let server = rig.server(&["--kill-with-wrapper", "--quiet"]);
        server.said("started");
        server.tell("env NOTIFY_SOCKET");
        let socket = server.said("env");
        (server, socket)
    };
    let (mut killed, left) = start();
    killed.signal(libc::SIGKILL);
    killed.dies(libc::SIGKILL);
    let (mut next, socket) = start();
    assert!(!folder_of(&left).exists());
    next.tell("exit 0");
    next.exits(0);
    assert!(!folder_of(&socket).exists());
}
