//! The descriptors of the host are its own, whatever is asked for: each host here is this test program
//! once more, because its descriptors and children are the whole process's.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use super::lab::{Host, PATIENCE, nothing, peer, until};
use super::port;
use super::support::process::Process;
use super::support::run::run;

/// Set in a host.
const PART: &str = "PEERMON_CONTROL_PART";

fn again(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
    command.env(PART, "1");
    command
}

/// What is open in this process, by number.
fn open() -> BTreeMap<i32, PathBuf> {
    let entries = fs::read_dir("/proc/self/fd").unwrap().flatten();
    entries
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            // The folder that is being read is gone by now.
            Some((number, fs::read_link(entry.path()).ok()?))
        })
        .filter(|(_, path)| !path.starts_with("/proc"))
        .collect()
}

/// Everything that can be asked for, while it runs and after it ended.
fn steer(host: &Host) {
    let address = format!("127.0.0.1:{}", port::free());
    let everything = || {
        host.get("/v1/control");
        host.done("add-peer", &json!({ "name": "stock", "address": address }));
        host.done("add-peer", &json!({ "name": "named", "address": "localhost:1" }));
        host.write(&peer("archive", port::free()));
        host.done("reload", &nothing());
        host.done("remove-peer", &json!({ "name": "stock" }));
        host.done("remove-peer", &json!({ "name": "named" }));
        host.done("log-level", &json!({ "level": "debug" }));
        host.ask("app", &json!({ "ask": "reload" }));
        host.write(&peer("billing", port::free()));
        host.done("reload", &nothing());
    };
    everything();
    host.done("pause", &nothing());
    host.done("resume", &nothing());
    host.monitor.end().unwrap();
    everything();
    host.monitor.start().unwrap();
    everything();
}

#[test]
fn a_host_that_closes_everything_gets_no_byte_of_ours_and_is_steered_all_the_same() {
    const NAME: &str = "descriptors::a_host_that_closes_everything_gets_no_byte_of_ours_and_is_steered_all_the_same";
    if std::env::var_os(PART).is_none() {
        let outcome = run(&mut again(NAME), PATIENCE * 2);
        assert!(outcome.is_success(), "{}", outcome.describe());
        assert!(outcome.stdout.contains("not a byte"), "{}", outcome.describe());
        return;
    }
    let host = Host::new("orders", &peer("billing", port::free()));
    let bell = host.monitor.event_fd().unwrap();
    host.monitor.start().unwrap();
    host.stream();
    // SAFETY: this process plays nothing but this host, and nothing of it uses what is closed here.
    unsafe {
        libc::close_range(3, u32::try_from(bell).unwrap() - 1, 0);
        libc::close_range(u32::try_from(bell).unwrap() + 1, u32::MAX, 0);
    }
    // It takes every low number for files of its own.
    let mut files: Vec<_> = (0..64)
        .map(|number| {
            let path = host.folder.join(format!("file-{number}"));
            let mut file =
                fs::File::options().create_new(true).read(true).write(true).open(&path).unwrap();
            write!(file, "mine {number}").unwrap();
            (path, file)
        })
        .collect();
    let before = open();
    steer(&host);
    assert_eq!(open(), before, "what is open in the host's table is what was");
    for (number, (path, file)) in files.iter_mut().enumerate() {
        assert_eq!(fs::read_to_string(path).unwrap(), format!("mine {number}"));
        // Nor was it read, or moved.
        assert_eq!(
            std::io::Seek::stream_position(file).unwrap(),
            5 + number.to_string().len() as u64
        );
        assert!(file.as_raw_fd() > 2);
    }
    // The events of all that have rung where the host listens.
    let mut rung = [0_u8; 8];
    // SAFETY: eight bytes of a descriptor that the monitor gave to the host.
    assert_eq!(unsafe { libc::read(bell, rung.as_mut_ptr().cast(), 8) }, 8);
    println!("not a byte");
}

#[test]
fn a_forked_child_does_not_hold_the_socket_of_a_killed_parent() {
    const NAME: &str = "descriptors::a_forked_child_does_not_hold_the_socket_of_a_killed_parent";
    if std::env::var_os(PART).is_some() {
        let host = Host::start("orders", "");
        host.stream();
        // SAFETY: the child calls nothing but what is safe after a fork.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: sleeps, and leaves without running anything of the parent's.
            unsafe {
                libc::sleep(600);
                libc::_exit(0);
            }
        }
        println!("child {child}");
        println!("folder {}", host.folder.path().display());
        std::thread::sleep(PATIENCE * 10);
        return;
    }
    let host = Process::start(&mut again(NAME));
    let value = |name: &str| loop {
        let line = host.line();
        if let Some((_, value)) = line.split_once(name) {
            return value.to_owned();
        }
    };
    let child: i32 = value("child ").parse().unwrap();
    let folder = PathBuf::from(value("folder "));
    let socket = folder.join("c");
    assert!(UnixStream::connect(&socket).is_ok());
    host.kill();
    until("nobody listens any more", || {
        let refused = UnixStream::connect(&socket).err().map(|error| error.kind());
        refused == Some(std::io::ErrorKind::ConnectionRefused)
    });
    // SAFETY: no pointers are involved; a process that this test has started.
    let lives = unsafe { libc::kill(child, 0) } == 0;
    // SAFETY: as above.
    unsafe { libc::kill(child, libc::SIGKILL) };
    let _ = fs::remove_dir_all(&folder);
    assert!(lives, "the child has outlived its parent");
}
