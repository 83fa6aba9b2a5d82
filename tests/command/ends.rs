//! How runs end.

use std::time::{Duration, Instant};

use peermon::notify::command::{Outcome, Spawner};

use crate::rig::{Cleared, PATIENCE, Runs, awaited, c, is_alive, script, until};
use crate::support::folder::Folder;

#[test]
fn the_status_and_the_signal_of_a_program_are_known() {
    let folder = Folder::new("command-status");
    let mut runs = Runs::new();
    let ended = runs.run(script(1, folder.path(), "exit 7")).outcome;
    assert!(matches!(ended, Outcome::Exited(7)), "{ended:?}");
    let ended = runs.run(script(2, folder.path(), "kill -9 $$")).outcome;
    assert!(matches!(ended, Outcome::Signalled(9)), "{ended:?}");
    let ended = runs.run(script(3, folder.path(), "kill -SEGV $$")).outcome;
    assert!(matches!(ended, Outcome::Signalled(11)), "{ended:?}");
}

#[test]
fn what_cannot_be_started_says_why() {
    let folder = Folder::new("command-vanished");
    let program = folder.join("tell");
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    let mut runs = Runs::new();
    let mut why = |job| match runs.run(job).outcome {
        Outcome::NotStarted(error) => error.raw_os_error(),
        other => panic!("{other:?}"),
    };
    let mut job = script(1, folder.path(), "");
    job.argv = vec![c(program.to_str().unwrap())];
    assert_eq!(why(job.clone()), Some(libc::EACCES));
    std::fs::remove_file(&program).unwrap();
    assert_eq!(why(job.clone()), Some(libc::ENOENT));
    job.argv = vec![c("/bin/sh"), c("x".repeat(200 * 1024))];
    assert_eq!(why(job), Some(libc::E2BIG));
}

#[test]
fn of_a_program_that_talks_without_end_the_beginning_is_kept_and_it_is_not_held_up() {
    let folder = Folder::new("command-output");
    let text = "echo first; head -c 3000000 /dev/zero; head -c 1000000 /dev/zero >&2";
    let report = Runs::new().run(script(1, folder.path(), text));
    assert!(matches!(report.outcome, Outcome::Exited(0)), "{:?}", report.outcome);
    assert!(report.output.starts_with(b"first\n"));
    assert_eq!(report.output.len() as u64 + report.dropped, 4_000_006);
    assert_eq!(report.output.len(), 4096);
}

#[test]
fn after_its_time_a_run_is_ended_with_everything_in_its_group() {
    let folder = Folder::new("command-timeout");
    // Neither listens to SIGTERM, and the inner one would outlive the outer one.
    let text = "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > \"$0/inner\"; while :; do sleep 1; done' \
                \"$0\" & echo $$ > \"$0/outer\"; while :; do sleep 1; done";
    let mut job = script(1, folder.path(), text);
    job.timeout = Duration::from_secs(2);
    let mut runs = Runs::new();
    runs.start(job);
    let inner = Cleared(awaited(&folder.join("inner")));
    let outer = Cleared(awaited(&folder.join("outer")));
    assert!(is_alive(&inner.0) && is_alive(&outer.0));
    let report = runs.report();
    assert!(matches!(report.outcome, Outcome::TimedOut), "{:?}", report.outcome);
    assert!(report.took >= Duration::from_secs(4), "SIGTERM came first: {:?}", report.took);
    until("both are gone", || !is_alive(&inner.0) && !is_alive(&outer.0));
}

#[test]
fn what_does_not_listen_to_sigterm_goes_with_the_program_that_does() {
    let folder = Folder::new("command-group");
    let text = "sh -c 'trap \"\" TERM; echo $$ > \"$0/inner\"; while :; do sleep 1; done' \"$0\"";
    let mut job = script(1, folder.path(), &format!("{text}; :"));
    job.timeout = Duration::from_secs(1);
    let mut runs = Runs::new();
    runs.start(job);
    let inner = Cleared(awaited(&folder.join("inner")));
    let report = runs.report();
    assert!(matches!(report.outcome, Outcome::TimedOut), "{:?}", report.outcome);
    assert!(report.took < Duration::from_millis(2500), "nobody waits for it: {:?}", report.took);
    until("it is gone", || !is_alive(&inner.0));
}

#[test]
fn a_program_that_listens_to_sigterm_ends_by_itself_even_if_it_was_stopped() {
    let folder = Folder::new("command-term");
    let text = "trap 'echo ended; exit 0' TERM; echo $$ > \"$0/own\"; kill -STOP $$; while :; do sleep 1; done";
    let mut job = script(1, folder.path(), text);
    job.timeout = Duration::from_millis(500);
    let report = Runs::new().run(job);
    assert!(matches!(report.outcome, Outcome::TimedOut), "{:?}", report.outcome);
    assert_eq!(report.output, b"ended\n");
}

#[test]
fn what_a_program_leaves_behind_does_not_hold_its_run() {
    let folder = Folder::new("command-daemon");
    let text = "echo said; sleep 1000 & echo $! > \"$0/daemon\"";
    let begun = Instant::now();
    let report = Runs::new().run(script(1, folder.path(), text));
    let daemon = Cleared(awaited(&folder.join("daemon")));
    assert!(matches!(report.outcome, Outcome::Exited(0)), "{:?}", report.outcome);
    assert_eq!(report.output, b"said\n");
    assert!(begun.elapsed() < PATIENCE);
    assert!(is_alive(&daemon.0), "and is its own business");
}

#[test]
fn what_runs_when_the_monitor_closes_goes_on_alone() {
    let folder = Folder::new("command-left");
    let text = "echo $PPID > \"$0/keeper\"; while [ ! -e \"$0/go\" ]; do sleep 0.01; done; \
                echo done > \"$0/done\"";
    let mut runs = Runs::new();
    runs.start(script(1, folder.path(), text));
    let keeper = awaited(&folder.join("keeper"));
    assert!(is_alive(&keeper));
    runs.programs.leave();
    let report = runs.report();
    assert!(matches!(report.outcome, Outcome::Left), "{:?}", report.outcome);
    assert!(!std::path::Path::new(&format!("/proc/{keeper}")).exists(), "nothing of ours stays");
    std::fs::write(folder.join("go"), "").unwrap();
    assert_eq!(awaited(&folder.join("done")), "done");
}

#[test]
fn what_goes_on_alone_is_ended_by_what_it_writes_unless_it_is_prepared() {
    let folder = Folder::new("command-unheard");
    let text = "while [ ! -e \"$0/go\" ]; do sleep 0.01; done; ";
    let rash = format!("echo $$ > \"$0/rash\"; {text} echo said; echo done > \"$0/rash-done\"");
    let prepared =
        format!("trap '' PIPE; echo $$ > \"$0/ready\"; {text} echo said; echo > \"$0/done\"");
    let mut runs = Runs::new();
    runs.start(script(1, folder.path(), &rash));
    runs.start(script(2, folder.path(), &prepared));
    let rash = Cleared(awaited(&folder.join("rash")));
    let _prepared = Cleared(awaited(&folder.join("ready")));
    runs.programs.leave();
    std::fs::write(folder.join("go"), "").unwrap();
    until("the prepared one is done", || folder.join("done").exists());
    until("the other one is gone", || !is_alive(&rash.0));
    assert!(!folder.join("rash-done").exists());
}

#[test]
fn a_keeper_that_somebody_kills_is_noticed() {
    let folder = Folder::new("command-lost");
    let text = "echo $$ > \"$0/own\"; kill -9 $PPID; exec sleep 1000";
    let report = Runs::new().run(script(1, folder.path(), text));
    let _program = Cleared(awaited(&folder.join("own")));
    assert!(matches!(report.outcome, Outcome::Unknown), "{:?}", report.outcome);
}

#[test]
fn a_keeper_that_is_killed_before_it_can_say_that_the_program_runs_makes_it_no_program_that_never_ran()
 {
    let folder = Folder::new("command-lost-early");
    let mut runs = Runs::new();
    for round in 0..100 {
        let report = runs.run(script(round, folder.path(), "kill -9 $PPID"));
        // Where it comes late, the keeper has even told the end.
        let told = matches!(report.outcome, Outcome::Unknown | Outcome::Exited(0));
        assert!(told, "round {round}: {:?}", report.outcome);
    }
}

#[test]
fn many_at_once_all_end_and_are_told_apart() {
    let folder = Folder::new("command-many");
    let mut runs = Runs::new();
    for round in 0..5 {
        for number in 0..20 {
            runs.start(script(round * 100 + number, folder.path(), &format!("exit {number}")));
        }
        for _ in 0..20 {
            let report = runs.report();
            let wanted = i32::try_from(report.ticket % 100).unwrap();
            let right = matches!(report.outcome, Outcome::Exited(status) if status == wanted);
            assert!(right, "{report:?}");
        }
    }
}
