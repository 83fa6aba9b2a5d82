//! A client port with a made-up monitor behind it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use peermon::config::plan::{self, Hidden, Listen};
use peermon::http::ClientPort;
use peermon::http::bound::Bound;
use peermon::http::control::steer::Steer;
use peermon::notify::log::{Line, Logger};
use peermon::notify::queue::{Producer, queue};
use peermon::notify::sink::{Identity, Intake, Sink};
use peermon::notify::store::Store;
use peermon::proto::event::{Event, EventKind, Reason};
use peermon::proto::peer::view::{State, View};
use peermon::proto::rejection::Rejection;
use peermon::proto::time::Wall;
use peermon::status::source::{About, ChannelView, Source};

use super::client::Client;

/// Long enough on any machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The epoch of the made-up monitor.
pub const EPOCH: u64 = 0xe;

/// A monitor that is what a test says.
#[derive(Debug, Default)]
pub struct Made {
    views: Mutex<Vec<View>>,
    about: Mutex<About>,
    rejected: Mutex<Vec<Rejection>>,
}

impl Made {
    /// Changes what is known of the peer `name`, which is there from then on.
    pub fn put(&self, name: &str, change: impl FnOnce(&mut View)) {
        let mut views = self.views.lock().unwrap();
        let at = views.iter().position(|view| &*view.name == name).unwrap_or_else(|| {
            views.push(View::bare(name.into()));
            views.len() - 1
        });
        change(&mut views[at]);
    }

    /// A datagram is not taken.
    pub fn reject(&self, rejection: Rejection) {
        self.rejected.lock().unwrap().push(rejection);
    }

    /// Changes what is known of the monitor.
    pub fn about(&self, change: impl FnOnce(&mut About)) {
        change(&mut self.about.lock().unwrap());
    }
}

impl Source for Made {
    fn peers(&self) -> Vec<View> {
        self.views.lock().unwrap().clone()
    }

    fn peer(&self, name: &str) -> Option<View> {
        self.views.lock().unwrap().iter().find(|view| &*view.name == name).cloned()
    }

    fn about(&self) -> About {
        self.about.lock().unwrap().clone()
    }

    fn rejected(&self) -> Vec<Rejection> {
        self.rejected.lock().unwrap().clone()
    }
}

/// A running port; it ends with this.
pub struct Port {
    /// The monitor behind it.
    pub made: Arc<Made>,
    /// Where it listens.
    pub bound: Bound,
    /// What it logs.
    pub lines: Receiver<Line>,
    store: Arc<Store>,
    producer: Producer,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A port of TCP on the loopback, open to everybody there.
pub fn plan() -> plan::ClientPort {
    plan::ClientPort {
        listen: Some(Listen::At("127.0.0.1:0".parse().unwrap())),
        socket: None,
        token: None,
        tls: None,
        connections: 64,
        connections_per_address: 64,
        idle: Duration::from_secs(30),
    }
}

/// The same with a Unix socket instead.
pub fn unix(path: PathBuf) -> plan::ClientPort {
    plan::ClientPort { listen: None, socket: Some(path), ..plan() }
}

/// The same with a token.
pub fn with_token(token: &str) -> plan::ClientPort {
    plan::ClientPort { token: Some(Hidden(token.into())), ..plan() }
}

/// How the tests start the thread that serves.
pub fn spawn(name: &'static str, _: Logger, body: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
    Builder::new().name(name.into()).spawn(body).map(drop)
}

/// A monitor with one peer that is up.
pub fn made() -> Arc<Made> {
    let made = Arc::new(Made::default());
    made.about(|about| {
        about.group = "test".into();
        about.name = "orders".into();
        about.version = "0.0.0";
        about.epoch = EPOCH;
        about.incarnation = 0xabc;
        about.channels = vec![ChannelView { name: "clients", position: 3, dropped: 1 }];
    });
    made.put("billing", |view| {
        view.state = State::Up;
        view.record.on_start();
        view.record.on_running(41);
        view.last_heard = Some(Wall(1_795_746_637_000_000_000));
        view.evidence.interval = Duration::from_millis(200);
        view.evidence.deadline = Duration::from_secs(1);
        view.address = Some("127.0.0.2:28170".parse().unwrap());
    });
    made
}

impl Port {
    /// Opens the port of `plan`.
    pub fn open(plan: plan::ClientPort) -> Self {
        Self::start(plan, made(), (Store::default(), 0), vec![])
    }

    /// Starts the port of `plan` in front of `made`; an earlier life was done with the events up to
    /// `done`, and left `history`.
    pub fn start(
        plan: plan::ClientPort,
        made: Arc<Made>,
        (store, done): (Store, u64),
        history: Vec<Event>,
    ) -> Self {
        let source = Arc::clone(&made) as Arc<dyn Source>;
        let port = ClientPort::new(plan, source, spawn).expect("the plan is sound");
        Self::run(port, made, (store, done), history)
    }

    /// The control socket alone, by which `steer` is asked.
    pub fn steered(control: plan::Control, steer: Arc<dyn Steer>) -> Self {
        let made = made();
        let port = ClientPort::closed(Arc::clone(&made) as Arc<dyn Source>, spawn).unwrap();
        Self::run(port.steered(control, steer), made, (Store::default(), 0), vec![])
    }

    fn run(
        mut port: ClientPort,
        made: Arc<Made>,
        (store, done): (Store, u64),
        history: Vec<Event>,
    ) -> Self {
        let bound = port.bound();
        let (mut producer, consumer) = queue(4096);
        for event in history {
            producer.push(event);
        }
        let (stop, stopped) = bounded(0);
        let (logger, lines) = Logger::new();
        let store = Arc::new(store);
        let desk = store.open(port.name(), done).unwrap();
        let identity = Identity { group: "test".into(), name: "orders".into() };
        let intake = Intake::new((consumer, stopped), desk, logger, Arc::new(identity));
        let thread = Builder::new().spawn(move || port.run(&intake)).unwrap();
        Self { made, bound, lines, store, producer, stop: Some(stop), thread: Some(thread) }
    }

    /// A connection to it.
    pub fn connect(&self) -> Client {
        Client::connect(self.bound.tcp(PATIENCE).expect("it listens"))
    }

    /// An event happens.
    pub fn push(&mut self, event: Event) {
        self.producer.push(event);
    }

    /// Up to which event the channel says that it is done.
    pub fn done(&self) -> Option<u64> {
        self.store.take().cursors.first().map(|(_, done)| *done)
    }

    /// Closes it, and says how long that took.
    pub fn close(&mut self) -> Duration {
        let begun = std::time::Instant::now();
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        begun.elapsed()
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An event about billing.
pub fn event(id: u64, kind: EventKind, state: State) -> Event {
    Event {
        epoch: EPOCH,
        id,
        peer: Some("billing".into()),
        state,
        judged: Wall(1_795_746_638_000_000_000),
        ..Event::bare(kind)
    }
}

/// It goes down.
pub fn down(id: u64) -> Event {
    Event { reason: Reason::Silent, ..event(id, EventKind::Down, State::Down) }
}

/// It comes back.
pub fn recovered(id: u64) -> Event {
    Event { reason: Reason::Reconnected, ..event(id, EventKind::Recovered, State::Up) }
}
