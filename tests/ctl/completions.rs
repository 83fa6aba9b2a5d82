//! What shells complete with.

use std::process::Command;

use super::rig::{PATIENCE, code, ctl};
use super::support::folder::Folder;
use super::support::run::run;
use super::support::tool;

#[test]
fn the_shells_understand_their_completions() {
    let folder = Folder::new("completions");
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let outcome = ctl(&["completions", shell]);
        assert_eq!(code(&outcome), Some(0), "{}", outcome.describe());
        for word in ["status", "why", "top", "add-peer", "completions"] {
            assert!(outcome.stdout.contains(word), "{shell} knows no {word}");
        }
        let file = folder.join(shell);
        std::fs::write(&file, &outcome.stdout).unwrap();
        let Some(program) = tool::find(shell) else { continue };
        let outcome = run(Command::new(program).arg(check).arg(&file), PATIENCE);
        assert!(outcome.is_success() && outcome.is_silent(), "{shell}: {}", outcome.describe());
    }
}

#[test]
fn bash_completes_a_command() {
    let Some(bash) = tool::find("bash") else { return };
    let folder = Folder::new("completions");
    let file = folder.join("peermonctl");
    std::fs::write(&file, ctl(&["completions", "bash"]).stdout).unwrap();
    let script = "source \"$1\"; COMP_WORDS=(peermonctl ev); COMP_CWORD=1; COMP_LINE='peermonctl ev'; \
                  _peermonctl peermonctl ev peermonctl; echo \"${COMPREPLY[@]}\"";
    let outcome = run(Command::new(bash).args(["-c", script, "bash"]).arg(&file), PATIENCE);
    assert_eq!(outcome.stdout.trim(), "events", "{}", outcome.describe());
}
