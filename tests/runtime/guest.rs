//! What a host may ask for on behalf of the library's threads, and what becomes of it.

use std::sync::Arc;

use crossbeam_channel::unbounded;
use peermon::runtime::Monitor;
use peermon::status::statistics;

use super::{LONG, config, field, port, threads, threads_with, turn, until};

#[test]
fn what_the_system_refuses_is_told_once_and_the_monitor_runs_without_it() {
    let _turn = turn();
    let mut config = config("a", port::free(), &[]);
    // There is no such processor.
    config.set("cpu_affinity", "1023").unwrap();
    let a = Monitor::new(config.check().unwrap()).unwrap();
    let (sender, lines) = unbounded();
    let log = move |_: i32, text: &str| _ = sender.send(text.to_owned());
    a.on_log(2, Some(Arc::new(log))).unwrap();
    a.start().unwrap();
    let flags = a.statistics().flags;
    assert_eq!(flags & statistics::AFFINITY_REFUSED, statistics::AFFINITY_REFUSED);
    assert_eq!(flags & statistics::RUNNING, statistics::RUNNING);
    assert_eq!(flags & (statistics::PRIORITY_REFUSED | statistics::MEMORY_REFUSED), 0);
    a.close().unwrap();
    let told: Vec<String> = lines.try_iter().filter(|line| line.contains("refused")).collect();
    assert_eq!(told.len(), 1, "two threads wished for it: {told:?}");
    assert!(told[0].starts_with("cpu_affinity: refused, going on without: "), "{told:?}");
}

#[test]
fn the_threads_that_keep_time_run_where_they_are_told_to_and_no_other_does() {
    let _turn = turn();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let own = field(&status, "Cpus_allowed_list:").unwrap().to_owned();
    let allowed = |thread: &str| threads_with("Cpus_allowed_list:").get(thread).cloned();
    let first = own.split([',', '-']).next().unwrap().to_owned();
    let mut config = config("a", port::free(), &[]);
    config.set("cpu_affinity", &first).unwrap();
    let a = Monitor::new(config.check().unwrap()).unwrap();
    a.start().unwrap();
    until("five threads", || threads().len() == 5);
    for thread in ["peermon-io", "peermon-twin"] {
        until("where it is told to", || allowed(thread).as_ref() == Some(&first));
    }
    for thread in ["peermon-pump", "peermon-work", "peermon-notify"] {
        assert_eq!(allowed(thread).as_ref(), Some(&own), "{thread}");
    }
    a.close().unwrap();
}

#[test]
fn a_signal_that_the_application_does_not_catch_is_not_sent_and_that_is_said() {
    let _turn = turn();
    let mut config = config("a", port::free(), &[]);
    config.set("watchdog_timeout", "50ms").unwrap();
    // Its default would end this program.
    config.set("interrupt_signal", "SIGUSR2").unwrap();
    let a = Monitor::new(config.check().unwrap()).unwrap();
    let (sender, lines) = unbounded();
    let log = move |_: i32, text: &str| _ = sender.send(text.to_owned());
    a.on_log(2, Some(Arc::new(log))).unwrap();
    a.start().unwrap();
    for wanted in ["does not catch it yet", "interrupt APP_STALLED", "not sent"] {
        let found = |line: String| line.contains(wanted).then_some(());
        while found(lines.recv_timeout(LONG).unwrap()).is_none() {}
    }
    a.close().unwrap();
}
