//! What comes from the server, and what is sent to it: threads of their own, so that a key is never
//! slow.

use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use serde_json::Value;

use crate::answer;
use crate::client::{Following, Target, Told};
use crate::failure::Failure;

/// So much waits for a terminal that is slow.
const WAITING: usize = 4096;

/// What is new.
#[derive(Debug)]
pub(super) enum News {
    /// How everything is.
    Peers(Value),
    /// Something happened.
    Event(Value),
    /// What was seen before does not go on here.
    Reset,
    /// It does not answer.
    Lost(String),
    /// What was asked for is done, or refused.
    Done(Result<String, String>),
    /// There is no sense in going on.
    Failed(Failure),
}

/// See the head of this file.
pub(super) struct Feed {
    /// What is new.
    pub(super) news: Receiver<News>,
    sender: Sender<News>,
    target: Target,
}

impl Feed {
    /// Asks how the peers are as often as `every`, and follows the events.
    pub(super) fn start(target: &Target, every: Duration) -> Result<Self, Failure> {
        let (sender, news) = bounded(WAITING);
        let feed = Self { news, sender, target: target.clone() };
        feed.spawn(move |target, sender| ask(&target, &sender, every))?;
        feed.spawn(|target, sender| follow(&target, &sender))?;
        Ok(feed)
    }

    /// Asks the server to do `what`; the outcome is news.
    pub(super) fn post(&self, what: &str, body: Value) {
        let path = format!("/v1/control/{what}");
        let started = self.spawn(move |target, sender| {
            let done = match target.post(&path, &body) {
                Ok(said) => Ok(answer::text(&said, "done").to_owned()),
                Err(failure) => Err(failure.says().unwrap_or_default()),
            };
            let _ = sender.send(News::Done(done));
        });
        if let Err(failure) = started {
            let _ = self.sender.try_send(News::Failed(failure));
        }
    }

    fn spawn(
        &self,
        work: impl FnOnce(Target, Sender<News>) + Send + 'static,
    ) -> Result<(), Failure> {
        let (target, sender) = (self.target.clone(), self.sender.clone());
        let spawned = thread::Builder::new().spawn(move || work(target, sender));
        spawned.map(drop).map_err(|error| Failure::Refused(format!("no thread: {error}")))
    }
}

/// Until nobody listens any more.
fn ask(target: &Target, sender: &Sender<News>, every: Duration) {
    loop {
        let news = match target.get("/v1/peers") {
            Ok(peers) => News::Peers(peers),
            Err(failure) => News::Lost(failure.says().unwrap_or_default()),
        };
        if sender.send(news).is_err() {
            return;
        }
        thread::sleep(every);
    }
}

fn follow(target: &Target, sender: &Sender<News>) {
    if let Err(failure) = try_follow(target, sender) {
        let _ = sender.send(News::Failed(failure));
    }
}

fn try_follow(target: &Target, sender: &Sender<News>) -> Result<(), Failure> {
    // A server that goes away in the moment in which this begins is waited for as later.
    let kept = loop {
        match target.get("/v1/events?since=") {
            Err(Failure::Unreachable(_)) => thread::sleep(Duration::from_secs(1)),
            other => break other?,
        }
    };
    let tell = |news| sender.send(news).map_err(|_| Failure::BadNews);
    for event in answer::list(&kept, "events") {
        tell(News::Event(event.clone()))?;
    }
    let mut following = loop {
        match Following::open(target, kept["next"].as_str()) {
            Err(Failure::Unreachable(_)) => thread::sleep(Duration::from_secs(1)),
            other => break other?,
        }
    };
    loop {
        match following.next()? {
            Told::Event(event) => tell(News::Event(event))?,
            Told::Snapshot(said) => tell(News::Peers(said))?,
            Told::Reset(_) => tell(News::Reset)?,
            Told::Lost(why) => tell(News::Lost(why))?,
            Told::Back => {}
        }
    }
}
