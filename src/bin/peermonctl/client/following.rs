//! Following a monitor across its restarts and ours: whoever loses the connection comes back with the
//! key of the last event, and hears what it missed or that it cannot.

use std::thread;
use std::time::Duration;

use peermon::notify::json::parse_event_key;
use serde_json::Value;

use super::{Events, Message, Target};
use crate::failure::Failure;

/// How long the first wait is before it comes back, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(3));

/// What is told to whoever follows.
#[derive(Clone, Debug)]
pub enum Told {
    /// How everything is: `about`, `outages`, `peers`.
    Snapshot(Value),
    /// An event, told once.
    Event(Value),
    /// What was seen before does not go on here. Events that are kept follow, others are lost.
    Reset(Value),
    /// The connection is lost; it is tried again until it stands.
    Lost(String),
    /// The connection stands again.
    Back,
}

/// See the head of this file.
pub struct Following {
    target: Target,
    open: Option<Events>,
    /// The key of the last event that is known.
    last: Option<String>,
    /// The last event that was told.
    seen: Option<(u64, u64)>,
    wait: Duration,
    /// What was read and is to be told yet.
    kept: std::collections::VecDeque<Told>,
}

impl Following {
    /// Follows from behind `last` on; without it from now on.
    ///
    /// # Errors
    ///
    /// Those of the first connection: who never answered is not waited for.
    pub fn open(target: &Target, last: Option<&str>) -> Result<Self, Failure> {
        let open = Some(target.follow(last)?);
        Ok(Self {
            target: target.clone(),
            open,
            last: last.map(str::to_owned),
            seen: last.and_then(parse_event_key),
            wait: WAITS.0,
            kept: std::collections::VecDeque::new(),
        })
    }

    /// What comes next, however long that takes.
    ///
    /// # Errors
    ///
    /// What no waiting mends: it wants a token, or speaks something else now.
    pub fn next(&mut self) -> Result<Told, Failure> {
        loop {
            if let Some(told) = self.kept.pop_front() {
                return Ok(told);
            }
            let Some(open) = &mut self.open else {
                thread::sleep(self.wait);
                match self.target.follow(self.last.as_deref()) {
                    Ok(open) => self.open = Some(open),
                    Err(Failure::Unreachable(_)) => {
                        self.wait = (self.wait * 2).min(WAITS.1);
                        continue;
                    }
                    Err(other) => return Err(other),
                }
                return Ok(Told::Back);
            };
            match open.next() {
                Some(Ok(message)) => {
                    self.wait = WAITS.0;
                    self.take(&message);
                }
                Some(Err(Failure::Unreachable(why))) => {
                    self.open = None;
                    return Ok(Told::Lost(why));
                }
                Some(Err(other)) => return Err(other),
                None => self.open = None,
            }
        }
    }

    fn take(&mut self, message: &Message) {
        if parse_event_key(&message.id).is_some() {
            self.last = Some(message.id.clone());
        }
        let said = message.json();
        match &*message.event {
            "snapshot" => self.kept.push_back(Told::Snapshot(said)),
            "notice" => self.event(said),
            "reset" => {
                self.last = None;
                self.kept.push_back(Told::Reset(said));
                // What happened in the new epoch, or is still kept, before we came.
                if let Ok(answer) = self.target.get("/v1/events?since=") {
                    crate::answer::list(&answer, "events")
                        .iter()
                        .cloned()
                        .for_each(|event| self.event(event));
                }
            }
            // A later version may tell more.
            _ => {}
        }
    }

    /// An event, unless it was told before: directly after a snapshot, or behind a reset, it may
    /// come twice.
    fn event(&mut self, event: Value) {
        let key = event["key"].as_str().and_then(parse_event_key);
        let again =
            key.zip(self.seen).is_some_and(|(key, seen)| key.0 == seen.0 && key.1 <= seen.1);
        if !again {
            self.seen = key.or(self.seen);
            self.kept.push_back(Told::Event(event));
        }
    }
}
