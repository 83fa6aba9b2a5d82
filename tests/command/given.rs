//! What a program finds when it begins.

use std::fs;
use std::os::fd::AsRawFd;

use crate::rig::{Runs, c, said, script};
use crate::support::folder::Folder;

#[test]
fn it_reads_its_event_and_has_the_environment_that_was_made_for_it_and_no_other() {
    let folder = Folder::new("command-given");
    // SAFETY: a test of this program that reads the variable does not exist.
    unsafe { std::env::set_var("PEERMON_OF_THE_HOST", "1") };
    let mut job = script(1, folder.path(), "cat > \"$0/read\"; env > \"$0/env\"; pwd");
    job.input = b"{\"kind\":\"DOWN\"}\n".to_vec();
    job.environment.push(c("PEERMON_KIND=DOWN"));
    let report = Runs::new().run(job);
    assert_eq!(fs::read_to_string(folder.join("read")).unwrap(), "{\"kind\":\"DOWN\"}\n");
    let env = fs::read_to_string(folder.join("env")).unwrap();
    assert!(env.contains("PEERMON_KIND=DOWN\n"), "{env}");
    assert!(!env.contains("OF_THE_HOST"), "{env}");
    assert_eq!(report.output, b"/\n", "it begins in the root folder");
}

#[test]
fn of_the_hosts_descriptors_it_has_none() {
    let folder = Folder::new("command-fds");
    let file = fs::File::create(folder.join("open")).unwrap();
    let mut copies = Vec::new();
    for least in [3, 100, 900] {
        // SAFETY: a copy without CLOEXEC, closed below.
        copies.push(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_DUPFD, least) });
    }
    // The shell opens the folder to read it, and has closed it when it looks.
    let list =
        said(folder.path(), "for fd in /proc/$$/fd/*; do [ -e $fd ] && echo ${fd##*/}; done; :");
    for copy in copies {
        assert!(copy > 2);
        // SAFETY: this test opened it.
        unsafe { libc::close(copy) };
    }
    assert_eq!(list.lines().collect::<Vec<_>>(), ["0", "1", "2"]);
}

#[test]
fn no_signal_is_blocked_or_ignored_whatever_the_host_does() {
    let folder = Folder::new("command-signals");
    // SAFETY: ignores a signal that nothing in this program sends.
    unsafe { libc::signal(libc::SIGUSR1, libc::SIG_IGN) };
    let status = said(folder.path(), "exec grep -E '^Sig(Blk|Ign)' /proc/self/status");
    let mut seen = 0;
    for line in status.lines() {
        let (name, set) = line.split_once(":\t").unwrap();
        assert_eq!(u64::from_str_radix(set, 16), Ok(0), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 2);
}

#[test]
fn it_has_a_session_and_a_group_of_its_own_and_is_no_child_of_the_hosts() {
    let folder = Folder::new("command-session");
    let text = "read -r stat < /proc/$$/stat; echo $$ ${stat#*) }; cat /proc/$PPID/comm";
    let stat = said(folder.path(), text);
    let (stat, keeper) = stat.split_once('\n').unwrap();
    let fields: Vec<&str> = stat.split(' ').collect();
    let [own, _, parent, group, session, terminal] = fields[..6] else { panic!("{stat}") };
    assert_eq!((group, session, terminal), (own, own, "0"));
    assert_ne!(parent, std::process::id().to_string());
    assert_eq!(keeper.trim(), "peermon-keeper");
}
