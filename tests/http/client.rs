//! A client that speaks just enough HTTP/1.1, and says exactly what a test wants it to say.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// No answer takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection of any kind.
pub trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// One connection.
pub struct Client(BufReader<Box<dyn Wire>>);

/// The head of an answer, and its body if it ends.
#[derive(Debug)]
pub struct Reply {
    /// 200 and so on.
    pub status: u16,
    /// As they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Empty for a stream.
    pub body: String,
}

/// One message of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// What kind of message it is.
    pub event: String,
    /// What it says.
    pub data: String,
    /// Comments before it.
    pub comments: usize,
}

impl Message {
    /// What it says, read.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).expect("the data is JSON")
    }
}

impl Reply {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }

    /// The body, read.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// What is wrong.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().expect("an error").to_owned()
    }
}

impl Client {
    /// Connects by TCP.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self::over(Box::new(stream))
    }

    /// Speaks over something that is connected.
    pub fn over(wire: Box<dyn Wire>) -> Self {
        Self(BufReader::new(wire))
    }

    /// Sends bytes as they are.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// Asks, with more headers (each with its line end), and takes the answer.
    pub fn ask(&mut self, path: &str, headers: &str) -> Reply {
        self.say(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"));
        self.reply()
    }

    /// Asks.
    pub fn get(&mut self, path: &str) -> Reply {
        self.ask(path, "")
    }

    /// Takes the head of an answer, and its body unless it is a stream.
    pub fn reply(&mut self) -> Reply {
        let mut reply = self.head();
        if reply.header("content-type").is_none_or(|kind| kind != "text/event-stream") {
            reply.body = self.body(&reply);
        }
        reply
    }

    /// Takes the head of an answer.
    pub fn head(&mut self) -> Reply {
        let first = self.line().expect("an answer");
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut headers = Vec::new();
        while let Some(line) = self.line().filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').expect("a header");
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let status = status.unwrap_or_else(|| panic!("no status: {first}"));
        Reply { status, headers, body: String::new() }
    }

    fn body(&mut self, reply: &Reply) -> String {
        let mut body = Vec::new();
        if let Some(length) = reply.header("content-length") {
            body.resize(length.parse().unwrap(), 0);
            self.0.read_exact(&mut body).unwrap();
        } else if reply.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk() {
                body.extend(chunk);
            }
        }
        String::from_utf8(body).unwrap()
    }

    /// The next chunk; `None` at the end, or if the connection is gone.
    fn chunk(&mut self) -> Option<Vec<u8>> {
        let length = usize::from_str_radix(&self.line()?, 16).ok()?;
        let mut chunk = vec![0; length];
        self.0.read_exact(&mut chunk).ok()?;
        self.line()?;
        (length > 0).then_some(chunk)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// Whether the other end closed; reads what it sent before.
    pub fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => true,
            Err(e) => e.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }

    /// Follows the events; `headers` each with its line end.
    pub fn follow(self, path: &str, headers: &str) -> Stream {
        let mut client = self;
        let reply = client.ask(path, &format!("Accept: text/event-stream\r\n{headers}"));
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.header("content-type"), Some("text/event-stream"));
        Stream { client, text: String::new() }
    }
}

/// A stream of messages.
pub struct Stream {
    client: Client,
    text: String,
}

impl Stream {
    /// The next message; `None` when the stream is over.
    pub fn next(&mut self) -> Option<Message> {
        let mut comments = 0;
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let mut message = Message { comments, ..Message::default() };
                for line in block.lines() {
                    match line.split_once(": ") {
                        Some(("id", value)) => message.id = value.into(),
                        Some(("event", value)) => message.event = value.into(),
                        Some(("data", value)) => message.data.push_str(value),
                        Some(("retry", value)) => assert!(value.parse::<u32>().is_ok()),
                        Some(("", _)) => comments += 1,
                        _ => panic!("what is {line:?}?"),
                    }
                }
                if !message.data.is_empty() {
                    return Some(message);
                }
                continue;
            }
            let chunk = self.client.chunk()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next message, which is a `kind`.
    pub fn expect(&mut self, kind: &str) -> Message {
        let message = self.next().expect("the stream goes on");
        assert_eq!(message.event, kind, "{message:?}");
        message
    }

    /// Waits until the server says that nothing happens.
    pub fn comment(&mut self) {
        loop {
            let chunk = self.client.chunk().expect("the stream goes on");
            if chunk.starts_with(b":") {
                return;
            }
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}
