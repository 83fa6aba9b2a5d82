//! What the command says of itself.

use std::time::Duration;

use super::{Do, Level, Machine, Phase};
use crate::run::message::Word;
use crate::run::policy::Ready;

impl Machine {
    /// Takes one message of the command.
    pub fn hear(&mut self, now: Duration, words: &[Word]) {
        if !self.is_alive() {
            return;
        }
        self.spoke |= words.iter().any(|word| !matches!(word, Word::Barrier));
        for word in words {
            match word {
                Word::Ready => self.says_ready(now),
                Word::Reloading => self.reloading(now, words),
                Word::Stopping => self.stopping(now),
                Word::Alive => self.watchdog.alive(&mut self.out),
                Word::Trigger => self.watchdog.trigger(&mut self.out),
                Word::WatchdogUsec(span) => self.watchdog.ask(*span, &mut self.out),
                Word::Extend(span) => self.extend(now, *span),
                Word::Status(text) => {
                    self.note(Level::Info, format!("the command says: {text}"));
                    self.out.push(Do::Tell(format!("STATUS={text}")));
                }
                Word::Errno(number) => {
                    self.note(
                        Level::Warn,
                        format!("the command says that it failed: errno {number}"),
                    );
                    self.out.push(Do::Tell(format!("ERRNO={number}")));
                }
                Word::MainPid(pid) => self.out.push(Do::Follow(*pid)),
                Word::MonotonicUsec(_) | Word::Barrier => {}
            }
        }
        self.time(now);
    }

    /// It is no longer excused by a reload.
    pub(super) fn reloaded(&mut self, now: Duration) {
        if self.reloads.take().is_some() {
            self.out.push(Do::Tell("READY=1".to_owned()));
            self.watchdog.excuse(self.leaves, now, &mut self.out);
        }
    }

    fn says_ready(&mut self, now: Duration) {
        self.reloaded(now);
        if matches!(self.policy.ready, Ready::Auto | Ready::Notify) {
            self.ready(now);
        }
    }

    fn reloading(&mut self, now: Duration, words: &[Word]) {
        if !matches!(self.phase, Phase::Running { .. }) {
            return;
        }
        self.reloads = Some(now.saturating_add(self.policy.start_timeout));
        self.note(Level::Info, "the command reloads");
        let since = words.iter().find_map(|word| match word {
            Word::MonotonicUsec(at) => Some(format!("\nMONOTONIC_USEC={at}")),
            _ => None,
        });
        self.out.push(Do::Tell(format!("RELOADING=1{}", since.unwrap_or_default())));
        self.watchdog.excuse(true, now, &mut self.out);
    }

    fn stopping(&mut self, now: Duration) {
        self.leaves = true;
        self.note(Level::Info, "the command stops");
        self.out.push(Do::Tell("STOPPING=1".to_owned()));
        self.watchdog.excuse(true, now, &mut self.out);
    }

    fn extend(&mut self, now: Duration, span: Duration) {
        self.extended = self.extended.max(now.saturating_add(span));
        self.out.push(Do::Tell(format!("EXTEND_TIMEOUT_USEC={}", span.as_micros())));
    }
}
