//! What the machine does with what happened, run by run.

use std::time::Duration;

use signal_hook::consts::*;

use super::*;
use crate::run::message::parse;
use crate::run::policy::Restart;

const SECOND: u64 = 1000;

fn policy() -> Policy {
    Policy {
        ready: Ready::Notify,
        start_timeout: Duration::from_secs(90),
        stop_timeout: Duration::from_secs(10),
        restart: Restart::No,
        restart_delay: (Duration::from_millis(100), Duration::from_secs(30)),
        restart_limit: None,
        stay: false,
        on_stall: OnStall::Nothing,
        reload_signal: SIGHUP,
        watchdog: None,
        outer_watchdog: None,
        require_watchdog: false,
    }
}

/// A machine, and what it said, without notes and without what goes to a service manager.
struct Run(Machine);

impl Run {
    /// Started.
    fn new(policy: Policy) -> Self {
        let mut run = Self(Machine::new(policy));
        assert_eq!(run.does(), [Do::Spawn]);
        assert_eq!(run.at(0, Input::Begun), []);
        run
    }

    /// Started, ready, and the peers know.
    fn ready(policy: Policy) -> Self {
        let mut run = Self(Machine::new(Policy { ready: Ready::Now, ..policy }));
        assert_eq!(run.does(), [Do::Spawn]);
        let done = run.at(0, Input::Begun);
        assert_eq!(done.first(), Some(&Do::Begin));
        run
    }

    fn at(&mut self, millis: u64, input: Input) -> Vec<Do> {
        self.0.handle(Duration::from_millis(millis), input);
        self.does()
    }

    fn says(&mut self, millis: u64, text: &str) -> Vec<Do> {
        self.0.hear(Duration::from_millis(millis), &parse(text.as_bytes()).words);
        self.does()
    }

    fn does(&mut self) -> Vec<Do> {
        let mut done = self.0.take();
        done.retain(|done| !matches!(done, Do::Note(..) | Do::Tell(_)));
        done
    }

    fn told(&mut self) -> Vec<String> {
        let told = self.0.take().into_iter();
        told.filter_map(|done| if let Do::Tell(text) = done { Some(text) } else { None }).collect()
    }

    fn deadline(&self) -> Option<u64> {
        self.0.deadline().map(|at| u64::try_from(at.as_millis()).unwrap())
    }
}

fn ended(outcome: Outcome) -> Input {
    Input::Ended { outcome, is_last: true }
}

const KILLED: Input = Input::Ended { outcome: Outcome::Signal(SIGKILL), is_last: true };

#[test]
fn the_peers_hear_nothing_before_the_command_is_ready() {
    let mut run = Run::new(policy());
    assert_eq!(run.says(10, "STATUS=Loading\nWATCHDOG=1"), []);
    assert_eq!(run.says(20, "READY=1"), [Do::Begin]);
    assert_eq!(run.says(30, "READY=1"), []);
    let mut run = Run::new(policy());
    assert_eq!(run.at(10, ended(Outcome::Code(7))), [Do::Exit(Verdict::Code(7))]);
}

#[test]
fn a_command_that_says_nothing_is_ready_after_a_while_and_one_that_speaks_when_it_says_so() {
    let auto = || Policy { ready: Ready::Auto, ..policy() };
    let mut run = Run::new(auto());
    assert_eq!(run.deadline(), Some(2 * SECOND));
    assert_eq!(run.at(2 * SECOND, Input::Time), [Do::Begin]);
    let mut run = Run::new(auto());
    assert_eq!(run.says(10, "STATUS=Loading"), []);
    assert_eq!(run.deadline(), Some(90 * SECOND));
    assert_eq!(run.at(3 * SECOND, Input::Time), []);
    assert_eq!(run.says(4 * SECOND, "READY=1"), [Do::Begin]);
}

#[test]
fn readiness_by_delay_and_by_connection() {
    let ready = Ready::Delay(Duration::from_secs(3));
    let mut run = Run::new(Policy { ready, ..policy() });
    assert_eq!(run.says(1, "READY=1"), []);
    assert_eq!(run.at(2999, Input::Time), []);
    assert_eq!(run.at(3000, Input::Time), [Do::Begin]);
    let mut run = Run::new(Policy { ready: Ready::Probe, ..policy() });
    assert_eq!(run.says(1, "READY=1"), []);
    assert_eq!(run.at(5, Input::Answers), [Do::Begin]);
    assert_eq!(run.at(6, Input::Answers), []);
}

#[test]
fn a_command_that_is_not_ready_in_time_is_stopped_and_then_killed() {
    let mut run = Run::new(policy());
    assert_eq!(run.says(89 * SECOND, "EXTEND_TIMEOUT_USEC=5000000"), []);
    assert_eq!(run.at(93 * SECOND, Input::Time), []);
    assert_eq!(run.at(94 * SECOND, Input::Time), [Do::Signal(SIGTERM), Do::Signal(SIGCONT)]);
    assert_eq!(run.says(95 * SECOND, "READY=1"), [], "too late");
    assert_eq!(run.deadline(), Some(104 * SECOND));
    assert_eq!(run.at(104 * SECOND, Input::Time), [Do::Signal(SIGKILL)]);
    assert_eq!(run.at(105 * SECOND, KILLED), [Do::Exit(Verdict::Code(NOT_READY))]);
}

#[test]
fn a_status_of_zero_is_an_end_and_anything_else_a_death() {
    let end = |outcome| Run::ready(policy()).at(10, ended(outcome));
    let by = Verdict::Signal;
    assert_eq!(end(Outcome::Code(0)), [Do::End, Do::Exit(Verdict::Code(0))]);
    let died = |text: &str| Do::Died(text.to_owned());
    assert_eq!(end(Outcome::Code(3)), [died("exited with status 3"), Do::Exit(Verdict::Code(3))]);
    assert_eq!(
        end(Outcome::Signal(SIGKILL)),
        [died("killed by signal 9 (SIGKILL)"), Do::Exit(by(SIGKILL))]
    );
    // Nobody told the wrapper that it should; who sent it may be about to.
    let mut run = Run::ready(policy());
    assert_eq!(run.at(10, ended(Outcome::Signal(SIGTERM))), []);
    assert_eq!(run.deadline(), Some(210));
    assert_eq!(
        run.at(210, Input::Time),
        [died("killed by signal 15 (SIGTERM)"), Do::Exit(by(SIGTERM))]
    );
}

#[test]
fn a_signal_to_a_group_may_end_the_command_before_it_reaches_the_wrapper() {
    for from in [Origin::Outside, Origin::Kernel] {
        let mut run = Run::ready(policy());
        run.at(10, ended(Outcome::Signal(SIGINT)));
        assert_eq!(run.at(20, Input::Received(SIGWINCH, from)), []);
        let done = run.at(30, Input::Received(SIGINT, from));
        assert_eq!(done, [Do::End, Do::Exit(Verdict::Signal(SIGINT))]);
    }
}

#[test]
fn a_death_by_the_signal_that_asked_for_it_is_an_end() {
    for from in [Origin::Outside, Origin::Kernel] {
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            let mut run = Run::ready(policy());
            let forwarded = run.at(5, Input::Received(signal, from));
            let expected: &[Do] = if from == Origin::Outside { &[Do::Signal(signal)] } else { &[] };
            assert_eq!(forwarded, expected);
            let done = run.at(10, ended(Outcome::Signal(signal)));
            assert_eq!(done, [Do::End, Do::Exit(Verdict::Signal(signal))]);
        }
    }
    let mut run = Run::ready(policy());
    run.at(5, Input::Received(SIGTERM, Origin::Outside));
    let done = run.at(10, ended(Outcome::Code(143)));
    assert_eq!(done, [Do::End, Do::Exit(Verdict::Code(143))]);
    let mut run = Run::ready(policy());
    assert_eq!(run.says(5, "STOPPING=1"), []);
    let done = run.at(10, ended(Outcome::Signal(SIGTERM)));
    assert_eq!(done, [Do::End, Do::Exit(Verdict::Signal(SIGTERM))]);
}

#[test]
fn a_crash_is_a_death_also_while_the_command_stops() {
    let mut run = Run::ready(policy());
    run.says(5, "STOPPING=1");
    run.at(6, Input::Received(SIGTERM, Origin::Outside));
    let done = run.at(10, ended(Outcome::Signal(SIGSEGV)));
    assert_eq!(done[0], Do::Died("killed by signal 11 (SIGSEGV)".to_owned()));
}

#[test]
fn a_signal_of_the_command_or_of_a_terminal_is_not_forwarded() {
    let mut run = Run::ready(policy());
    for signal in [SIGINT, SIGUSR1, SIGWINCH, SIGTSTP] {
        assert_eq!(run.at(5, Input::Received(signal, Origin::Inside)), []);
        assert_eq!(run.at(5, Input::Received(signal, Origin::Kernel)), []);
        assert_eq!(run.at(5, Input::Received(signal, Origin::Outside)), [Do::Signal(signal)]);
    }
    let mut run = Run::ready(policy());
    run.at(5, Input::Received(SIGTERM, Origin::Inside));
    run.at(6, ended(Outcome::Signal(SIGTERM)));
    let done = run.at(SECOND, Input::Time);
    assert!(matches!(done[0], Do::Died(_)), "its own signal asked for nothing");
}

#[test]
fn the_wrapper_stops_with_a_command_that_a_terminal_stops_and_only_then() {
    let mut run = Run::ready(policy());
    for signal in [SIGTSTP, SIGTTIN, SIGTTOU] {
        assert_eq!(run.at(5, Input::Stopped(signal)), [Do::StopSelf]);
        assert_eq!(run.at(6, Input::Continued), []);
    }
    assert_eq!(run.at(7, Input::Stopped(SIGSTOP)), []);
}

#[test]
fn the_wrapper_does_not_stop_with_a_command_that_goes_on_already() {
    let mut run = Run::ready(policy());
    run.0.handle(Duration::from_millis(5), Input::Stopped(SIGTSTP));
    assert_eq!(run.at(5, Input::Continued), []);
}

fn on_failure() -> Policy {
    Policy { restart: Restart::OnFailure, ..policy() }
}

#[test]
fn every_restart_is_a_death_or_an_end_and_then_a_start() {
    let mut run = Run::ready(on_failure());
    let died = Do::Died("killed by signal 9 (SIGKILL)".to_owned());
    assert_eq!(run.at(1000, KILLED), std::slice::from_ref(&died));
    assert_eq!(run.deadline(), Some(1100));
    assert_eq!(run.at(1100, Input::Time), [Do::Spawn]);
    assert_eq!(run.at(1101, Input::Begun), [Do::Begin]);
    assert_eq!(run.at(1102, KILLED), [died]);
    assert_eq!(run.deadline(), Some(1302), "the delay doubles");
    run.at(1302, Input::Time);
    run.at(1303, Input::Begun);
    let done = run.at(1304, ended(Outcome::Code(0)));
    assert_eq!(done, [Do::End, Do::Exit(Verdict::Code(0))], "an end is no failure");
}

#[test]
fn whoever_is_asked_to_stop_is_not_started_again() {
    for signal in [SIGTERM, SIGINT] {
        for from in [Origin::Outside, Origin::Kernel] {
            let mut run = Run::ready(Policy { restart: Restart::Always, ..policy() });
            run.at(5, Input::Received(signal, from));
            let done = run.at(6, ended(Outcome::Code(1)));
            assert_eq!(done[1..], [Do::Exit(Verdict::Code(1))]);
        }
    }
    let mut run = Run::ready(Policy { restart: Restart::Always, ..policy() });
    run.at(5, Input::Received(SIGQUIT, Origin::Kernel));
    let done = run.at(6, ended(Outcome::Signal(SIGQUIT)));
    assert_eq!(done.last(), Some(&Do::Exit(Verdict::Signal(SIGQUIT))));
    let mut run = Run::ready(on_failure());
    run.at(10, KILLED);
    assert_eq!(
        run.at(11, Input::Received(SIGTERM, Origin::Outside)),
        [Do::Exit(Verdict::Signal(SIGTERM))],
        "while it waits, the wrapper itself obeys"
    );
}

#[test]
fn whoever_only_writes_down_its_threads_at_sigquit_is_started_again_after_a_later_death() {
    let mut run = Run::ready(on_failure());
    run.at(5, Input::Received(SIGQUIT, Origin::Outside));
    run.at(50_000, KILLED);
    assert_eq!(run.deadline(), Some(50_100));
    assert_eq!(run.at(50_100, Input::Time), [Do::Spawn]);
}

#[test]
fn a_restart_that_is_too_frequent_is_given_up() {
    let limit = crate::run::backoff::Limit { starts: 1, within: Duration::from_secs(60) };
    let mut run = Run::ready(Policy { restart_limit: Some(limit), ..on_failure() });
    run.at(10, KILLED);
    run.at(110, Input::Time);
    run.at(111, Input::Begun);
    assert_eq!(run.at(112, KILLED)[1..], [Do::Exit(Verdict::Signal(SIGKILL))]);
}

#[test]
fn a_program_that_is_missing_is_told_at_first_and_waited_for_later() {
    let mut run = Run(Machine::new(on_failure()));
    run.does();
    assert_eq!(run.at(1, Input::NotBegun(127)), [Do::Exit(Verdict::Code(127))]);
    let mut run = Run::ready(on_failure());
    run.at(10, KILLED);
    assert_eq!(run.at(110, Input::Time), [Do::Spawn]);
    assert_eq!(run.at(111, Input::NotBegun(127)), []);
    assert_eq!(run.at(311, Input::Time), [Do::Spawn]);
}

#[test]
fn an_administrator_stops_and_starts_the_command() {
    let mut run = Run::ready(Policy { stay: true, ..policy() });
    assert_eq!(run.at(5, Input::Asked(Ask::Reload)), [Do::Signal(SIGHUP)]);
    let stop = [Do::Signal(SIGTERM), Do::Signal(SIGCONT)];
    assert_eq!(run.at(10, Input::Asked(Ask::Stop)), stop);
    assert_eq!(run.at(20, ended(Outcome::Signal(SIGTERM))), [Do::End]);
    assert_eq!(run.at(30, Input::Asked(Ask::Stop)), []);
    assert_eq!(run.at(40, Input::Asked(Ask::Start)), [Do::Spawn]);
    assert_eq!(run.at(41, Input::Begun), [Do::Begin]);
    assert_eq!(run.at(50, Input::Asked(Ask::Stop)), stop);
    assert_eq!(run.at(60, Input::Asked(Ask::Stop)), [], "once");
    assert_eq!(run.at(50 + 10 * SECOND, Input::Time), [Do::Signal(SIGKILL)]);
    let done = run.at(11 * SECOND, KILLED);
    let text = "killed by signal 9 (SIGKILL): it did not stop in time";
    assert_eq!(done, [Do::Died(text.to_owned())]);
    let done = run.at(12 * SECOND, Input::Received(SIGTERM, Origin::Outside));
    assert_eq!(done, [Do::Exit(Verdict::Signal(SIGTERM))]);
}

#[test]
fn without_stay_a_stop_ends_the_wrapper_too() {
    let mut run = Run::ready(policy());
    run.at(10, Input::Asked(Ask::Stop));
    let done = run.at(20, ended(Outcome::Code(0)));
    assert_eq!(done, [Do::End, Do::Exit(Verdict::Code(0))]);
}

#[test]
fn a_command_that_went_into_the_background_is_followed_there() {
    let mut run = Run::ready(policy());
    assert_eq!(run.says(5, "MAINPID=4711"), [Do::Follow(4711)]);
    let outcome = Outcome::Signal(SIGKILL);
    let done = run.at(10, Input::Ended { outcome, is_last: false });
    assert_eq!(done, [Do::Died("killed by signal 9 (SIGKILL)".to_owned())]);
    assert_eq!(run.at(20, Input::Received(SIGTERM, Origin::Outside)), [Do::Signal(SIGTERM)]);
    assert_eq!(
        run.at(30, Input::Left(Outcome::Code(5))),
        [Do::Exit(Verdict::Code(5))],
        "the caller sees how the process ended that it started"
    );
}

fn watched() -> Policy {
    Policy { watchdog: Some(Duration::from_secs(4)), ..policy() }
}

#[test]
fn a_command_that_never_spoke_of_a_watchdog_is_pulsed_for_until_it_does() {
    let mut run = Run::new(watched());
    assert_eq!(run.says(0, "READY=1"), [Do::Begin, Do::Pulse]);
    for second in 1..10 {
        assert_eq!(run.deadline(), Some(second * SECOND));
        assert_eq!(run.at(second * SECOND, Input::Time), [Do::Pulse]);
    }
    assert_eq!(run.says(9500, "WATCHDOG=1"), [Do::Pulse, Do::Beat]);
    assert_eq!(run.at(20 * SECOND, Input::Time), [], "it speaks for itself from now on");
}

#[test]
fn a_required_watchdog_counts_from_the_start() {
    let mut run = Run::ready(Policy { require_watchdog: true, ..watched() });
    assert_eq!(run.at(20 * SECOND, Input::Time), []);
    let mut run = Run::ready(Policy { require_watchdog: true, ..watched() });
    assert_eq!(run.says(1, "WATCHDOG=1"), [Do::Pulse, Do::Beat]);
}

#[test]
fn nobody_pulses_for_a_command_that_a_signal_has_stopped() {
    let mut run = Run::ready(watched());
    run.at(100, Input::Stopped(SIGSTOP));
    assert_eq!(run.at(20 * SECOND, Input::Time), []);
    assert_eq!(run.at(21 * SECOND, Input::Continued), [Do::Pulse]);
}

#[test]
fn a_reload_excuses_from_the_watchdog_until_it_is_done_or_takes_too_long() {
    let mut run = Run::ready(watched());
    run.says(1, "WATCHDOG=1");
    assert_eq!(run.says(100, "RELOADING=1"), [Do::Pulse, Do::Pulse]);
    assert_eq!(run.at(1100, Input::Time), [Do::Pulse]);
    run.says(1200, "READY=1");
    assert_eq!(run.at(9 * SECOND, Input::Time), []);
    run.says(10 * SECOND, "RELOADING=1");
    run.at(50 * SECOND, Input::Time);
    assert_eq!(run.at(101 * SECOND, Input::Time), [Do::Pulse], "its full span once more");
    assert_eq!(run.at(110 * SECOND, Input::Time), []);
}

#[test]
fn whoever_stops_is_excused_too() {
    let mut run = Run::ready(watched());
    run.says(1, "WATCHDOG=1");
    run.says(100, "STOPPING=1");
    assert_eq!(run.at(20 * SECOND, Input::Time), [Do::Pulse]);
}

#[test]
fn a_span_of_its_own_is_watched_as_an_activity_and_a_trigger_at_once() {
    let own = Some(("WATCHDOG_USEC", Duration::from_secs(2)));
    let mut run = Run::ready(policy());
    assert_eq!(run.says(1, "WATCHDOG_USEC=2000000"), [Do::Watch(own)]);
    assert_eq!(run.says(2, "WATCHDOG=1"), [Do::Pulse, Do::Beat]);
    let now = Some(("WATCHDOG=trigger", Duration::from_millis(20)));
    assert_eq!(run.says(3, "WATCHDOG=trigger"), [Do::Watch(now)]);
    assert_eq!(run.says(4, "WATCHDOG=1"), [Do::Watch(own), Do::Pulse, Do::Beat]);
    assert_eq!(run.says(5, "STOPPING=1")[0], Do::Watch(None));
    let mut run = Run::new(policy());
    assert_eq!(run.says(1, "WATCHDOG_USEC=2000000"), []);
    assert_eq!(run.says(2, "READY=1"), [Do::Begin, Do::Watch(own)], "it counts from the start");
}

#[test]
fn a_stalled_command_is_killed_if_that_was_asked_for_and_that_is_a_death() {
    let mut run = Run::ready(watched());
    assert_eq!(
        run.at(5 * SECOND, Input::Stalled),
        [Do::Pulse],
        "nothing but the pulse of the time"
    );
    let mut run = Run::ready(Policy { on_stall: OnStall::Kill, ..policy() });
    assert_eq!(run.at(5, Input::Stalled), [Do::Signal(SIGABRT), Do::Signal(SIGCONT)]);
    assert_eq!(run.at(6, Input::Stalled), [], "once");
    let done = run.at(10, ended(Outcome::Signal(SIGABRT)));
    assert_eq!(done[0], Do::Died("killed by signal 6 (SIGABRT)".to_owned()));
}

#[test]
fn a_service_manager_further_out_hears_what_the_command_says() {
    let outer_watchdog = Some(Duration::from_secs(4));
    let mut run = Run(Machine::new(Policy { outer_watchdog, ..policy() }));
    run.0.handle(Duration::ZERO, Input::Begun);
    let said = "STATUS=Loading\nMAINPID=12\nERRNO=2\nEXTEND_TIMEOUT_USEC=7";
    run.0.hear(Duration::ZERO, &parse(said.as_bytes()).words);
    assert_eq!(run.told(), ["STATUS=Loading", "ERRNO=2", "EXTEND_TIMEOUT_USEC=7"]);
    run.0.hear(Duration::ZERO, &parse(b"READY=1").words);
    assert_eq!(run.told(), ["READY=1", "WATCHDOG=1"], "the latter in its place");
    run.0.hear(Duration::ZERO, &parse(b"RELOADING=1\nMONOTONIC_USEC=5").words);
    assert_eq!(run.told()[0], "RELOADING=1\nMONOTONIC_USEC=5");
    run.0.hear(Duration::ZERO, &parse(b"READY=1").words);
    assert_eq!(run.told()[0], "READY=1");
    run.0.hear(Duration::ZERO, &parse(b"WATCHDOG=1\nSTOPPING=1").words);
    assert_eq!(run.told()[..2], ["WATCHDOG=1", "STOPPING=1"]);
}
