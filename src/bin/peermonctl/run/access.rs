//! Whose messages on the NOTIFY_SOCKET count. The kernel says who sends: a sender cannot lie about its
//! process and its user.

use std::fs;

/// `--notify-access`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Access {
    /// Those of the main process only
    Main,
    /// Those of every process of COMMAND, of its user and of ours
    All,
}

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The number of its process; 0 if it is not of our namespace.
    pub pid: i32,
    /// Its user.
    pub uid: u32,
}

/// How far up a line of processes is followed.
const GENERATIONS: usize = 64;

impl Access {
    /// Whether the message counts. `main`: the processes that the command consists of, the one that is
    /// followed first; `theirs`: their users when they were asked last; `own`: our process and user.
    pub fn allows(self, sender: Sender, main: &[i32], theirs: &[u32], own: Sender) -> bool {
        if main.contains(&sender.pid) {
            return true;
        }
        match self {
            Self::Main => false,
            // A short-lived sender, such as systemd-notify(1), may be gone before its message is read:
            // its user must do then, which is also that of a command that gave root up.
            Self::All => {
                sender.uid == 0
                    || sender.uid == own.uid
                    || theirs.contains(&sender.uid)
                    || main.iter().any(|pid| users(*pid).contains(&sender.uid))
                    || descends(sender.pid, own.pid)
            }
        }
    }
}

/// Whether `ancestor` is above `pid`. We are the subreaper of everything below us, so that a line of
/// processes does not end when one of them does.
pub fn descends(pid: i32, ancestor: i32) -> bool {
    let mut at = pid;
    for _ in 0..GENERATIONS {
        match parent(at) {
            Some(parent) if parent == ancestor => return true,
            Some(parent) if parent > 1 => at = parent,
            _ => return false,
        }
    }
    false
}

/// Its real and its effective user; nobody if it is gone.
pub fn users(pid: i32) -> Vec<u32> {
    let words = field(pid, "Uid:").unwrap_or_default();
    words.split_whitespace().take(2).filter_map(|uid| uid.parse().ok()).collect()
}

fn parent(pid: i32) -> Option<i32> {
    field(pid, "PPid:")?.trim().parse().ok()
}

fn field(pid: i32, name: &str) -> Option<String> {
    if pid <= 0 {
        return None;
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    #[test]
    fn strangers_are_not_heard_and_everybody_of_the_command_is() {
        let this = i32::try_from(process::id()).unwrap();
        let user = users(this)[0];
        let own = Sender { pid: 1 << 30, uid: 70_001 };
        let stranger = Sender { pid: 1 << 29, uid: 70_002 };
        assert!(!Access::All.allows(stranger, &[], &[], own));
        assert!(!Access::All.allows(stranger, &[this], &[], own));
        assert!(Access::All.allows(Sender { uid: 0, ..stranger }, &[], &[], own));
        assert!(Access::All.allows(Sender { uid: 70_001, ..stranger }, &[], &[], own));
        let same_user = Sender { uid: user, ..stranger };
        assert!(Access::All.allows(same_user, &[this], &[], own), "the user of the main process");
        assert!(Access::All.allows(same_user, &[1 << 28], &[user], own), "it was reaped just now");
        let main = Sender { pid: this, uid: 70_002 };
        assert!(Access::Main.allows(main, &[this], &[], own));
        assert!(!Access::Main.allows(Sender { uid: 0, ..stranger }, &[this], &[], own));
    }

    #[test]
    fn a_process_descends_from_its_parent_and_not_from_itself() {
        let this = i32::try_from(process::id()).unwrap();
        let parent = parent(this).unwrap();
        assert!(descends(this, parent));
        assert!(!descends(this, this));
        assert!(!descends(parent, this));
        assert!(!descends(0, this));
    }
}
