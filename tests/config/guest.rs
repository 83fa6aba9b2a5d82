//! How the library behaves inside of the host's process.

use peermon::config::plan::{Guest, LockMemory, RealTime};

use super::*;

#[test]
fn unless_it_is_written_nothing_is_asked_of_the_system() {
    let guest = plan("name = \"orders\"").guest;
    assert_eq!(
        guest,
        Guest {
            callback_budget: Some(Duration::from_secs(1)),
            interrupt_signal: None,
            real_time: RealTime { priority: 0, cores: vec![], memory: LockMemory::Off },
        }
    );
}

#[test]
fn every_wish_reaches_the_plan() {
    let text = "name = \"orders\"\ncallback_budget = \"100ms\"\ninterrupt_signal = \"SIGUSR2\"\n\
                thread_priority = 10\ncpu_affinity = \"0,2-3\"\nlock_memory = \"library\"\n";
    let guest = plan(text).guest;
    assert_eq!(guest.callback_budget, Some(ms(100)));
    assert_eq!(guest.interrupt_signal, Some("SIGUSR2"));
    let wishes = RealTime { priority: 10, cores: vec![0, 2, 3], memory: LockMemory::Library };
    assert_eq!(guest.real_time, wishes);
    let all =
        plan("name = \"orders\"\nlock_memory = \"process\"\ncallback_budget = \"0s\"\n").guest;
    assert_eq!((all.real_time.memory, all.callback_budget), (LockMemory::Process, None));
}

#[test]
fn a_peer_may_interrupt_and_others_not() {
    let peer = |server: &str, peer: &str| plan(&pair(server, peer)).settings.peers.remove(0);
    assert!(!peer("", "").interrupt_on_down);
    assert!(peer("interrupt_on_down = true", "").interrupt_on_down);
    assert!(peer("", "interrupt_on_down = true").interrupt_on_down);
    assert!(!peer("interrupt_on_down = true", "interrupt_on_down = false").interrupt_on_down);
    let plan = plan(&pair("interrupt_on_down = true", ""));
    let (added, _) = peer_settings(&plan, "x", &parse_endpoints("10.0.0.9").unwrap()).unwrap();
    assert!(added.interrupt_on_down);
}

#[test]
fn a_wrong_wish_is_named_with_what_would_be_right() {
    let rows = [
        (
            "interrupt_signal = \"SIGKILL\"",
            "orders.toml:2: interrupt_signal = \"SIGKILL\": write one of \"SIGHUP\", \"SIGINT\", \
             \"SIGUSR1\", \"SIGUSR2\", \"SIGALRM\", \"SIGTERM\", \"SIGURG\", \"SIGIO\", \"SIGWINCH\"",
        ),
        (
            "cpu_affinity = \"0-\"",
            "orders.toml:2: cpu_affinity = \"0-\": write the numbers of processors, for example \
             \"0,2-3\"; the largest is 1023",
        ),
        (
            "thread_priority = 100",
            "orders.toml:2: thread_priority = 100: out of range: at least 0 and at most 99",
        ),
        (
            "lock_memory = true",
            "orders.toml:2: lock_memory = true: write a string in quotation marks, not true or false",
        ),
    ];
    for (line, text) in rows {
        let error = loaded(&format!("name = \"orders\"\n{line}\n")).unwrap_err();
        assert_eq!((error.code, &*error.text), (Code::Config, text));
    }
}
