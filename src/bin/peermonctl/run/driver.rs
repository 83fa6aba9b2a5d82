//! The loop: waits until something happens, tells the machine, does what it says.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender as Post};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGCONT, SIGSTOP};
use signal_hook::low_level::raise;

use super::access::{Access, Sender};
use super::child::{Change, Processes, Recipe};
use super::log::Log;
use super::machine::{Ask, Do, Input, Level, Machine, Origin, Verdict};
use super::message;
use super::probe::{Probe, Target};
use super::relay::Outer;
use super::shim;
use super::signals::{Came, Signals};
use super::socket::{NotifySocket, Received};
use super::watched::Watched;

/// So many messages are taken before everything else has its turn.
const TURN: usize = 64;
/// So many are taken of a command that has ended: more than a socket holds.
const LAST_WORDS: usize = 4096;
/// Waits are finite, whatever is believed.
const LONGEST: Duration = Duration::from_secs(60);

/// What other threads have to say.
#[derive(Clone, Copy, Debug)]
pub enum News {
    /// The library found that the command makes no progress.
    Stalled,
    /// The monitor cannot go on.
    Failed,
    /// An administrator asks.
    Asked(Ask),
    /// Run number so-and-so takes connections.
    Answers(u64),
}

/// Where other threads leave their news.
#[derive(Clone, Debug)]
pub struct Bell {
    post: Post<News>,
    wake: Arc<UnixStream>,
}

impl Bell {
    /// `wake` is the other end of what the loop reads.
    pub fn new(post: Post<News>, wake: UnixStream) -> Self {
        Self { post, wake: Arc::new(wake) }
    }

    /// Leaves it. Never waits.
    pub fn ring(&self, news: News) {
        // A full pipe wakes as well.
        if self.post.send(news).is_ok() {
            let _ = (&*self.wake).write(&[1]);
        }
    }
}

/// See the head of this file.
pub struct Driver {
    pub machine: Machine,
    pub recipe: Recipe,
    pub target: Option<Target>,
    pub access: Access,
    pub socket: NotifySocket,
    pub signals: Signals,
    pub watched: Watched,
    pub outer: Outer,
    pub log: Arc<Log>,
    pub bell: Bell,
    pub news: Receiver<News>,
    pub woken: UnixStream,
    pub processes: Processes,
    pub probe: Option<Probe>,
    /// Counts the runs of the command.
    pub run: u64,
    /// Something happened to a child, which may not have been reaped.
    pub unseen: bool,
    pub began: Instant,
}

impl Driver {
    /// Runs until the machine says how to end.
    pub fn run(mut self) -> Verdict {
        // In this order: what the command said before it ended, and who asked it to end, counts. So its end
        // is found first and told last.
        let steps =
            [Self::rest, Self::reap, Self::hear, Self::take_signals, Self::look, Self::read_news];
        loop {
            for step in steps {
                step(&mut self);
                if let Some(verdict) = self.work() {
                    self.watched.close();
                    return verdict;
                }
            }
        }
    }

    /// Waits, unless there is something to do.
    fn rest(&mut self) {
        // The first time there is: the command is to be started.
        if self.run > 0 && !core::mem::take(&mut self.unseen) {
            self.wait();
        }
        if self.watched.deadline().is_some_and(|at| at <= Instant::now()) {
            self.watched.attempt();
        }
        self.tell(Input::Time);
    }

    fn take_signals(&mut self) {
        for came in self.signals.take(&self.processes.numbers()) {
            let Came::Signal(signal, mut origin) = came else {
                // It may have come after the last look, and nothing else tells of a stop.
                self.unseen = true;
                continue;
            };
            // A shell continues the whole group. Passing that on would undo the next ^Z, which may have
            // stopped the command by now.
            if signal == SIGCONT && self.processes.has_news_of_the_job() {
                origin = Origin::Kernel;
            }
            self.tell(Input::Received(signal, origin));
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn tell(&mut self, input: Input) {
        self.machine.handle(self.began.elapsed(), input);
    }

    /// Does what there is to do.
    fn work(&mut self) -> Option<Verdict> {
        let mut todo = VecDeque::from(self.machine.take());
        while let Some(next) = todo.pop_front() {
            if let Do::Exit(verdict) = next {
                return Some(verdict);
            }
            self.carry_out(next);
            todo.extend(self.machine.take());
        }
        None
    }

    fn carry_out(&mut self, what: Do) {
        match what {
            Do::Spawn => self.spawn(),
            Do::Signal(signal) => {
                if let Err(error) = self.processes.signal(signal) {
                    let name = super::outcome::name(signal);
                    self.log
                        .line(Level::Error, &format!("{name} does not reach the command: {error}"));
                }
            }
            Do::Follow(number) => match self.processes.follow(number) {
                Ok(()) => self.log.line(Level::Debug, &format!("the main process is {number}")),
                Err(error) => {
                    self.log.complain(&format!("MAINPID={number} is not followed: {error}"))
                }
            },
            Do::Begin => self.watched.begin(),
            Do::End => self.watched.end(),
            Do::Died(detail) => self.watched.died(&detail),
            Do::Pulse => self.watched.pulse(),
            Do::Beat => self.watched.beat(),
            Do::Watch(activity) => self.watched.watch(activity),
            Do::Tell(text) => {
                if let Some(complaint) = self.outer.tell(&text) {
                    self.log.complain(&complaint);
                }
            }
            Do::Note(level, text) => self.log.line(level, &text),
            // Unless it was continued already: nobody would continue us.
            Do::StopSelf => {
                if !self.processes.has_news_of_the_job() {
                    let _ = raise(SIGSTOP);
                }
            }
            Do::Exit(_) => {}
        }
    }

    fn spawn(&mut self) {
        self.run += 1;
        match self.recipe.start() {
            Ok(processes) => {
                self.processes = processes;
                self.begin_probe();
                self.tell(Input::Begun);
            }
            Err(error) => {
                let command = self.recipe.command.first().cloned().unwrap_or_default();
                let line = format!("cannot execute {}: {error}", command.display());
                self.log.line(Level::Error, &line);
                self.tell(Input::NotBegun(shim::status(&error).into()));
            }
        }
    }

    fn begin_probe(&mut self) {
        let Some(target) = self.target.clone() else { return };
        let (bell, run) = (self.bell.clone(), self.run);
        match Probe::begin(target, move || bell.ring(News::Answers(run))) {
            Ok(probe) => self.probe = Some(probe),
            Err(error) => self.log.line(Level::Error, &format!("no thread for --ready: {error}")),
        }
    }

    fn wait(&self) {
        let now = self.now();
        let machine = self.machine.deadline().map(|at| at.saturating_sub(now));
        let monitor =
            self.watched.deadline().map(|at| at.saturating_duration_since(Instant::now()));
        let left = machine.into_iter().chain(monitor).chain([LONGEST]).min().unwrap_or(LONGEST);
        let span = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(1),
            tv_nsec: left.subsec_nanos().into(),
        };
        let sources = [self.signals.as_fd(), self.socket.as_fd(), self.woken.as_fd()];
        let all = sources.into_iter().chain(self.processes.handles());
        let mut watched: Vec<PollFd<'_>> =
            all.map(|source| PollFd::from_borrowed_fd(source, PollFlags::IN)).collect();
        // Whatever it says: everything is looked at.
        let _ = poll(&mut watched, Some(&span));
    }

    fn reap(&mut self) {
        self.processes.reap();
    }

    /// What the command says, before what became of it: a last word counts.
    fn hear(&mut self) {
        let most = if self.processes.have_ended() { LAST_WORDS } else { TURN };
        for _ in 0..most {
            let received = match self.socket.receive() {
                Ok(Received::Nothing) => return,
                Ok(received) => received,
                Err(error) => return self.log.complain(&format!("NOTIFY_SOCKET: {error}")),
            };
            match received {
                Received::Message(text, sender, descriptors) => {
                    self.take_message(&text, sender);
                    drop(descriptors);
                }
                Received::Refused(why) => self.log.complain(&format!("NOTIFY_SOCKET: {why}")),
                Received::Nothing => {}
            }
        }
    }

    fn take_message(&mut self, text: &[u8], sender: Sender) {
        let own = Sender {
            pid: i32::try_from(std::process::id()).unwrap_or(0),
            uid: rustix::process::geteuid().as_raw(),
        };
        let Sender { pid, uid } = sender;
        let (numbers, users) = (self.processes.numbers(), self.processes.users());
        if !self.access.allows(sender, &numbers, users, own) {
            let line = format!("a message of process {pid} (user {uid}) does not count");
            return self.log.complain(&line);
        }
        let message = message::parse(text);
        for complaint in message.complaints {
            self.log.complain(&format!("NOTIFY_SOCKET, from process {pid}: {complaint}"));
        }
        self.machine.hear(self.began.elapsed(), &message.words);
    }

    /// What became of the command.
    fn look(&mut self) {
        for change in self.processes.changes() {
            self.tell(match change {
                Change::Ended { outcome, is_last } => Input::Ended { outcome, is_last },
                Change::Left(outcome) => Input::Left(outcome),
                Change::Stopped(signal) => Input::Stopped(signal),
                Change::Continued => Input::Continued,
            });
        }
    }

    fn read_news(&mut self) {
        let mut bytes = [0; 64];
        loop {
            match self.woken.read(&mut bytes) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        while let Ok(news) = self.news.try_recv() {
            match news {
                // It may be about a run that is over.
                News::Stalled if !self.watched.is_stalled() => {}
                News::Stalled => self.tell(Input::Stalled),
                News::Failed => self.watched.failed(),
                News::Asked(ask) => self.tell(Input::Asked(ask)),
                News::Answers(run) if run == self.run => self.tell(Input::Answers),
                News::Answers(_) => {}
            }
        }
    }
}
