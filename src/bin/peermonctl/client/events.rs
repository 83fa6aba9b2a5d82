//! The stream of a monitor's events (Server-Sent Events), message by message.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::Target;
use super::http::{Asked, QUIET, runtime, send, silent};
use crate::failure::Failure;

/// The longest message: a snapshot of ten thousand peers.
const LONGEST: usize = 64 << 20;

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The key of the event up to which everything is told.
    pub id: String,
    /// `snapshot`, `notice` or `reset`.
    pub event: String,
    /// What it says, one line of JSON.
    pub data: String,
}

impl Message {
    /// What it says, read; null if it is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or(Value::Null)
    }
}

/// An open stream. As an iterator it ends after the first failure.
pub struct Events {
    // Before the runtime, in which its connection lives.
    body: Incoming,
    runtime: Runtime,
    reader: Reader,
    name: String,
    over: bool,
}

impl Events {
    pub(super) fn open(target: &Target, last: Option<&str>) -> Result<Self, Failure> {
        let runtime = runtime()?;
        let place = last.map(|last| ("last-event-id", last));
        let headers: Vec<_> = [("accept", "text/event-stream")].into_iter().chain(place).collect();
        let asked = Asked { method: "GET", path: "/v1/events", headers: &headers, body: None };
        let answer = runtime.block_on(async {
            timeout(target.timeout, send(target, &asked))
                .await
                .unwrap_or_else(|_| Err(silent(target)))
        })?;
        // As when it is asked for one answer.
        if answer.status() == 403
            && let Some(behind) = target.behind()
        {
            return Self::open(&behind, last);
        }
        let kind = answer.headers().get("content-type").map(|kind| kind.as_bytes());
        if answer.status() != 200 || kind != Some(b"text/event-stream") {
            // The same question without the stream says what is wrong.
            drop(runtime);
            target.get("/v1/events")?;
            let why = "it answers, but does not tell events as a monitor does";
            return Err(Failure::Refused(format!("{}: {why}", target.name())));
        }
        let reader = Reader::default();
        Ok(Self { body: answer.into_body(), runtime, reader, name: target.name(), over: false })
    }

    fn read(&mut self) -> Result<Message, Failure> {
        loop {
            if let Some(message) = self.reader.message() {
                return Ok(message);
            }
            let gone = |why: &str| Failure::Unreachable(format!("{}: {why}", self.name));
            let body = &mut self.body;
            let frame = self.runtime.block_on(async { timeout(QUIET, body.frame()).await });
            let bytes = match frame {
                Err(_) => return Err(gone("nothing came for half a minute")),
                Ok(None) => return Err(gone("it closed the connection")),
                Ok(Some(Err(_))) => return Err(gone("the connection broke")),
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            };
            if !self.reader.take(&bytes) {
                return Err(gone("a message is too long"));
            }
        }
    }
}

impl Iterator for Events {
    type Item = Result<Message, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let read = self.read();
        self.over = read.is_err();
        Some(read)
    }
}

/// What came and is no whole message yet.
#[derive(Debug, Default)]
struct Reader {
    bytes: Vec<u8>,
    /// Up to here there is no line end.
    searched: usize,
    message: Message,
}

impl Reader {
    /// More came; false if it is too much for one line.
    fn take(&mut self, bytes: &Bytes) -> bool {
        self.bytes.extend_from_slice(bytes);
        self.bytes.len() <= LONGEST
    }

    /// The next whole message, if it is there.
    fn message(&mut self) -> Option<Message> {
        let mut begin = 0;
        let mut found = None;
        while found.is_none() {
            let from = self.searched.max(begin);
            let Some(at) = self.bytes[from..].iter().position(|byte| *byte == b'\n') else { break };
            let end = from + at;
            let line = String::from_utf8_lossy(&self.bytes[begin..end]).into_owned();
            begin = end + 1;
            found = self.line(line.strip_suffix('\r').unwrap_or(&line));
        }
        self.bytes.drain(..begin);
        self.searched = if found.is_some() { 0 } else { self.bytes.len() };
        found
    }

    /// One line of it; a message at its end.
    fn line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            return (!message.data.is_empty()).then_some(message);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.message.id = value.to_owned(),
            "event" => self.message.event = value.to_owned(),
            "data" if self.message.data.is_empty() => self.message.data = value.to_owned(),
            "data" => {
                self.message.data.push('\n');
                self.message.data.push_str(value);
            }
            // Comments, `retry`, and whatever comes later.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "retry: 2000\n\nid: e-1\nevent: snapshot\ndata: {\"a\":1}\n\n: alive\n\n\
                        id: e-2\r\nevent: notice\r\ndata: x\r\ndata: y\r\n\r\nid: e-3\n";

    fn read_in_pieces(of: usize) -> Vec<Message> {
        let mut reader = Reader::default();
        let mut messages = Vec::new();
        for piece in TEXT.as_bytes().chunks(of) {
            assert!(reader.take(&Bytes::copy_from_slice(piece)));
            while let Some(message) = reader.message() {
                messages.push(message);
            }
        }
        messages
    }

    #[test]
    fn messages_are_the_same_however_they_are_cut_on_the_way() {
        let whole = read_in_pieces(TEXT.len());
        assert_eq!(whole.len(), 2);
        assert_eq!((&*whole[0].id, &*whole[0].event), ("e-1", "snapshot"));
        assert_eq!(whole[0].json()["a"], 1);
        assert_eq!((&*whole[1].id, &*whole[1].data), ("e-2", "x\ny"));
        for of in 1..20 {
            assert_eq!(read_in_pieces(of), whole, "{of}");
        }
    }
}
