//! Debian's memcached, as its users start it: a daemon under another user.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use peermon::proto::event::{EventKind, Reason};

use super::lab::{Lab, PATIENCE, Stranger, is_alive, threads, until};
use super::support::{run, tool};

/// Starts `memcached -d` by `command`, which has its environment already; returns when it serves.
fn start(lab: &Lab, mut command: Command) -> Stranger {
    let (pid_file, socket) = (lab.folder.join("pid"), lab.folder.join("socket"));
    let _ = fs::remove_file(&pid_file);
    let _ = fs::remove_file(&socket);
    command.args(["-d", "-m", "16", "-t", "2", "-a", "0777"]);
    command.arg("-P").arg(&pid_file).arg("-s").arg(&socket);
    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } == 0 {
        command.args(["-u", "nobody"]);
    }
    let outcome = run::run(&mut command, PATIENCE);
    assert!(outcome.is_success() && outcome.is_silent(), "{}", outcome.describe());
    let mut process = None;
    until("memcached says its number", || {
        process = fs::read_to_string(&pid_file).ok().and_then(|text| text.trim().parse().ok());
        process.is_some()
    });
    let daemon = Stranger(process.unwrap());
    until("memcached listens", || UnixStream::connect(&socket).is_ok());
    daemon
}

/// It keeps what it is given.
fn serves(lab: &Lab) {
    let mut connection = UnixStream::connect(lab.folder.join("socket")).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answers = BufReader::new(connection.try_clone().unwrap()).lines();
    connection.write_all(b"set colour 0 0 4\r\nblue\r\nget colour\r\n").unwrap();
    let said: Vec<_> = (0..4).map(|_| answers.next().unwrap().unwrap()).collect();
    assert_eq!(said, ["STORED", "VALUE colour 0 4", "blue", "END"]);
}

#[test]
fn a_daemon_that_cannot_be_changed_is_seen_to_start_to_crash_and_to_end() {
    let Some(memcached) = tool::find("memcached") else { return };
    let Some(lab) = Lab::new() else { return };
    let daemon = start(&lab, lab.command(&memcached));
    lab.expect(EventKind::Started, Reason::None);
    serves(&lab);
    assert!(threads(daemon.0) >= 5, "{}", lab.log());
    lab.await_lifelines();
    daemon.signal(libc::SIGKILL);
    lab.expect(EventKind::Down, Reason::ProcessExit);

    let daemon = start(&lab, lab.command(&memcached));
    lab.expect(EventKind::Recovered, Reason::Restarted);
    serves(&lab);
    daemon.signal(libc::SIGTERM);
    lab.expect(EventKind::Ended, Reason::None);
    until("it has ended", || !is_alive(daemon.0));
    assert!(lab.log().contains("memcached["), "{}", lab.log());
}

#[test]
fn a_program_that_is_not_named_gets_no_thread_and_says_nothing() {
    let Some(memcached) = tool::find("memcached") else { return };
    let Some(lab) = Lab::new() else { return };
    for programs in [None, Some(""), Some("memcache,memcachedd,cached"), Some("Memcached")] {
        let mut command = lab.command(&memcached);
        match programs {
            Some(programs) => command.env("PEERMON_PRELOAD_PROGRAMS", programs),
            None => command.env_remove("PEERMON_PRELOAD_PROGRAMS"),
        };
        let daemon = start(&lab, command);
        serves(&lab);
        assert_eq!(threads(daemon.0), 0, "{programs:?}");
        let maps = fs::read_to_string(format!("/proc/{}/maps", daemon.0)).unwrap_or_default();
        assert!(!maps.contains("/libpeermon.so"), "it is not even loaded: {programs:?}");
    }
    assert_eq!(lab.log(), "");
    assert!(!lab.has_news());
}

#[test]
fn whatever_is_wrong_the_program_serves_and_the_log_says_what() {
    let Some(memcached) = tool::find("memcached") else { return };
    let Some(lab) = Lab::new() else { return };
    let sound = fs::read_to_string(lab.configuration()).unwrap();
    let harmless = |change: &dyn Fn(&mut Command), wanted: &str| {
        let before = lab.log().len();
        let mut command = lab.command(&memcached);
        change(&mut command);
        let daemon = start(&lab, command);
        serves(&lab);
        assert_eq!(threads(daemon.0), 0, "{wanted}");
        until(wanted, || lab.log()[before..].contains(wanted));
    };
    let config = |path: &str| {
        let path = path.to_owned();
        move |command: &mut Command| _ = command.env("PEERMON_CONFIG", &path)
    };
    harmless(&|command| _ = command.env_remove("PEERMON_CONFIG"), "PEERMON_CONFIG names no");
    harmless(&config("/nonexistent/cache.toml"), "/nonexistent/cache.toml");
    // One that cannot be loaded, whatever is installed on this machine.
    let broken = lab.folder.join("broken");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("libpeermon.so.0"), "").unwrap();
    harmless(&|command| _ = command.env("LD_LIBRARY_PATH", &broken), "libpeermon.so.0: ");
    harmless(&|command| _ = command.env("PEERMON_PRELOAD_WATCHDOG", "5s"), "WATCHDOG=5s: write");
    lab.configure("name = \"cache\"\nlisten = 5\n");
    harmless(&|_| (), "cache.toml:2");
    lab.configure(&format!("watchdog_timeout = \"1s\"\n{sound}"));
    harmless(&|_| (), "instead of watchdog_timeout set PEERMON_PRELOAD_WATCHDOG");
    // Not what the file says but the machine: somebody else has the port.
    lab.configure(&sound);
    let _taken = std::net::UdpSocket::bind(("127.0.0.1", lab.port())).unwrap();
    harmless(&|_| (), "the monitor does not start: ");
    assert!(!lab.has_news());
}

#[test]
fn where_the_log_cannot_be_written_the_program_serves_all_the_same() {
    let Some(memcached) = tool::find("memcached") else { return };
    let Some(lab) = Lab::new() else { return };
    for log in [Path::new("/nonexistent/log"), lab.folder.path()] {
        let mut command = lab.command(&memcached);
        command.env("PEERMON_PRELOAD_LOG", log).env("PEERMON_CONFIG", "/nonexistent/cache.toml");
        let _daemon = start(&lab, command);
        serves(&lab);
    }
}
