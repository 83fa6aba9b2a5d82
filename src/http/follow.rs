//! Following the events: Server-Sent Events, from a place in the ring onwards.
//!
//! Whoever comes without a place gets the snapshot and then what happens. Whoever comes back gets what
//! it missed, and then the snapshot, for not every change is an event. Whoever comes back from
//! too far, or from another epoch, is told so (`reset`) and begins anew.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{Stream, unfold};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::timeout;

use super::door::Door;
use super::ring::Place;
use crate::notify::json::{event_key, parse_event_key};
use crate::proto::peer::view::View;
use crate::status::json;

/// Nothing was said for so long: a comment shows that the connection stands.
const QUIET: Duration = Duration::from_secs(15);
/// So many events are taken at a time.
const BATCH: usize = 16;
/// So many peers are written at a time.
const PEERS: usize = 16;
/// How long a client waits before it comes back, in milliseconds.
const RETRY: u32 = 2000;

/// A follower.
struct Follower {
    door: Arc<Door>,
    changed: watch::Receiver<u64>,
    place: Place,
    /// What is still to be said before anything else.
    said: VecDeque<Bytes>,
    /// The snapshot is still to be said, after the events that were missed: those up to this one.
    snapshot_after: Option<u64>,
    /// Of the snapshot what is not written yet.
    peers: VecDeque<View>,
    quiet: Duration,
    over: bool,
}

/// What a client gets that says `last` to be the last event that it saw.
pub fn follow(
    door: &Arc<Door>,
    last: Option<&str>,
) -> impl Stream<Item = io::Result<Bytes>> + use<> {
    unfold(Follower::new(Arc::clone(door), last), |mut follower| async move {
        let item = follower.next().await?;
        Some((item, follower))
    })
}

impl Follower {
    fn new(door: Arc<Door>, last: Option<&str>) -> Self {
        door.counts.following.fetch_add(1, Ordering::Relaxed);
        let changed = door.changes();
        let ring = door.ring();
        let (epoch, end) = ring.end();
        let known =
            last.map(|last| parse_event_key(last).filter(|place| ring.after(*place, 0).is_some()));
        let first = ring.first();
        drop(ring);
        let mut said = VecDeque::from([Bytes::from(format!("retry: {RETRY}\n\n"))]);
        if known == Some(None) {
            let data = json!({
                "epoch": format!("{epoch:016x}"),
                "first": first,
                "last": end,
                "asked": last.map(|last| last.chars().take(64).collect::<String>()),
            });
            said.push_back(Bytes::from(format!("event: reset\ndata: {data}\n\n")));
        }
        let mut follower = Self {
            // As often as the other end must show that it reads.
            quiet: QUIET.min(door.idle / 2).max(Duration::from_millis(100)),
            changed,
            place: (epoch, end),
            said,
            snapshot_after: Some(end),
            peers: VecDeque::new(),
            over: false,
            door,
        };
        match known.flatten() {
            Some(place) => follower.place = place,
            None => follower.begin_snapshot(),
        }
        follower
    }

    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            if self.over {
                return None;
            }
            if let Some(bytes) = self.said.pop_front() {
                return Some(Ok(bytes));
            }
            if !self.peers.is_empty() {
                return Some(Ok(self.go_on_with_snapshot()));
            }
            if self.snapshot_after.is_some_and(|end| self.place.1 >= end) {
                self.begin_snapshot();
                continue;
            }
            // Before the look, so that what comes after it is seen.
            self.changed.borrow_and_update();
            let Some(entries) = self.door.ring().after(self.place, BATCH) else {
                self.over = true;
                self.door.counts.lagged.fetch_add(1, Ordering::Relaxed);
                return Some(Err(io::Error::other("the events went on without this client")));
            };
            if let Some(last) = entries.last() {
                self.place.1 = last.id;
                let mut bytes =
                    BytesMut::with_capacity(entries.iter().map(|e| e.frame.len()).sum());
                entries.iter().for_each(|entry| bytes.extend_from_slice(&entry.frame));
                return Some(Ok(bytes.freeze()));
            }
            match timeout(self.quiet, self.changed.changed()).await {
                Ok(Ok(())) => {}
                // The port closes.
                Ok(Err(_)) => return None,
                Err(_) => return Some(Ok(Bytes::from_static(b": alive\n\n"))),
            }
        }
    }

    /// Says how all peers are, and goes on after the last event that this contains.
    fn begin_snapshot(&mut self) {
        self.snapshot_after = None;
        let about = self.door.source.about();
        let peers = self.door.source.peers();
        let ring = self.door.ring();
        self.place = ring.behind(&peers);
        let epoch = self.place.0;
        let outages: Vec<_> = ring
            .outages(&peers)
            .into_iter()
            .map(|(view, id)| {
                json!({
                    "peer": &*view.name,
                    "key": id.map(|id| event_key(epoch, id)),
                    "since": view.since.to_string(),
                })
            })
            .collect();
        drop(ring);
        let key = event_key(epoch, self.place.1);
        let about = json::about(&about);
        let outages = json!(outages);
        self.said.push_back(Bytes::from(format!(
            "id: {key}\nevent: snapshot\ndata: {{\"last\":\"{key}\",\"about\":{about},\"outages\":{outages},\"peers\":["
        )));
        self.peers = peers.into();
        if self.peers.is_empty() {
            self.said.push_back(Bytes::from_static(b"]}\n\n"));
        }
    }

    fn go_on_with_snapshot(&mut self) -> Bytes {
        let mut text = String::new();
        for _ in 0..PEERS {
            let Some(view) = self.peers.pop_front() else { break };
            text.push_str(&json::peer(&view, self.place.0).to_string());
            text.push_str(if self.peers.is_empty() { "]}\n\n" } else { "," });
        }
        Bytes::from(text)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.door.counts.following.fetch_sub(1, Ordering::Relaxed);
    }
}
