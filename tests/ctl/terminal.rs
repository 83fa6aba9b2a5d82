//! A terminal that is looked at: tmux, with a server of its own in a folder of its own.

use std::path::PathBuf;
use std::process::Command;

use super::rig::until;
use super::support::folder::Folder;
use super::support::run::run;
use super::support::tool;

/// A shell in a window; both end with this.
pub struct Terminal {
    tmux: PathBuf,
    folder: Folder,
}

impl Terminal {
    /// One of this size; `None` where there is no tmux.
    pub fn new(width: u16, height: u16) -> Option<Self> {
        let terminal = Self { tmux: tool::find("tmux")?, folder: Folder::new("tmux") };
        let (width, height) = (width.to_string(), height.to_string());
        // A plain shell, whose prompt can be waited for, and not somebody's own.
        terminal.tmux(&["new-session", "-d", "-x", &width, "-y", &height, "env PS1='ready> ' sh"]);
        terminal.until("the shell is there", |screen| screen.contains("ready>"));
        Some(terminal)
    }

    /// Says something to tmux; what it answers.
    pub fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.tmux);
        command.args(["-u", "-f", "/dev/null", "-S"]).arg(self.folder.join("socket"));
        for name in ["PEERMON_SOCKET", "PEERMON_CONFIG", "NO_COLOR", "TMUX", "ENV", "LC_ALL"] {
            command.env_remove(name);
        }
        command.env("LANG", "C.UTF-8").env("TERM", "xterm-256color").args(arguments);
        // The server of the first command outlives it with its outputs: those are not ours.
        let outcome = run(&mut command, super::rig::PATIENCE);
        assert!(outcome.is_success(), "{arguments:?}: {}", outcome.describe());
        outcome.stdout
    }

    /// Types a line.
    pub fn line(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
        self.keys(&["Enter"]);
    }

    /// Presses keys, as tmux calls them.
    pub fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// What is to be seen.
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until what is to be seen is as it should be; says it.
    #[track_caller]
    pub fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until(what, || {
                last = self.screen();
                is_so(&last).then(|| last.clone())
            })
        }));
        found.unwrap_or_else(|_| panic!("waited in vain until {what}; the screen is\n{last}"))
    }

    /// Waits for a text on the screen.
    #[track_caller]
    pub fn until_shown(&self, text: &str) -> String {
        self.until(&format!("{text:?} is shown"), |screen| screen.contains(text))
    }

    /// Whether the terminal is as a shell wants it: the main screen, a cursor, lines that are edited.
    #[track_caller]
    pub fn is_as_before(&self) {
        let state = self.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
        assert_eq!(state.trim(), "0 1");
        self.line("stty -a | tr ';' '\\n' | tr ' ' '\\n' | grep -cxE 'echo|icanon|isig'");
        self.until("stty says that lines are edited", |screen| {
            screen.lines().any(|line| line.trim() == "3")
        });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut command = Command::new(&self.tmux);
        command.arg("-S").arg(self.folder.join("socket")).arg("kill-server");
        let _ = command.output();
    }
}
