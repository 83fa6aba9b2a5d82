//! Killed between and within any two writes, over random histories: afterwards record and journal agree,
//! ids are unique, and no cursor is ahead of the spool (rule R6, invariant 11).
//!
//! The model is what the machine would do ([`super::model`]).

use std::collections::BTreeMap;

use super::super::layout::CURSORS;
use super::super::{Image, inspect};
use super::model::Peer;
use super::*;
use crate::proto::peer::view::State;

const ROUNDS: u64 = 240;
const PEERS: u64 = 24;

/// A server over many lives, with what it must find again.
struct World {
    random: Random,
    clock: u64,
    peers: BTreeMap<String, Peer>,
    /// The peer before the event that may not be committed.
    before: Option<(String, Peer, Event)>,
    events: Vec<Event>,
    /// Ids that somebody was told.
    given: u64,
    /// The last event of every peer that the records may contain.
    committed: u64,
    cursors: BTreeMap<String, [u64; 2]>,
    spool: BTreeMap<u16, [Option<Vec<u8>>; 2]>,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            clock: 1,
            peers: BTreeMap::new(),
            before: None,
            events: Vec::new(),
            given: 0,
            committed: 0,
            cursors: BTreeMap::new(),
            spool: BTreeMap::new(),
        }
    }

    fn now(&mut self) -> Clock {
        self.clock += 1 + self.random.below(50);
        at(self.clock)
    }

    /// Lives until the disk refuses.
    fn live(&mut self, file: &mut StatusFile<Disk>) -> std::io::Result<()> {
        let incarnation = self.random.next();
        let now = self.now();
        file.begin_life(incarnation, 1, now)?;
        loop {
            match self.random.below(16) {
                0..9 => self.tell(file)?,
                9..11 => {
                    let now = self.now();
                    let views: Vec<_> =
                        self.peers.iter().map(|(name, peer)| peer.view(name, now)).collect();
                    file.write_peers(views.iter(), self.committed, now)?;
                }
                11 => {
                    let now = self.now();
                    file.beat((1, self.clock), self.given, now)?;
                }
                12..14 => self.work(file)?,
                14 => self.heartbeats(),
                _ => file.sync()?,
            }
        }
    }

    fn tell(&mut self, file: &mut StatusFile<Disk>) -> std::io::Result<()> {
        let name = format!("peer-{}", self.random.below(PEERS));
        let now = self.now();
        let id = self.given + 1;
        let peer = self.peers.entry(name.clone()).or_insert_with(Peer::new);
        let before = peer.clone();
        let happened = peer.happen(id, now, &mut self.random);
        let event = Event { peer: Some(name.as_str().into()), epoch: file.epoch(), ..happened };
        self.before = Some((name, before, event.clone()));
        if self.random.below(4) == 0 {
            // The view is published before its event is recorded, and must wait.
            let views: Vec<_> =
                self.peers.iter().map(|(name, peer)| peer.view(name, now)).collect();
            file.write_peers(views.iter(), self.committed, now)?;
        }
        file.append(&event, now)?;
        self.before = None;
        (self.given, self.committed) = (id, id);
        self.events.push(event);
        Ok(())
    }

    /// A channel does its work: what is left of it goes to the spool before the cursor moves.
    fn work(&mut self, file: &mut StatusFile<Disk>) -> std::io::Result<()> {
        let channel = format!("channel-{}", self.random.below(CURSORS as u64));
        let slot = self.random.below(256) as u16;
        let bytes = self.random.next().to_le_bytes().to_vec();
        let now = self.spool.get(&slot).and_then(|[_, now]| now.clone());
        let next = Some(bytes.clone()).filter(|_| self.random.below(3) != 0);
        self.spool.insert(slot, [now, next.clone()]);
        match &next {
            Some(bytes) => file.put_spool(slot, &channel, bytes)?,
            None => file.free_spool(slot)?,
        }
        self.spool.insert(slot, [next.clone(), next]);
        let now = self.cursors.get(&channel).map_or(0, |[_, now]| *now);
        self.cursors.insert(channel.clone(), [now, self.given]);
        file.set_cursor(&channel, self.given)?;
        self.cursors.insert(channel, [self.given; 2]);
        Ok(())
    }

    fn heartbeats(&mut self) {
        for peer in self.peers.values_mut().filter(|peer| peer.state == State::Up) {
            peer.record.on_running(self.clock);
        }
    }

    /// What the next life finds is what this one had, but for at most the one write that was under way.
    fn check(&mut self, image: &Image, now: Clock) {
        if let Some((name, peer, event)) = self.before.take() {
            if image.events.last() == Some(&event) {
                self.given = event.id;
                self.events.push(event);
            } else {
                self.peers.insert(name, peer);
            }
        }
        let kept = &self.events[self.events.len().saturating_sub(image.events.len())..];
        assert_eq!(image.events, kept, "the journal");
        let least = self.events.len().min(1023);
        assert!((least..=1024).contains(&image.events.len()));
        assert!(image.memory.last_id >= self.given);
        for memory in &image.memory.peers {
            let found = Peer::restored(memory, now);
            let model = self.peers.get(&*memory.name).cloned().unwrap_or_else(Peer::new);
            assert_eq!(
                format!("{:?}", found.essence()),
                format!("{:?}", model.essence()),
                "{}",
                memory.name
            );
        }
        for (name, model) in &self.peers {
            let known = image.memory.peers.iter().any(|memory| *memory.name == **name);
            assert!(known || model.last_event == 0, "{name} is lost");
        }
        for (channel, may) in &self.cursors {
            let found = image.cursors.iter().find(|(name, _)| name == channel);
            let found = found.map_or(0, |(_, id)| *id);
            assert!(may.contains(&found), "{channel}");
        }
        for (slot, may) in &self.spool {
            let found = image.spool.iter().find(|entry| entry.slot == *slot);
            assert!(may.contains(&found.map(|entry| entry.bytes.clone())), "{slot}");
        }
    }

    /// The next life takes over what was found.
    fn take_over(&mut self, image: &Image, now: Clock) {
        self.given = image.memory.last_id;
        self.committed = image.memory.last_id;
        let peers = image.memory.peers.iter();
        self.peers =
            peers.map(|memory| (memory.name.to_string(), Peer::restored(memory, now))).collect();
        self.cursors = image.cursors.iter().map(|(name, id)| (name.clone(), [*id; 2])).collect();
        let spool = image.spool.iter();
        self.spool =
            spool.map(|entry| (entry.slot, [(); 2].map(|()| Some(entry.bytes.clone())))).collect();
    }
}

fn history(seed: u64, rounds: u64, most: u64) {
    let disk = Disk::default();
    let mut world = World::new(seed);
    let mut file = create(&disk);
    for round in 0..rounds {
        disk.kill_after(world.random.below(most) as usize);
        world.live(&mut file).unwrap_err();
        disk.heal();
        drop(file);
        let now = world.now();
        let seen = inspect(&disk, now).unwrap_or_else(|why| panic!("{seed} {round}: {why}"));
        let image;
        (file, image) = open(&disk, now);
        assert_eq!(seen, image);
        world.check(&image, now);
        world.take_over(&image, now);
    }
    assert!(world.events.len() > 1024 || rounds < 100, "the ring never came round");
}

#[test]
fn a_server_that_is_killed_anywhere_finds_its_records_and_its_journal_in_agreement() {
    for seed in 0..3 {
        history(seed, ROUNDS / 3, 40_000);
    }
}

#[test]
fn a_server_that_is_killed_again_as_soon_as_it_lives_finds_them_too() {
    history(77, 60, 2_000);
}

#[test]
fn events_that_come_faster_than_records_are_written_are_not_overwritten_before() {
    let disk = Disk::default();
    let mut world = World::new(5);
    let mut file = create(&disk);
    for _ in 0..5_000 {
        world.tell_only(&mut file);
    }
    let now = world.now();
    let (_, image) = open(&disk, now);
    world.check(&image, now);
    assert_eq!(image.memory.peers.len(), PEERS as usize + 1);
}

#[test]
fn a_view_that_is_older_than_the_journal_takes_nothing_back() {
    let disk = Disk::default();
    let mut file = create(&disk);
    let mut peer = Peer::new();
    let mut random = Random::new(3);
    let mut tell = |file: &mut StatusFile<Disk>, peer: &mut Peer, id| {
        let happened = peer.happen(id, at(id), &mut random);
        let event = Event { peer: Some("old".into()), epoch: file.epoch(), ..happened };
        file.append(&event, at(id)).unwrap();
    };
    tell(&mut file, &mut peer, 1);
    let view = peer.view("old", at(1));
    while peer.state != State::Down {
        let id = peer.last_event + 1;
        tell(&mut file, &mut peer, id);
    }
    let first = peer.last_event + 1;
    for id in first..first + 1500 {
        file.append(&event(&file, EventKind::Late, id, "another"), at(id)).unwrap();
    }
    file.write_peers([&view].into_iter(), u64::MAX, at(2000)).unwrap();
    let image = open(&disk, at(2000)).1;
    let found = image.memory.peers.iter().find(|memory| &*memory.name == "old").unwrap();
    assert_eq!((found.state, found.kept.last_event), (State::Down, peer.last_event));
}

impl World {
    /// An event, and nobody writes records.
    fn tell_only(&mut self, file: &mut StatusFile<Disk>) {
        let name = format!("peer-{}", self.random.below(PEERS));
        let now = self.now();
        let id = self.given + 1;
        let peer = self.peers.entry(name.clone()).or_insert_with(Peer::new);
        let happened = peer.happen(id, now, &mut self.random);
        let event = Event { peer: Some(name.as_str().into()), epoch: file.epoch(), ..happened };
        file.append(&event, now).unwrap();
        self.given = id;
        self.events.push(event);
        // One that happens once only and would be forgotten with the ring.
        if id == 1 {
            self.tell_once(file);
        }
    }

    fn tell_once(&mut self, file: &mut StatusFile<Disk>) {
        let now = self.now();
        let id = self.given + 1;
        let mut peer = Peer::new();
        let happened = peer.happen(id, now, &mut self.random);
        let event = Event { peer: Some("peer-once".into()), epoch: file.epoch(), ..happened };
        self.peers.insert("peer-once".into(), peer);
        file.append(&event, now).unwrap();
        self.given = id;
        self.events.push(event);
    }
}
