//! A C host as a child process: what it says, with the time, and what it is told.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for anything that happens at all, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One line that a host said.
#[derive(Clone, Debug)]
pub struct Line {
    pub at: Instant,
    pub text: String,
}

/// An event that a host reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub kind: String,
    pub reason: String,
    pub peer: String,
    pub epoch: u64,
    pub id: u64,
    pub outage_ms: u64,
    pub own_lateness_ms: u64,
    /// MONITOR_EVENT_FLAG_*.
    pub flags: u32,
}

impl Line {
    /// The event in this line, if it is one.
    pub fn event(&self) -> Option<Told> {
        let words: Vec<&str> = self.text.split(' ').collect();
        let ["event", kind, reason, peer, epoch, id, outage, lateness, flags] = words[..] else {
            return None;
        };
        Some(Told {
            kind: kind.into(),
            reason: reason.into(),
            peer: peer.into(),
            epoch: epoch.parse().unwrap(),
            id: id.parse().unwrap(),
            outage_ms: outage.parse().unwrap(),
            own_lateness_ms: lateness.parse().unwrap(),
            flags: flags.parse().unwrap(),
        })
    }
}

/// A running host. Killed when dropped.
#[derive(Debug)]
pub struct Host {
    child: Child,
    input: ChildStdin,
    lines: Receiver<Line>,
    /// Said before "ready" and not looked at yet.
    early: VecDeque<Line>,
    /// Everything it said, for failure messages.
    pub said: Vec<Line>,
    /// When it was started, or what happened to it last.
    pub since: Instant,
}

impl Host {
    /// Starts `command`, a host, and waits until it is ready.
    pub fn start(command: &mut Command) -> Self {
        let since = Instant::now();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|e| panic!("starting {command:?}: {e}"));
        let output = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        thread::spawn(move || {
            for text in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(Line { at: Instant::now(), text }).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take().unwrap();
        let early = VecDeque::new();
        let mut host = Self { child, input, lines, early, said: Vec::new(), since };
        // Callbacks have a thread of their own: an event may come before the host is ready.
        let mut early = VecDeque::new();
        host.expect("ready", |line| {
            early.push_back(line.clone());
            line.text == "ready"
        });
        early.pop_back();
        host.early = early;
        host
    }

    /// Waits for a line; everything before it is taken too.
    pub fn expect(&mut self, what: &str, mut wanted: impl FnMut(&Line) -> bool) -> Line {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next(deadline) {
                Some(line) if wanted(&line) => return line,
                Some(_) => {}
                None => panic!("waited in vain for {what}; it said:\n{}", self.transcript()),
            }
        }
    }

    /// The next event about `peer` that is neither LATE nor DECLARED_DOWN.
    pub fn event(&mut self, peer: &str) -> (Instant, String) {
        let line = self.expect(&format!("an event about {peer}"), |line| {
            line.event().is_some_and(|told| {
                told.peer == peer && !["LATE", "DECLARED_DOWN"].contains(&told.kind.as_str())
            })
        });
        let told = line.event().unwrap();
        (line.at, format!("{} {}", told.kind, told.reason))
    }

    /// Waits for exactly these events about `peer`, in this order.
    pub fn events(&mut self, peer: &str, expected: &[&str]) {
        for expected in expected {
            let (_, event) = self.event(peer);
            assert_eq!(&event, expected, "it said:\n{}", self.transcript());
        }
    }

    /// Waits until both lifelines to `peer` stand.
    pub fn await_lifelines(&mut self, peer: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.tell(&format!("status {peer}"));
            let record = self.expect("a record", |line| line.text.starts_with("record "));
            if record.text.ends_with(" lines 2") {
                return;
            }
            assert!(Instant::now() < deadline, "no lifelines to {peer}: {}", record.text);
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Everything that is said within `span`, as events.
    pub fn listen(&mut self, span: Duration) -> Vec<Told> {
        let deadline = Instant::now() + span;
        let mut events = Vec::new();
        while let Some(line) = self.next(deadline) {
            events.extend(line.event());
        }
        events
    }

    fn next(&mut self, deadline: Instant) -> Option<Line> {
        if let Some(line) = self.early.pop_front() {
            return Some(line);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(line) => {
                assert!(!line.text.starts_with("failed"), "{}", line.text);
                self.said.push(line.clone());
                Some(line)
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Says a command.
    pub fn tell(&mut self, command: &str) {
        writeln!(self.input, "{command}").unwrap();
        self.since = Instant::now();
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.since = Instant::now();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends gracefully.
    pub fn end(&mut self) {
        self.tell("end");
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}; it said:\n{}", self.transcript());
    }

    /// Sends a signal.
    pub fn signal(&mut self, signal: i32) {
        self.since = Instant::now();
        let pid = i32::try_from(self.child.id()).unwrap();
        // SAFETY: kill takes two numbers; the process is our own child and not waited for yet.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    pub fn transcript(&self) -> String {
        self.said.iter().map(|line| format!("  {}\n", line.text)).collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a configuration.
pub fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|e| panic!("writing {}: {e}", path.display()));
}
