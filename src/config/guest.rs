//! How the library behaves inside of the host's process.

use core::time::Duration;

use super::keys::Key;
use super::plan::{Guest, LockMemory, RealTime};
use super::value::Section;

/// A callback that takes longer is reported, unless the configuration says otherwise.
const CALLBACK_BUDGET: Duration = Duration::from_secs(1);
/// Processors are numbered below this: what a set of glibc's holds.
const MAX_CORES: u16 = 1024;

/// What a server says of it.
pub(super) fn of(server: &Section) -> Guest {
    let budget = server.span(Key::CallbackBudget).map_or(CALLBACK_BUDGET, |(span, _)| span);
    let memory = match server.choice(Key::LockMemory) {
        Some(("library", _)) => LockMemory::Library,
        Some(("process", _)) => LockMemory::Process,
        _ => LockMemory::Off,
    };
    let priority = server.count(Key::ThreadPriority).map_or(0, |(count, _)| count);
    Guest {
        callback_budget: Some(budget).filter(|budget| !budget.is_zero()),
        interrupt_signal: server.choice(Key::InterruptSignal).map(|(name, _)| name),
        real_time: RealTime {
            priority: u8::try_from(priority).unwrap_or(0),
            cores: server.cores(Key::CpuAffinity).map_or_else(Vec::new, |(all, _)| all.to_vec()),
            memory,
        },
    }
}

/// Reads `0,2-3`: numbers of processors and ranges of them.
pub(super) fn parse_cores(text: &str) -> Result<Vec<u16>, String> {
    let wrong = || {
        let most = MAX_CORES - 1;
        format!("write the numbers of processors, for example \"0,2-3\"; the largest is {most}")
    };
    let number = |text: &str| {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|core| digits && *core < MAX_CORES).ok_or_else(wrong)
    };
    let mut cores = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first.trim())?, number(last.trim())?);
        if first > last {
            return Err(wrong());
        }
        cores.extend(first..=last);
    }
    cores.sort_unstable();
    cores.dedup();
    Ok(cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_numbers_and_ranges() {
        for (text, cores) in [
            ("0", vec![0]),
            ("3,1-2", vec![1, 2, 3]),
            (" 5 - 6, 6 ", vec![5, 6]),
            ("1023", vec![1023]),
        ] {
            assert_eq!(parse_cores(text), Ok(cores), "{text}");
        }
        for text in ["", ",", "1-", "-1", "2-1", "1024", "one", "+1", "1,,2", "0x1"] {
            assert!(parse_cores(text).is_err(), "{text}");
        }
    }
}
