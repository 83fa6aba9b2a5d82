//! What this machine itself must give: folders, a clock, privileges that the configuration asks for.

use std::fs;
use std::path::{Path, PathBuf};

use peermon::config::plan::{LockMemory, Plan};
use rustix::fs::{Access, access};

use super::talk;
use crate::findings::Findings;

/// A date before this is none: 2024.
const YESTERDAY: i64 = 1_704_067_200_000_000_000;
/// The number of CAP_SYS_NICE in a mask of capabilities.
const SYS_NICE: u32 = 23;
/// Clocks that take microseconds to read, or that are there for want of a better one.
const SLOW: [&str; 4] = ["acpi_pm", "hpet", "jiffies", "refined-jiffies"];

/// Looks at all of it.
pub fn look(plan: &Plan, to: &mut Findings) {
    clock(to);
    folders(plan, to);
    privileges(plan, to);
}

fn clock(to: &mut Findings) {
    if talk::wall() < YESTERDAY {
        to.warning(
            "clock",
            "The date of this machine is wrong by years.",
            "Nothing is decided by it, but logs and mails mislead: timedatectl status.",
        );
    }
    let source =
        fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    let Ok(source) = source.as_deref().map(str::trim) else { return };
    if SLOW.contains(&source) {
        to.warning(
            "clock",
            format!("The kernel keeps time by {source}, which is slow to read and coarse."),
            "Look in dmesg for why a better one was given up (clocksource: ... unstable).",
        );
    } else {
        to.ok("clock", format!("The kernel keeps time by {source}."));
    }
}

/// Whether what the server makes can be made.
fn folders(plan: &Plan, to: &mut Findings) {
    let mut wanted: Vec<(&str, PathBuf)> = Vec::new();
    let parent = |path: &Path| path.parent().unwrap_or(Path::new("/")).to_owned();
    if let Some(status) = &plan.channels.status_file {
        wanted.push(("status_file", parent(&status.path)));
    }
    if let Some(socket) = plan.channels.client.as_ref().and_then(|client| client.socket.as_ref()) {
        wanted.push(("client_socket", parent(socket)));
    }
    if let Some(control) = &plan.channels.control {
        wanted.push(("control_socket", parent(&control.socket)));
    }
    if let Some(folder) = &plan.trace_dir {
        wanted.push(("trace_dir", folder.clone()));
    }
    for (key, folder) in wanted {
        let shown = folder.display();
        match access(&folder, Access::WRITE_OK | Access::EXEC_OK) {
            Ok(()) => {}
            Err(rustix::io::Errno::NOENT) => to.wrong(
                key,
                format!("There is no folder {shown}."),
                format!("mkdir -p {shown}, and give it to the server's user."),
            ),
            Err(error) => to.wrong(
                key,
                format!("This user cannot make files in {shown}: {error}."),
                format!(
                    "Give {shown} to the user that the server runs as, or name another folder."
                ),
            ),
        }
    }
}

/// What the configuration asks of the system, and what this shell has of it.
fn privileges(plan: &Plan, to: &mut Findings) {
    let wish = &plan.guest.real_time;
    let privileged = capabilities().is_some_and(|mask| mask >> SYS_NICE & 1 == 1);
    if wish.priority > 0 && !privileged {
        let limit = limit("Max realtime priority").unwrap_or(0);
        if limit < u64::from(wish.priority) {
            to.warning(
                "thread_priority",
                format!(
                    "Priority {} needs CAP_SYS_NICE or a limit of at least that; this shell may have {limit}.",
                    wish.priority
                ),
                "For the service: AmbientCapabilities=CAP_SYS_NICE or LimitRTPRIO= in its systemd unit.",
            );
        }
    }
    if wish.memory == LockMemory::Process
        && limit("Max locked memory").is_some_and(|bytes| bytes < 64 << 20)
    {
        to.warning(
            "lock_memory",
            "This shell may lock less than 64 MiB; a whole server is larger.",
            "For the service: LimitMEMLOCK=infinity in its systemd unit.",
        );
    }
}

/// The effective capabilities.
fn capabilities() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

/// A soft limit; none if there is no limit.
fn limit(name: &str) -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}
