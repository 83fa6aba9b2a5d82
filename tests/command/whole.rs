//! The channel as a whole, from an event to what a script makes of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use peermon::config::Config;
use peermon::notify::command::CommandSink;
use peermon::notify::log::{Line, Logger};
use peermon::notify::queue::{Producer, queue};
use peermon::notify::sink::{Identity, Intake, Sink};
use peermon::notify::store::{Desk, Store};
use peermon::proto::event::{Event, EventKind};
use peermon::runtime::programs;

use crate::rig::until;
use crate::support::folder::Folder;

/// A channel that runs `script` of a folder.
pub struct Channel {
    events: Producer,
    stop: Option<Sender<()>>,
    pub desk: Desk,
    pub lines: Receiver<Line>,
    thread: Option<JoinHandle<()>>,
}

impl Channel {
    pub fn new(program: &Path, more: &str) -> Self {
        let mut config = Config::new();
        let text = format!("name = \"orders\"\non_event_command = [{program:?}]\n{more}\n");
        config.load_str("orders.toml", &text).unwrap();
        let command = config.check().unwrap().channels.command.unwrap();
        let (events, consumer) = queue(64);
        let (stop, stopped) = bounded(0);
        let desk = Arc::new(Store::default()).open("command", 0).unwrap();
        let (logger, lines) = Logger::new();
        let identity = Arc::new(Identity { group: "default".into(), name: "orders".into() });
        let intake = Intake::new((consumer, stopped), desk.clone(), logger, identity);
        let mut sink = CommandSink::new(command, programs::make);
        let thread = std::thread::spawn(move || sink.run(&intake));
        Self { events, stop: Some(stop), desk, lines, thread: Some(thread) }
    }

    pub fn push(&mut self, id: u64, kind: EventKind, peer: &str) {
        let peer = Some(peer.into());
        self.events.push(Event { epoch: 0xab, id, peer, ..Event::bare(kind) });
    }

    pub fn await_cursor(&self, id: u64) {
        until("the command has done it", || self.desk.position() == id);
    }

    pub fn stop(&mut self) -> Vec<String> {
        self.stop = None;
        self.thread.take().unwrap().join().unwrap();
        self.lines.try_iter().map(|line| line.text).collect()
    }
}

pub fn program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn events_of_a_peer_are_told_in_order_and_those_of_others_beside_them() {
    let folder = Folder::new("command-order");
    let tell = folder.join("tell");
    // The run for a waits until the one for b has been: they must run at the same time.
    let text = format!(
        "#!/bin/sh\ncd {}\necho $PEERMON_KIND $PEERMON_EVENT_ID >> $PEERMON_PEER\n\
         if [ $PEERMON_PEER = a ]; then until [ -e b ]; do sleep 0.01; done; fi\n\
         echo told $PEERMON_PEER\n",
        folder.path().display()
    );
    program(&tell, &text);
    let mut channel = Channel::new(&tell, "command_concurrency = 2");
    channel.push(1, EventKind::Down, "a");
    channel.push(2, EventKind::Recovered, "a");
    channel.push(3, EventKind::Late, "a");
    channel.push(4, EventKind::Down, "b");
    channel.await_cursor(4);
    let of = |peer| fs::read_to_string(folder.join(peer)).unwrap();
    assert_eq!(of("a"), "DOWN 00000000000000ab-1\nRECOVERED 00000000000000ab-2\n");
    assert_eq!(of("b"), "DOWN 00000000000000ab-4\n");
    let said = channel.stop();
    let line = "the command for RECOVERED a [event 2] says: told a";
    assert!(said.iter().any(|said| said == line), "{said:?}");
}

#[test]
fn a_program_that_vanishes_is_told_once_and_when_it_is_back() {
    let folder = Folder::new("command-gone");
    let tell = folder.join("tell");
    program(&tell, "#!/bin/sh\nexit 0\n");
    let mut channel = Channel::new(&tell, "");
    channel.push(1, EventKind::Down, "a");
    channel.await_cursor(1);
    fs::remove_file(&tell).unwrap();
    channel.push(2, EventKind::Recovered, "a");
    let told = channel.lines.recv_timeout(crate::rig::PATIENCE).unwrap();
    let shown = tell.display();
    let text =
        format!("the command {shown} cannot be started: No such file or directory (os error 2)");
    assert_eq!(told.text, text);
    program(&tell, "#!/bin/sh\nexit 0\n");
    channel.await_cursor(2);
    assert_eq!(channel.stop(), [format!("the command {shown} can be started again")]);
}
