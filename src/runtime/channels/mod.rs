//! The channels beside the host's callback: which there are, their lanes, their threads, and what the
//! status file remembers for them.
//!
//! They start with the first start of the application, after the status file was read, and end with the
//! close of the monitor: mail goes out and clients are answered after the end of the application too.

mod left;
mod list;

use core::time::Duration;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Sender, bounded};

use self::left::{cursor, uncounted, undone, warn_of_gap};
use self::list::{ALL, Make};
use super::core::Core;
use super::recorder::{Recorder, Refusal};
use super::restart::persist;
use super::shared::Shared;
use super::sys::clock;
use super::sys::table::{self, TableKind};
use super::threads::{Thread, WORK_STACK};
use crate::config::plan::Plan;
use crate::error::{Code, Error, Result};
use crate::notify::dispatcher::{Dispatcher, Dropped};
use crate::notify::queue::{Consumer, queue, told};
use crate::notify::sink::{Identity, Intake, Sink};
use crate::notify::store::Entry;
use crate::proto::machine::Input;
use crate::proto::memory::Memory;
use crate::status::file::Image;

/// Events that wait for one channel; beyond that whole outages merge.
const LANE: usize = 256;
/// A close waits this long for a channel.
const LEAVE: Duration = Duration::from_secs(2);
/// The name of the host's callback in the status file.
pub const CALLBACK: &str = "callback";

/// One channel of a monitor.
struct Channel {
    name: &'static str,
    make: Make,
    events: Consumer,
    dropped: Dropped,
    running: Option<(Thread, Sender<()>)>,
}

/// All that belong to one monitor.
#[derive(Default)]
pub struct Channels {
    all: Vec<Channel>,
    recorder: Option<Recorder>,
    started: bool,
    /// The last event of an earlier life that was handed to the host's callback.
    handed: u64,
}

impl Channels {
    /// The channels that `plan` wants, each with a lane of its own.
    pub fn new(plan: &Plan, dispatcher: &mut Dispatcher) -> Self {
        let mut all = Vec::new();
        for &(name, _, make) in ALL.iter().filter(|(_, wanted, _)| wanted(&plan.channels)) {
            let (producer, events) = queue(LANE);
            let dropped = dispatcher.add(name, producer);
            all.push(Channel { name, make, events, dropped, running: None });
        }
        Self { all, recorder: None, started: false, handed: 0 }
    }

    /// Whether every channel can be made of the configuration.
    ///
    /// # Errors
    ///
    /// [`Code::Config`] with what is wrong.
    pub fn check(&self, shared: &Arc<Shared>) -> Result<()> {
        self.all.iter().try_for_each(|channel| (channel.make)(shared).map(drop))
    }

    /// The first start of the application: opens the status file, takes over what an earlier life left
    /// in it, and starts the channels. Later starts change nothing.
    ///
    /// # Errors
    ///
    /// [`Code::State`] if another monitor holds the status file, [`Code::Io`] if a thread is refused.
    /// Nothing is left running then.
    pub fn start(&mut self, shared: &Arc<Shared>, core: &mut Core) -> Result<()> {
        if self.started {
            return Ok(());
        }
        let mut epoch = 0;
        let image = match &shared.plan.channels.status_file {
            None => None,
            Some(settings) => match Recorder::start(shared, settings) {
                Ok((recorder, of_file, image)) => {
                    epoch = of_file;
                    core.held.attach(recorder.register());
                    self.recorder = Some(recorder);
                    image
                }
                Err(Refusal::Fatal(error)) => return Err(error),
                Err(Refusal::Without(why)) => {
                    shared.logger.warn(format_args!(
                        "status_file = {}: it is not used, and nothing is remembered across a \
                         restart: {why}",
                        settings.path.display()
                    ));
                    None
                }
            },
        };
        let image = image.as_ref();
        self.take_over(shared, core, epoch, image);
        if let Err(error) = self.start_threads(shared, image) {
            self.stop();
            core.held.detach();
            return Err(error);
        }
        self.started = true;
        Ok(())
    }

    /// What an earlier life left, to the machine, the desks and the host's callback. A new file lends its
    /// epoch alone; without a file (`epoch` is 0) everything is as it was made.
    fn take_over(
        &mut self,
        shared: &Arc<Shared>,
        core: &mut Core,
        epoch: u64,
        image: Option<&Image>,
    ) {
        if epoch != 0 {
            let memory = image.map_or_else(Memory::default, |image| image.memory.clone());
            let memory = Box::new(Memory { epoch, ..memory });
            core.feed(clock::now(), Input::Restore(memory), shared, &mut super::core::NoOutlet);
            shared.snapshot.publish(core.machine.changed());
            core.machine.clear_changed();
            shared.accounts.note_epoch(core.machine.epoch());
        }
        if let Some(image) = image {
            let entries = image.spool.iter().map(|left| Entry {
                slot: left.slot,
                channel: left.channel.clone(),
                bytes: left.bytes.clone(),
            });
            shared.store.restore(entries.collect());
        }
        let position = cursor(image, CALLBACK);
        if let Some(desk) = shared.store.open(CALLBACK, position) {
            let _ = shared.callback_desk.set(desk);
        }
        warn_of_gap(shared, image, CALLBACK, position);
        let before = self.handed;
        for event in undone(image, position.max(before)) {
            self.handed = event.id;
            core.events.push_to_callback(event);
        }
        for event in uncounted(image).filter(|event| event.id > before) {
            self.handed = self.handed.max(event.id);
            core.events.push(event.clone());
        }
    }

    fn start_threads(&mut self, shared: &Arc<Shared>, image: Option<&Image>) -> Result<()> {
        let settings = &shared.plan.settings;
        let identity = Identity { group: settings.group.clone(), name: settings.name.to_string() };
        let identity = Arc::new(identity);
        for channel in &mut self.all {
            let Some(sink) = (channel.make)(shared)? else { continue };
            let position = cursor(image, channel.name);
            let Some(desk) = shared.store.open(channel.name, position) else {
                return Err(Error::new(Code::Internal, "there are too many channels"));
            };
            if !sink.wants_history() {
                warn_of_gap(shared, image, channel.name, position);
            }
            let backlog = if sink.wants_history() {
                told(image.map_or_else(Vec::new, |image| image.events.clone()))
            } else {
                undone(image, position)
            };
            let (stop, stopped) = bounded(0);
            let ends = (channel.events.clone(), stopped);
            let intake = Intake::new(ends, desk, shared.logger.clone(), Arc::clone(&identity))
                .with_backlog(backlog);
            let name = format!("peermon-{}", sink.name());
            let dropped = channel.dropped.clone();
            let body = move || {
                live(sink, &intake);
                if !intake.is_stopped() {
                    dropped.close_lane();
                }
            };
            let thread = Thread::start(&name, WORK_STACK, shared.logger.clone(), body)
                .map_err(|error| Error::io(&format!("start the thread {name}"), &error))?;
            channel.running = Some((thread, stop));
        }
        Ok(())
    }

    /// Whether the first start is over.
    pub fn is_started(&self) -> bool {
        self.started
    }

    /// Where the losses of each channel are counted.
    pub fn losses(&self) -> Vec<(&'static str, Dropped)> {
        self.all.iter().map(|channel| (channel.name, channel.dropped.clone())).collect()
    }

    /// Undoes [`Channels::start`].
    pub fn stop(&mut self) {
        self.stop_sinks();
        self.stop_recorder();
    }

    /// Stops the channels.
    pub fn stop_sinks(&mut self) {
        let running: Vec<_> =
            self.all.iter_mut().filter_map(|channel| channel.running.take()).collect();
        let (threads, stops): (Vec<_>, Vec<_>) = running.into_iter().unzip();
        // All at once, so that they leave side by side.
        drop(stops);
        let limit = Instant::now() + LEAVE;
        for thread in threads {
            thread.join_within(limit.saturating_duration_since(Instant::now()));
        }
        self.started = false;
    }

    /// Stops the recorder, which writes what the channels and the callback left.
    pub fn stop_recorder(&mut self) {
        if let Some(recorder) = self.recorder.take() {
            recorder.stop();
        }
    }
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.all.iter().map(|channel| channel.name).collect();
        f.debug_struct("Channels").field("all", &names).finish_non_exhaustive()
    }
}

/// The root of a channel's thread.
fn live(mut sink: Box<dyn Sink>, intake: &Intake) {
    let name = sink.name();
    if table::enter(None).0 == TableKind::Shared {
        intake.logger.warn(format_args!(
            "channel {name}: it is not used, because no descriptor table of its own could be had \
             for it"
        ));
        return;
    }
    let what = format!("channel {name}");
    let mut panicked = false;
    let work = || {
        if core::mem::replace(&mut panicked, true) {
            intake.give_back();
        }
        sink.run(intake);
    };
    if let Err(why) = persist(&what, &intake.logger, work) {
        intake.logger.error(format_args!("channel {name} is lost: {why}"));
    }
}
