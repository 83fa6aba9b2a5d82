//! Servers as Debian ships them, unchanged.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use peermon::proto::event::{EventKind, Reason};

use super::rig::{Rig, Wrapped, children, is_root, send};
use super::support::run::run;
use super::support::tool;

const LIMIT: Duration = Duration::from_secs(300);

/// Redis behind the wrapper, on an address of the rig.
pub fn redis(rig: &Rig, redis: &Path, options: &[&str]) -> Command {
    let mut command = rig.wrapper(options);
    command.arg(redis).args(["--port", "6379", "--bind", &rig.address(), "--protected-mode", "no"]);
    command.args(["--supervised", "systemd", "--save", "", "--appendonly", "no", "--dir"]);
    command.arg(rig.folder.path()).arg("--logfile").arg(rig.folder.join("redis.log"));
    command
}

#[test]
fn a_redis_that_is_shut_down_has_ended_and_one_that_is_killed_is_down() {
    let (Some(server), Some(client)) = (tool::find("redis-server"), tool::find("redis-cli")) else {
        return;
    };
    let rig = Rig::new();
    let start = || Wrapped::start(&mut redis(&rig, &server, &["--ready", "notify", "--quiet"]));
    let mut running = start();
    rig.expect(EventKind::Started, Reason::None);
    let ask = |what: &[&str]| {
        run(Command::new(&client).args(["-h", &rig.address(), "-p", "6379"]).args(what), LIMIT)
    };
    assert_eq!(ask(&["ping"]).stdout.trim(), "PONG", "it is ready when the peers hear of it");
    assert!(ask(&["shutdown", "nosave"]).is_success());
    running.exits(0);
    rig.expect(EventKind::Ended, Reason::None);
    let mut running = start();
    rig.expect(EventKind::Started, Reason::None);
    let [pid] = children(running.pid())[..] else { panic!("one process") };
    send(pid, libc::SIGKILL);
    let down = rig.expect(EventKind::Down, Reason::ProcessExit);
    assert_eq!(down.detail, "killed by signal 9 (SIGKILL)");
    running.dies(libc::SIGKILL);
}

#[test]
fn a_frozen_redis_is_stalled() {
    let Some(server) = tool::find("redis-server") else { return };
    let rig = Rig::with("watchdog_timeout = \"3s\"");
    let mut running = Wrapped::start(&mut redis(&rig, &server, &["--ready", "notify", "--quiet"]));
    rig.expect(EventKind::Started, Reason::None);
    let [pid] = children(running.pid())[..] else { panic!("one process") };
    send(pid, libc::SIGSTOP);
    rig.expect(EventKind::Down, Reason::AppStalled);
    send(pid, libc::SIGCONT);
    assert_eq!(rig.next().kind, EventKind::Recovered);
    running.signal(libc::SIGTERM);
    running.exits(0);
    rig.expect(EventKind::Ended, Reason::None);
}

#[test]
fn haproxy_is_ready_reloads_and_leaves_softly() {
    // Where Debian has it, whatever the PATH of this test is.
    let usual = Some(PathBuf::from("/usr/sbin/haproxy")).filter(|path| path.is_file());
    let Some(haproxy) = usual.or_else(|| tool::find("haproxy")) else { return };
    let rig = Rig::new();
    let config = rig.folder.join("haproxy.cfg");
    let text = format!(
        "global\n    maxconn 20\ndefaults\n    mode http\n    timeout client 5s\n    timeout server 5s\n    \
         timeout connect 5s\nfrontend here\n    bind {}:8080\n    http-request return status 200\n",
        rig.address()
    );
    fs::write(&config, text).unwrap();
    let mut command = rig.wrapper(&["--ready", "notify", "--quiet"]);
    let mut running = Wrapped::start(command.arg(haproxy).args(["-Ws", "-q", "-f"]).arg(&config));
    rig.expect(EventKind::Started, Reason::None);
    let [master] = children(running.pid())[..] else { panic!("one process") };
    let workers = children(master);
    // A reload: RELOADING=1, another worker, READY=1; to the peers it is nothing.
    running.signal(libc::SIGUSR2);
    super::rig::until("another worker", || {
        let now = children(master);
        !now.is_empty() && now.iter().all(|worker| !workers.contains(worker))
    });
    running.signal(libc::SIGUSR1);
    running.exits(0);
    rig.expect(EventKind::Ended, Reason::None);
}

/// Debian's PostgreSQL, the newest one; `None`, after a line, if there is none.
fn postgres() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    folders.retain(|folder| folder.join("postgres").is_file());
    folders.sort();
    if folders.is_empty() {
        assert!(!tool::all_are_wanted(), "PostgreSQL is missing, and PEERMON_TEST_ALL=1 wants it");
        println!("skipped: there is no /usr/lib/postgresql on this machine");
    }
    folders.pop()
}

/// The number of a user of this machine, and of its group.
fn user(name: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with(&format!("{name}:")))?;
    let mut words = line.split(':').skip(2).map(|word| word.parse().unwrap());
    Some((words.next()?, words.next()?))
}

#[test]
fn postgresql_under_another_user_is_ready_when_it_says_so_and_ends_by_request() {
    let Some(bin) = postgres() else { return };
    let rig = Rig::new();
    let data = rig.folder.join("data");
    fs::create_dir(&data).unwrap();
    let mut initdb = Command::new(bin.join("initdb"));
    let mut command = rig.wrapper(&["--ready", "notify", "--quiet"]);
    if is_root() {
        // It refuses to be root. The wrapper is, and hears it all the same.
        let (uid, gid) = user("postgres").expect("Debian's package makes the user");
        chown(&data, Some(uid), Some(gid)).unwrap();
        initdb.uid(uid).gid(gid);
        command.args(["setpriv", "--reuid", &uid.to_string(), "--regid", &gid.to_string()]);
        command.args(["--clear-groups", "--"]);
    }
    // The machine may lack the locale that the environment names.
    initdb.args(["--no-locale", "--encoding=UTF8"]).env("LC_ALL", "C").env("LANG", "C");
    initdb.args(["--no-sync", "--auth", "trust", "-D"]).arg(&data).current_dir("/");
    let outcome = run(&mut initdb, LIMIT);
    assert!(outcome.is_success(), "{}", outcome.describe());
    command.arg(bin.join("postgres")).arg("-D").arg(&data).current_dir("/");
    let sockets = format!("unix_socket_directories={}", data.display());
    let listen = format!("listen_addresses={}", rig.address());
    for setting in [&listen, &sockets, "port=5432", "fsync=off", "logging_collector=on"] {
        command.args(["-c", setting]);
    }
    let mut running = Wrapped::start(&mut command);
    rig.expect(EventKind::Started, Reason::None);
    let mut ask = Command::new(bin.join("psql"));
    // The user who ran initdb.
    ask.args(is_root().then_some("--username=postgres"));
    ask.args(["-h", &rig.address(), "-Atc", "select 6*7", "postgres"]).current_dir("/");
    assert_eq!(run(&mut ask, LIMIT).stdout.trim(), "42");
    // Its fast shutdown.
    running.signal(libc::SIGINT);
    running.exits(0);
    rig.expect(EventKind::Ended, Reason::None);
}
