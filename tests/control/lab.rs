//! Real monitors with a control socket, each in a folder of its own.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, unbounded};
use peermon::config::Config;
use peermon::notify::log::DEBUG;
use peermon::proto::event::{Event, EventKind, Interrupt};
use peermon::proto::time::Wall;
use peermon::runtime::Monitor;
use serde_json::{Value, json};

use super::client::{Client, Reply};
use super::port;
use super::support::folder::Folder;
pub use super::support::wait::{PATIENCE, until};

/// A monitor whose configuration is a file. Closed, and its folder removed, when dropped.
pub struct Host {
    pub monitor: Arc<Monitor>,
    /// Every event that it tells.
    pub events: Receiver<Event>,
    /// Every line that it logs.
    pub lines: Receiver<String>,
    /// Its port, for datagrams.
    pub port: u16,
    /// What all of its files say first.
    head: String,
    pub folder: Folder,
}

impl Host {
    /// One that is not started, with these lines in its file beside those that every test needs.
    pub fn new(name: &str, lines: &str) -> Self {
        let folder = Folder::new("control");
        let port = port::free();
        let socket = folder.join("c");
        let head = format!(
            "name = \"{name}\"\nlisten = \"127.0.0.1:{port}\"\ncontrol_socket = {socket:?}\n\
             detect_within = \"5s\"\n"
        );
        let linger = if lines.contains("end_linger") { "" } else { "end_linger = \"50ms\"\n" };
        let head = format!("{head}{linger}");
        let file = folder.join("server.toml");
        fs::write(&file, format!("{head}{lines}")).unwrap();
        let mut config = Config::new();
        config.load(&file).unwrap();
        let monitor = Arc::new(Monitor::new(config.check().unwrap()).unwrap());
        let (tell, events) = unbounded();
        let handler = move |event: &Event| drop(tell.send(event.clone()));
        monitor.on_event(u32::MAX, Some(Arc::new(handler))).unwrap();
        let (tell, lines) = unbounded();
        let handler = move |_: i32, line: &str| drop(tell.send(line.to_owned()));
        monitor.on_log(DEBUG, Some(Arc::new(handler))).unwrap();
        Self { monitor, events, lines, port, head, folder }
    }

    /// The same, started.
    pub fn start(name: &str, lines: &str) -> Self {
        let host = Self::new(name, lines);
        host.monitor.start().unwrap();
        host
    }

    /// Another file from now on.
    pub fn write(&self, lines: &str) {
        fs::write(self.file(), format!("{}{lines}", self.head)).unwrap();
    }

    pub fn file(&self) -> PathBuf {
        self.folder.join("server.toml")
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("c")
    }

    /// A connection as soon as the socket is there.
    pub fn stream(&self) -> UnixStream {
        let mut stream = None;
        until("the control socket is there", || {
            stream = UnixStream::connect(self.socket()).ok();
            stream.is_some()
        });
        let stream = stream.unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    pub fn client(&self) -> Client {
        Client::over(Box::new(self.stream()))
    }

    /// What the health of the server is answered with; 0 if the connection is only closed, as it is where
    /// there are too many to tell each of them.
    pub fn health(&self) -> u16 {
        let mut stream = self.stream();
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub fn get(&self, path: &str) -> Value {
        let reply = self.client().get(path);
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// Asks for something.
    pub fn ask(&self, verb: &str, body: &Value) -> Reply {
        post(&mut self.client(), verb, &body.to_string())
    }

    /// The same, which must be done; what is said of it.
    #[track_caller]
    pub fn done(&self, verb: &str, body: &Value) -> Value {
        let reply = self.ask(verb, body);
        assert_eq!(reply.status, 200, "{verb} {body}: {reply:?}");
        let value = reply.json();
        assert!(value["done"].is_string(), "{value}");
        value
    }

    /// The same, which must be refused; with what words.
    #[track_caller]
    pub fn refused(&self, verb: &str, body: &Value, status: u16) -> String {
        let reply = self.ask(verb, body);
        assert_eq!(reply.status, status, "{verb} {body}: {reply:?}");
        reply.error()
    }

    /// Waits for the event about what was asked for, which says who this is.
    #[track_caller]
    pub fn told(&self, what: &str) {
        let detail = self.next_control();
        let process = std::process::id();
        assert!(detail.starts_with(what), "{detail:?} is not about {what:?}");
        assert!(detail.ends_with(&format!(" (uid {}, pid {process})", uid())), "{detail}");
    }

    /// The next event of that kind.
    #[track_caller]
    pub fn next_control(&self) -> String {
        let event = self.event(|event| event.kind == EventKind::Control);
        assert_eq!(event.peer, None);
        event.detail.expect("it says what").to_string()
    }

    /// Waits for an event.
    #[track_caller]
    pub fn event(&self, wanted: impl Fn(&Event) -> bool) -> Event {
        let begun = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let event = self.events.recv_timeout(left).expect("the event comes");
            if wanted(&event) {
                return event;
            }
        }
    }

    /// Waits for a line in the log.
    #[track_caller]
    pub fn line(&self, wanted: &str) -> String {
        let begun = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no {wanted:?}"));
            if line.contains(wanted) {
                return line;
            }
        }
    }

    /// Hears what the application is asked for.
    pub fn interrupts(&self) -> Receiver<Interrupt> {
        let (tell, interrupts) = unbounded();
        let handler = move |interrupt: &Interrupt, _: Wall| drop(tell.send(interrupt.clone()));
        self.monitor.on_interrupt(Some(Arc::new(handler))).unwrap();
        interrupts
    }

    /// The names of its peers.
    pub fn peers(&self) -> Vec<String> {
        self.monitor.peers().iter().map(|view| view.name.to_string()).collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.monitor.close();
    }
}

/// Sends one request and takes its answer.
pub fn post(client: &mut Client, verb: &str, body: &str) -> Reply {
    client.say(format!(
        "POST /v1/control/{verb} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    client.reply()
}

/// `[[peer]]`.
pub fn peer(name: &str, port: u16) -> String {
    format!("[[peer]]\nname = \"{name}\"\naddress = \"127.0.0.1:{port}\"\n")
}

/// `{}`.
pub fn nothing() -> Value {
    json!({})
}

/// The user that the tests run as.
pub fn uid() -> u32 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").unwrap().uid()
}
