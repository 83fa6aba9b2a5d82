//! Asking a monitor: HTTP/1.1 over a Unix socket or TCP, one blocking call at a time.

mod door;
mod events;
mod following;
mod http;

use std::fmt;
use std::time::Duration;

use serde_json::Value;

pub use self::door::Door;
pub use self::events::{Events, Message};
pub use self::following::{Following, Told};
use crate::failure::Failure;

/// A monitor, and how long it may take to answer.
#[derive(Clone, Debug)]
pub struct Target {
    /// Tried in this order until one can be connected to.
    doors: Vec<Door>,
    token: Option<Token>,
    timeout: Duration,
    /// Whether a control socket is among the doors, where that is known.
    pub steering: Option<bool>,
}

/// What a client shows to be let in; it does not show itself.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The token itself: visible ASCII.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// An answer, whatever it says.
#[derive(Clone, Debug)]
pub struct Reply {
    /// 200 and so on.
    pub status: u16,
    /// What it says.
    pub body: String,
}

impl Target {
    /// A monitor that is behind one of `doors`.
    pub fn new(doors: Vec<Door>, token: Option<Token>, timeout: Duration) -> Self {
        Self { doors, token, timeout, steering: None }
    }

    /// What it is called where a person is told of it.
    pub fn name(&self) -> String {
        self.doors.first().map(Door::to_string).unwrap_or_default()
    }

    /// Asks for what is at `path`.
    pub fn get(&self, path: &str) -> Result<Value, Failure> {
        let reply = self.ask("GET", path, None)?;
        // Who may not use the control socket may still read by the sockets behind it.
        if reply.status == 403
            && let Some(behind) = self.behind()
        {
            return behind.get(path);
        }
        if reply.status == 503 {
            return Err(Failure::Unreachable(self.complaint(&reply)));
        }
        self.said(&reply)
    }

    /// Asks it to do something.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        if self.steering == Some(false) {
            return Err(Failure::Refused(NO_CONTROL.into()));
        }
        // The sockets behind the control socket only answer.
        let first = Self { doors: self.doors.iter().take(1).cloned().collect(), ..self.clone() };
        let reply = first.ask("POST", path, Some(body))?;
        if reply.status == 405 {
            return Err(Failure::Refused(format!("{}: {ONLY_ANSWERS}", self.name())));
        }
        self.said(&reply)
    }

    /// Asks, and takes whatever comes; a failure only if nothing does.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Reply, Failure> {
        http::ask(self, method, path, body)
    }

    /// Follows the events from behind `last` on; without it, from now on.
    pub fn follow(&self, last: Option<&str>) -> Result<Events, Failure> {
        Events::open(self, last)
    }

    /// The same without its first door; `None` if it has no other.
    fn behind(&self) -> Option<Self> {
        let doors = self.doors.get(1..).filter(|doors| !doors.is_empty())?.to_vec();
        Some(Self { doors, ..self.clone() })
    }

    /// What is said of a status that is no answer.
    fn complaint(&self, reply: &Reply) -> String {
        let said = serde_json::from_str::<Value>(&reply.body).unwrap_or(Value::Null);
        match said["error"].as_str() {
            Some(error) => error.to_owned(),
            None => format!("{}: it answers with the status {}", self.name(), reply.status),
        }
    }

    /// What an answer says, or what it complains of.
    fn said(&self, reply: &Reply) -> Result<Value, Failure> {
        let said = serde_json::from_str::<Value>(&reply.body);
        match (reply.status, said) {
            (200, Ok(said)) => Ok(said),
            (200, Err(_)) => {
                let why = "it answers, but not as a monitor does: this is no JSON";
                Err(Failure::Refused(format!("{}: {why}", self.name())))
            }
            (401, _) if self.token.is_none() => Err(Failure::Refused(format!(
                "{}: it wants its token: --token-file FILE says where that is",
                self.name()
            ))),
            _ => Err(Failure::Refused(self.complaint(reply))),
        }
    }
}

const NO_CONTROL: &str = "the configuration names no control_socket, and the other sockets only \
     answer; write control_socket = \"/run/peermon/NAME.control\" and start the server anew";
const ONLY_ANSWERS: &str =
    "this socket only answers questions; what is asked for needs the control_socket of the server";
