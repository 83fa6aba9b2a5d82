//! Children of the host, and a host that is killed while they live.

use std::fs;
use std::process::Command;

use super::lab::{LIMIT, Lab};
use super::support::{artefacts, run, tool};

/// Must-have 4, with a private table: the lifelines end with the process, whatever lives on.
#[test]
fn a_killed_server_is_down_at_once_though_a_forked_child_of_it_lives() {
    let Some(lab) = Lab::new("kill.c") else { return };
    lab.passes(&["fork", "0", "private"]);
}

/// Must-have 4, for children that no fork handler hears of.
#[test]
fn a_killed_server_is_down_at_once_though_a_raw_clone_of_it_lives() {
    let Some(lab) = Lab::new("kill.c") else { return };
    lab.passes(&["clone", "0", "private"]);
}

/// Must-have 4, for a large heap: the peer knows before the kernel has freed it. The time of one
/// kill is chance on a busy machine, so two of eight have to be like that; of lifelines in the table
/// that the process shares none is. (How many are, is measured by `make detection`.)
#[test]
fn a_killed_server_with_a_large_heap_is_down_before_its_memory_is_freed() {
    let Some(lab) = Lab::new("kill.c") else { return };
    let megabytes = heap_to_try().to_string();
    let mut seen = Vec::new();
    for _ in 0..8 {
        let outcome = run::run(lab.command().args(["fork", &megabytes, "private"]), LIMIT);
        assert!(outcome.is_success() && outcome.stderr.is_empty(), "{}", outcome.describe());
        let words: Vec<&str> = outcome.stdout.split_whitespace().collect();
        let ["measured", "down_us", down, "gone_us", gone] = words[..] else {
            panic!("{}", outcome.describe());
        };
        seen.push((down.parse::<u64>().unwrap(), gone.parse::<u64>().unwrap()));
        // The freeing takes long enough to tell before from after, and is not over by half.
        if seen.iter().filter(|(down, gone)| *gone > 5_000 && down * 2 < *gone).count() == 2 {
            println!("{megabytes} MB, (down, gone) in microseconds: {seen:?}");
            return;
        }
    }
    panic!("{megabytes} MB: down only when all was freed: (down, gone) in microseconds: {seen:?}");
}

/// A gigabyte; a quarter of what is free where that is less.
fn heap_to_try() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    let line = text.lines().find(|line| line.starts_with("MemAvailable:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    (kilobytes / 1024 / 4).min(1024)
}

/// Must-have 4, with the table of the host: heartbeats tell, or that nobody answers them.
#[test]
fn in_the_hosts_table_a_killed_server_is_down_by_heartbeats_and_never_before() {
    let Some(lab) = Lab::new("kill.c") else { return };
    lab.passes(&["fork", "0", "shared"]);
    lab.passes(&["clone", "0", "shared"]);
}

/// Must-have 5.
#[test]
fn ten_thousand_children_call_every_function_and_none_hangs() {
    let Some(lab) = Lab::new("forks.c") else { return };
    lab.passes(&["10000"]);
}

/// Must-have 5: what "every function" means.
#[test]
fn the_program_of_the_children_leaves_no_function_out() {
    let Some(lab) = Lab::new("forks.c") else { return };
    lab.calls_every_export();
}

/// Must-have 5.
#[test]
fn a_server_that_becomes_a_daemon_between_init_and_start_is_watched() {
    let Some(lab) = Lab::new("rearm.c") else { return };
    lab.passes(&["daemon"]);
}

/// Must-have 5.
#[test]
fn a_child_that_starts_its_killed_parents_monitor_is_a_new_incarnation() {
    let Some(lab) = Lab::new("rearm.c") else { return };
    lab.passes(&["killed"]);
}

/// Must-have 6.
#[test]
fn an_executed_program_inherits_no_descriptor() {
    let Some(lab) = Lab::new("exec.c") else { return };
    lab.passes(&["private"]);
    lab.passes(&["shared"]);
}

/// Must-have 6. The host replaces libc's functions, so only without a sanitiser or valgrind.
#[test]
fn the_fork_handlers_allocate_nothing_and_say_nothing() {
    let Some(lab) = Lab::new("handler.c") else { return };
    lab.passes(&["private"]);
    lab.passes(&["shared"]);
}

/// What the test above relies on: the library reaches the allocator through libc's names.
#[test]
fn the_library_asks_for_memory_through_names_that_a_host_can_replace() {
    let Some(nm) = tool::find("nm") else { return };
    let outcome = run::run(Command::new(nm).arg("-D").arg(artefacts::shared()), LIMIT);
    let undefined = |name: &str| {
        outcome.stdout.lines().any(|line| {
            let line = line.split('@').next().unwrap_or_default();
            line.trim_start().strip_prefix("U ") == Some(name)
        })
    };
    for name in ["malloc", "calloc", "realloc", "posix_memalign", "free"] {
        assert!(undefined(name), "{name}");
    }
}
