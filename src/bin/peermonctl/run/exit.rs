//! The wrapper ends as the command did, so that whoever started it sees the same.

use std::process::ExitCode;

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getpid, kill_process, set_dumpable_behavior,
    setrlimit,
};
use rustix_libc_wrappers::process::SignalExt;
use signal_hook::low_level::emulate_default_handler;

use super::machine::Verdict;

/// Ends by a signal, or says with which status to end.
pub fn leave(verdict: Verdict) -> ExitCode {
    match verdict {
        // The system knows no other bits than these of a status.
        Verdict::Code(code) => ExitCode::from(code.to_le_bytes()[0]),
        Verdict::Signal(signal) => {
            die(signal);
            // Nobody could die of it: what a shell would make of it.
            ExitCode::from((128 + signal).to_le_bytes()[0])
        }
    }
}

fn die(signal: i32) {
    // A core of the wrapper would only be taken for one of the command.
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if signal == Signal::KILL.as_raw() {
        let _ = kill_process(getpid(), Signal::KILL);
    }
    if Signal::from_raw(signal).is_some() {
        let _ = emulate_default_handler(signal);
    }
}
