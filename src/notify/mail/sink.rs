//! The channel: events in, letters out, and everything that is not done yet in the spool.

use core::time::Duration;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::courier::Courier;
use super::letter::Context;
use super::message::{self, Addresses};
use super::policy::{Job, Outcome, Policy, Rules};
use super::relay::{Handed, Parcel, Relays};
use super::spool::Spool;
use crate::config::plan::Mail;
use crate::notify::prod::Prod;
use crate::notify::sink::{Intake, Next, Sink};
use crate::proto::time::{Time, Wall, nanos};

/// How often a letter that is on its way is looked after.
const LOOK: Duration = Duration::from_millis(50);
/// At a stop a letter that is on its way has so long to arrive.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the spool learns what remains of the spans that run.
const REFRESH: Duration = Duration::from_secs(60);

/// Mail to administrators, as a channel.
#[derive(Debug)]
pub struct MailSink {
    mail: Mail,
    addresses: Addresses,
    prod: Arc<Prod>,
}

impl MailSink {
    /// One that sends as `mail` says.
    ///
    /// # Errors
    ///
    /// What is wrong with an address, the authority or the login.
    pub fn new(mail: Mail) -> Result<Self, String> {
        let addresses = Addresses::read(&mail.from, &mail.to)?;
        Relays::new(&mail)?;
        Ok(Self { mail, addresses, prod: Arc::default() })
    }

    /// The same, tried at once when `prod` is.
    #[must_use]
    pub fn prodded_by(self, prod: Arc<Prod>) -> Self {
        Self { prod, ..self }
    }
}

impl Sink for MailSink {
    fn name(&self) -> &'static str {
        "mail"
    }

    fn run(&mut self, intake: &Intake) {
        // It was built before, by `new`: nothing that it is built of has changed.
        let mut relays = match Relays::new(&self.mail) {
            Ok(relays) => relays,
            Err(error) => return intake.logger.error(format_args!("mail: {error}")),
        };
        relays.introduce(&intake.identity.name);
        Work::new(self, relays, intake).run();
    }
}

/// One run of the channel.
struct Work<'a> {
    intake: &'a Intake,
    addresses: &'a Addresses,
    prod: &'a Prod,
    relays: Arc<Relays>,
    rules: Rules,
    policy: Policy,
    spool: Spool,
    origin: Instant,
    /// The letter that is on its way.
    flight: Option<Flight>,
    /// The last event that was taken.
    taken: u64,
    refreshed: Time,
    /// What was said last about relays that take nothing.
    trouble: String,
}

struct Flight {
    courier: Courier,
    job: Job,
    id: String,
}

impl<'a> Work<'a> {
    fn new(sink: &'a MailSink, relays: Relays, intake: &'a Intake) -> Self {
        let mut hasher = DefaultHasher::new();
        (&intake.identity.group, &intake.identity.name).hash(&mut hasher);
        let rules = Rules {
            hold: sink.mail.hold,
            reminder: sink.mail.reminder,
            per_hour: sink.mail.per_hour,
            salt: hasher.finish(),
        };
        let (spool, policy) = Spool::restore(rules, &intake.desk, &intake.logger, Time::ZERO);
        Self {
            intake,
            addresses: &sink.addresses,
            prod: &sink.prod,
            relays: Arc::new(relays),
            rules,
            policy,
            spool,
            origin: Instant::now(),
            flight: None,
            taken: intake.desk.position(),
            refreshed: Time::ZERO,
            trouble: String::new(),
        }
    }

    fn run(mut self) {
        loop {
            self.look(Duration::ZERO);
            self.send();
            self.keep();
            let due = self.due();
            match self.intake.next_or(due, self.prod.asked()) {
                Ok(Next::Event(event)) => self.take(&event),
                Ok(Next::Due) => {}
                Ok(Next::Stopped) => return self.leave(),
                Err(tell) => {
                    self.policy.prod(self.now());
                    self.trouble.clear();
                    // Who prodded may have gone.
                    let waiting = self.policy.waiting();
                    let _ = tell.send(u32::try_from(waiting).unwrap_or(u32::MAX));
                }
            }
        }
    }

    fn now(&self) -> Time {
        Time::from_nanos(nanos(self.origin.elapsed()))
    }

    fn due(&self) -> Option<Instant> {
        let now = self.now();
        let mut due = self.policy.due(now);
        if self.policy.ticking().next().is_some() {
            let refresh = self.refreshed + REFRESH;
            due = Some(due.map_or(refresh, |due| due.min(refresh)));
        }
        if self.flight.is_some() {
            due = Some(due.map_or(now + LOOK, |due| due.min(now + LOOK)));
        }
        due.and_then(|due| Instant::now().checked_add(due.since(now)))
    }

    fn take(&mut self, event: &crate::proto::event::Event) {
        let now = self.now();
        self.policy.event(now, event);
        self.taken = self.taken.max(event.id);
        self.keep();
    }

    /// Brings what changed into the spool, and only then moves the cursor.
    fn keep(&mut self) {
        let now = self.now();
        let Intake { desk, logger, .. } = self.intake;
        self.policy.tidy(now);
        self.spool.keep(&mut self.policy, desk, now);
        for peer in self.policy.take_shed() {
            logger.error(format_args!(
                "mail: too many outages wait: the oldest of them, of {peer}, is not told"
            ));
        }
        if now >= self.refreshed + REFRESH {
            self.spool.refresh(&mut self.policy, desk, now);
            self.refreshed = now;
        }
        self.prod.note(self.policy.waiting());
        let done = self.spool.done(&self.policy, self.taken);
        if done > desk.position() {
            desk.done(done);
        }
    }

    /// Sends the next letter, if none is on its way. The policy is asked either way: hold times that
    /// are over count then.
    fn send(&mut self) {
        let Some(job) = self.policy.next(self.now()) else { return };
        let context = Context { identity: &self.intake.identity, rules: &self.rules, now: wall() };
        let logger = &self.intake.logger;
        match message::write(&job.letter, self.addresses, context) {
            Ok((bytes, id)) => {
                let parcel = Parcel {
                    from: self.addresses.from.email.clone(),
                    to: self.addresses.to.iter().map(|to| to.email.clone()).collect(),
                    bytes,
                };
                match Courier::send(Arc::clone(&self.relays), parcel) {
                    Ok(courier) => self.flight = Some(Flight { courier, job, id }),
                    Err(error) => {
                        self.settle(&job, &id, Handed::Later(format!("no thread: {error}")));
                    }
                }
            }
            Err(error) => {
                logger.error(format_args!("mail: a letter cannot be written: {error}"));
                self.policy.outcome(self.now(), Outcome::Refused);
            }
        }
    }

    /// Sees whether the letter that is on its way arrived.
    fn look(&mut self, wait: Duration) {
        let handed = self.flight.as_ref().and_then(|flight| flight.courier.handed(wait));
        if let Some(handed) = handed
            && let Some(flight) = self.flight.take()
        {
            self.settle(&flight.job, &flight.id, handed);
        }
    }

    fn settle(&mut self, job: &Job, id: &str, handed: Handed) {
        let now = self.now();
        let logger = &self.intake.logger;
        let (peer, kind) = (&job.letter.peer, job.letter.kind);
        match handed {
            Handed::Accepted { by, refused } => {
                self.policy.outcome(now, Outcome::Accepted);
                self.trouble.clear();
                logger.info(format_args!("mail: {kind} of {peer} accepted by {by}, {id}"));
                for (to, why) in refused {
                    logger.error(format_args!("mail: {kind} of {peer} not taken for {to}: {why}"));
                }
            }
            Handed::Later(why) => {
                self.policy.outcome(now, Outcome::Later);
                // Once for each change: a relay may be away for days.
                if self.trouble != why {
                    logger.warn(format_args!(
                        "mail: {kind} of {peer} not taken yet, is tried again: {why}"
                    ));
                    self.trouble = why;
                }
            }
            Handed::Refused(why) => {
                self.policy.outcome(now, Outcome::Refused);
                logger
                    .error(format_args!("mail: {kind} of {peer} refused for good, dropped: {why}"));
            }
            Handed::Stopped => self.policy.outcome(now, Outcome::Later),
        }
    }

    /// The monitor closes: what came is kept, and what is on its way has a moment to arrive.
    fn leave(mut self) {
        while let Some(event) = self.intake.pending() {
            self.take(&event);
        }
        self.look(PATIENCE);
        self.keep();
        let now = self.now();
        self.spool.refresh(&mut self.policy, &self.intake.desk, now);
    }
}

fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
