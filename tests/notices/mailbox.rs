//! A relay that takes everything, and what it took.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use serde_json::Value;

use super::relay::Relay;

/// See the head of this file.
pub struct Mailbox {
    relay: Relay,
    letters: Mutex<Vec<Value>>,
}

impl Mailbox {
    /// Starts it; `None`, after a line that says so, where there can be none.
    pub fn start() -> Option<Self> {
        let relay = Relay::start(&[])?;
        Some(Self { relay, letters: Mutex::default() })
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.relay.port)
    }

    /// The events that letters came about.
    pub fn event_keys(&self) -> BTreeSet<String> {
        let mut letters = self.letters.lock().unwrap();
        letters.extend(core::iter::from_fn(|| self.relay.try_taken()));
        letters.iter().map(key).collect()
    }

    /// A letter that came twice has the same Message-ID, and no two others have.
    pub fn check_duplicates(&self) {
        let mut ids: BTreeMap<String, String> = BTreeMap::new();
        for letter in &*self.letters.lock().unwrap() {
            let id = letter["headers"]["Message-ID"].as_str().unwrap().to_owned();
            let former = ids.insert(id.clone(), key(letter));
            assert!(former.is_none_or(|former| former == key(letter)), "{id} is two letters");
        }
        let distinct: BTreeSet<&String> = ids.values().collect();
        assert_eq!(distinct.len(), ids.len(), "one event, two Message-IDs");
        println!("{} letters about {} events", self.letters.lock().unwrap().len(), ids.len());
    }
}

/// The event that a letter is about.
fn key(letter: &Value) -> String {
    let body = letter["body"].as_str().unwrap();
    let line = body.lines().find_map(|line| line.strip_prefix("Event "));
    line.unwrap_or_else(|| panic!("no event in {body}")).to_owned()
}
