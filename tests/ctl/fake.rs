//! A control socket that takes whatever comes, remembers it, and answers what a test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

/// One request: method, path, body (null if there was none).
pub type Request = (String, String, Value);

/// It ends with this.
pub struct Fake {
    path: PathBuf,
    seen: Arc<Mutex<Vec<Request>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    /// Listens at `path` and answers by `answer`: a status, and what is said.
    pub fn new(path: &Path, answer: impl Fn(&Request) -> (u16, String) + Send + 'static) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        let (log, stop) = (Arc::clone(&seen), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                serve(stream.unwrap(), &answer, &log);
            }
        });
        Self { path: path.to_owned(), seen, over, thread: Some(thread) }
    }

    /// What came since this was asked last.
    pub fn seen(&self) -> Vec<Request> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = UnixStream::connect(&self.path);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(
    stream: UnixStream,
    answer: impl Fn(&Request) -> (u16, String),
    log: &Mutex<Vec<Request>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut first = String::new();
    stream.read_line(&mut first).ok()?;
    let mut words = first.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut is_json, mut hosts) = (0, false, 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        match line.split_once(": ") {
            None => break,
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(("content-type", value)) => is_json = value == "application/json",
            Some(("host", _)) => hosts += 1,
            Some(_) => {}
        }
    }
    assert_eq!(hosts, 1, "a request of HTTP/1.1 has one Host header");
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    assert_eq!(is_json, length > 0, "a body says that it is JSON, and nothing else does");
    let body = if length == 0 { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    let request = (method, path, body);
    let (status, said) = answer(&request);
    // Before the answer, after which whoever asked may be gone, and the test looks.
    log.lock().unwrap().push(request);
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        said.len()
    );
    let stream = stream.get_mut();
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(said.as_bytes())).ok()
}
