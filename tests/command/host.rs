//! A host that reaps every child it can get, and one that dies: each is this test program once more,
//! because its signals and children are the whole process's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use peermon::notify::command::Outcome;

use crate::rig::{Cleared, PATIENCE, Runs, awaited, is_alive, script, until};
use crate::support::folder::Folder;
use crate::support::process::Process;
use crate::support::run::run;

/// Says which part this process plays, and in which folder.
const PART: &str = "PEERMON_TEST_PART";

fn part() -> Option<(String, PathBuf)> {
    let value = std::env::var(PART).ok()?;
    let (part, folder) = value.split_once(':')?;
    Some((part.to_owned(), folder.into()))
}

/// This program once more: the test `name` in the part `part`.
fn again(name: &str, part: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
    command.env(PART, format!("{part}:{}", folder.display()));
    command
}

static SIGCHLDS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_: libc::c_int) {
    SIGCHLDS.fetch_add(1, Ordering::Relaxed);
}

/// While a run goes on and after it: what the host's own wait finds.
fn reaps_everything(folder: &Path, ignores: bool) {
    let handler = if ignores { libc::SIG_IGN } else { count as *const () as usize };
    // SAFETY: the handler only counts; this process plays nothing but this part. Orphans fall to it,
    // as they do to the first process of a container.
    unsafe {
        libc::signal(libc::SIGCHLD, handler);
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    }
    let mut found = 0;
    let mut wait = |flags| {
        // SAFETY: no pointer is written to.
        let got = unsafe { libc::waitpid(-1, std::ptr::null_mut(), flags) };
        found += u32::from(got > 0);
        let error = std::io::Error::last_os_error().raw_os_error();
        assert!(got >= 0 || error == Some(libc::ECHILD), "{got} {error:?}");
        got
    };
    for number in 0..20 {
        let mut runs = Runs::new();
        let text = "echo x > \"$0/running\"; sleep 0.05; exit 7";
        runs.start(script(number, folder, text));
        awaited(&folder.join("running"));
        // Does not block: there is no child to wait for.
        assert_eq!(wait(0), -1, "the host has a child while the command runs");
        let report = runs.report();
        assert!(matches!(report.outcome, Outcome::Exited(7)), "{report:?}");
        while wait(libc::WNOHANG) > 0 {}
        fs::remove_file(folder.join("running")).unwrap();
    }
    // And none is left that only a special wait would find.
    assert_eq!(wait(libc::WNOHANG | libc::__WALL), -1);
    assert_eq!(found, 0);
    assert_eq!(SIGCHLDS.load(Ordering::Relaxed), 0);
    println!("saw nothing");
}

#[test]
fn neither_wait_nor_sigchld_of_the_host_notices_a_run() {
    const NAME: &str = "host::neither_wait_nor_sigchld_of_the_host_notices_a_run";
    if let Some((part, folder)) = part() {
        return reaps_everything(&folder, part == "ignores");
    }
    let folder = Folder::new("command-host");
    for part in ["counts", "ignores"] {
        let outcome = run(&mut again(NAME, part, folder.path()), PATIENCE);
        assert!(outcome.is_success(), "{part}: {}", outcome.describe());
        assert!(outcome.stdout.contains("saw nothing"), "{}", outcome.describe());
    }
}

#[test]
fn a_run_outlives_a_host_that_is_killed_and_its_keeper_does_not() {
    const NAME: &str = "host::a_run_outlives_a_host_that_is_killed_and_its_keeper_does_not";
    const RUN: &str = "echo $PPID > \"$0/keeper\"; echo $$ > \"$0/own\"; \
                       while [ ! -e \"$0/go\" ]; do sleep 0.01; done; echo done > \"$0/done\"";
    if let Some((_, folder)) = part() {
        let mut runs = Runs::new();
        runs.start(script(1, &folder, RUN));
        runs.report();
        return;
    }
    let folder = Folder::new("command-killed");
    let host = Process::start(&mut again(NAME, "dies", folder.path()));
    let keeper = awaited(&folder.join("keeper"));
    let program = Cleared(awaited(&folder.join("own")));
    assert!(is_alive(&keeper));
    host.kill();
    until("the keeper is gone", || !is_alive(&keeper));
    assert!(is_alive(&program.0));
    fs::write(folder.join("go"), "").unwrap();
    assert_eq!(awaited(&folder.join("done")), "done");
}

/// From here on this process, and what it starts, is refused the system call `number`.
fn refuse(number: libc::c_long, error: i32) {
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let is = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let give = libc::BPF_RET | libc::BPF_K;
    let number = u32::try_from(number).unwrap();
    let error = libc::SECCOMP_RET_ERRNO | u32::try_from(error).unwrap();
    let mut steps = [
        // The number is the first word that a filter sees.
        step((libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, 0, 0, 0),
        step(is as u16, 0, 1, number),
        step(give as u16, 0, 0, error),
        step(give as u16, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: steps.as_mut_ptr() };
    // SAFETY: the program lives across the calls; it concerns this process, which is a test's own.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let flags = libc::SECCOMP_FILTER_FLAG_TSYNC;
        let mode = libc::SECCOMP_SET_MODE_FILTER;
        assert_eq!(libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program), 0);
    }
}

#[test]
fn an_old_kernel_or_a_strict_filter_leaks_nothing_and_is_an_error_in_words() {
    const NAME: &str =
        "host::an_old_kernel_or_a_strict_filter_leaks_nothing_and_is_an_error_in_words";
    if let Some((part, folder)) = part() {
        // SAFETY: a copy without CLOEXEC, for the program to find if nobody closes it.
        assert!(unsafe { libc::fcntl(0, libc::F_DUPFD, 500) } >= 500);
        if part == "old" {
            refuse(libc::SYS_close_range, libc::ENOSYS);
        } else {
            refuse(libc::SYS_clone, libc::EPERM);
        }
        let list = "for fd in /proc/$$/fd/*; do [ -e $fd ] && echo ${fd##*/}; done; :";
        let report = Runs::new().run(script(1, &folder, list));
        println!("{:?} {:?}", report.outcome, String::from_utf8_lossy(&report.output));
        return;
    }
    let folder = Folder::new("command-refused");
    for (part, wanted) in
        [("old", "Exited(0) \"0\\n1\\n2\\n\""), ("strict", "NotStarted(Os { code: 1")]
    {
        let outcome = run(&mut again(NAME, part, folder.path()), PATIENCE);
        assert!(outcome.is_success(), "{part}: {}", outcome.describe());
        assert!(outcome.stdout.contains(wanted), "{part}: {}", outcome.describe());
    }
}
