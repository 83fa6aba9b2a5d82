//! The units: systemd understands every line of them.

use std::fs;
use std::process::Command;

use super::support::folder::Folder;
use super::support::{run, tool};
use super::{LIMIT, contrib};

fn names(ending: &str) -> Vec<String> {
    let entries = fs::read_dir(contrib("systemd")).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(ending)).collect()
}

/// A copy of the units whose programs are there, whatever is installed on this machine.
fn copies(folder: &Folder) -> Vec<String> {
    let units = [names(".service"), names(".timer")].concat();
    assert!(units.len() >= 4);
    for name in &units {
        let text = fs::read_to_string(contrib("systemd").join(name)).unwrap();
        let mut copy = String::new();
        for line in text.lines() {
            match line.strip_prefix("ExecStart=") {
                Some(command) => {
                    assert!(command.starts_with('/'), "{name}: {line}");
                    let arguments = command.find(' ').map_or("", |at| &command[at..]);
                    copy += &format!("ExecStart=/bin/true{arguments}\n");
                }
                None => copy += &format!("{line}\n"),
            }
        }
        fs::write(folder.join(name), copy).unwrap();
    }
    units
}

#[test]
fn systemd_has_nothing_to_say_about_the_units() {
    let Some(analyze) = tool::find("systemd-analyze") else { return };
    let folder = Folder::new("units");
    for name in copies(&folder) {
        let mut command = Command::new(&analyze);
        // Whether the manual is installed is another question.
        command.args(["verify", "--man=no"]).arg(folder.join(&name));
        let outcome = run::run(&mut command, LIMIT);
        assert!(outcome.is_success() && outcome.is_silent(), "{name}: {}", outcome.describe());
    }
}

#[test]
fn a_line_that_systemd_does_not_know_would_be_seen() {
    let Some(analyze) = tool::find("systemd-analyze") else { return };
    let folder = Folder::new("units");
    let unit = folder.join("wrong.service");
    fs::write(&unit, "[Service]\nExecStart=/bin/true\nRestartSecs=1\n").unwrap();
    let mut command = Command::new(analyze);
    command.args(["verify", "--man=no"]).arg(&unit);
    let outcome = run::run(&mut command, LIMIT);
    assert!(!outcome.is_success() || !outcome.is_silent(), "{}", outcome.describe());
}

#[test]
fn systemd_takes_the_group_and_the_folders() {
    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        println!("skipped: only root gives folders to a group");
        return;
    }
    let folder = Folder::new("units");
    fs::create_dir(folder.join("etc")).unwrap();
    for (program, file) in [
        ("systemd-sysusers", "peermon.sysusers.conf"),
        ("systemd-tmpfiles", "peermon.tmpfiles.conf"),
    ] {
        let Some(program) = tool::find(program) else { return };
        let mut command = Command::new(program);
        command.arg(format!("--root={}", folder.path().display()));
        if file.contains("tmpfiles") {
            command.arg("--create");
        }
        command.arg(contrib("systemd").join(file));
        let outcome = run::run(&mut command, LIMIT);
        assert!(outcome.is_success(), "{file}: {}", outcome.describe());
    }
    let groups = fs::read_to_string(folder.join("etc/group")).unwrap();
    assert!(groups.lines().any(|line| line.starts_with("peermon:")), "{groups}");
    assert!(folder.join("run/peermon").is_dir());
}
