//! The channels beside the host's callback: which there are, their lanes, their threads, and what the
//! status file remembers for them.
//!
//! They start with the first start of the application, after the status file was read, and end with the
//! close of the monitor: mail goes out and clients are answered after the end of the application too.

use core::time::Duration;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Sender, bounded};

use super::core::Core;
use super::programs;
use super::recorder::{Recorder, Refusal};
use super::restart::persist;
use super::shared::Shared;
use super::sys::clock;
use super::sys::table::{self, TableKind};
use super::threads::{Thread, WORK_STACK};
use crate::config::plan::{self, Plan};
use crate::error::{Code, Error, Result};
#[cfg(feature = "http")]
use crate::http::ClientPort;
use crate::notify::command::CommandSink;
use crate::notify::dispatcher::{Dispatcher, Dropped};
#[cfg(feature = "mail")]
use crate::notify::mail::MailSink;
use crate::notify::queue::{Consumer, queue, told};
use crate::notify::sink::{Identity, Intake, Sink};
use crate::notify::store::Entry;
use crate::proto::event::{Event, EventKind, Telling};
use crate::proto::machine::Input;
use crate::proto::memory::Memory;
use crate::status::file::Image;
#[cfg(feature = "http")]
use crate::status::source::Source;

/// Events that wait for one channel; beyond that whole outages merge.
const LANE: usize = 256;
/// A close waits this long for a channel.
const LEAVE: Duration = Duration::from_secs(2);
/// The name of the host's callback in the status file.
pub const CALLBACK: &str = "callback";

/// Makes a channel, if the configuration wants it.
type Make = fn(&Arc<Shared>) -> Result<Option<Box<dyn Sink>>>;

/// Every channel that there is. A new one is a file with its [`Sink`] and a line here.
const ALL: &[(&str, Wanted, Make)] = &[
    #[cfg(feature = "http")]
    ("clients", |plan| plan.client.is_some(), clients),
    #[cfg(feature = "mail")]
    ("mail", |plan| plan.mail.is_some(), mail),
    ("command", |plan| plan.command.is_some(), command),
];

/// Whether the configuration wants a channel.
type Wanted = fn(&plan::Channels) -> bool;

#[cfg(feature = "http")]
fn clients(shared: &Arc<Shared>) -> Result<Option<Box<dyn Sink>>> {
    let Some(port) = shared.plan.channels.client.clone() else { return Ok(None) };
    let source = Arc::clone(shared) as Arc<dyn Source>;
    let sink = ClientPort::new(port, source, |name, logger, body| {
        Thread::start(name, WORK_STACK, logger, body).map(drop)
    })?;
    Ok(Some(Box::new(sink)))
}

#[cfg(feature = "mail")]
fn mail(shared: &Arc<Shared>) -> Result<Option<Box<dyn Sink>>> {
    let Some(mail) = shared.plan.channels.mail.clone() else { return Ok(None) };
    let sink =
        MailSink::new(mail).map_err(|why| Error::new(Code::Config, format!("mail: {why}")))?;
    Ok(Some(Box::new(sink)))
}

fn command(shared: &Arc<Shared>) -> Result<Option<Box<dyn Sink>>> {
    let Some(command) = shared.plan.channels.command.clone() else { return Ok(None) };
    Ok(Some(Box::new(CommandSink::new(command, programs::make))))
}

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

/// How far a channel was; one that is new begins with what happens from now on.
fn cursor(image: Option<&Image>, name: &str) -> u64 {
    let Some(image) = image else { return 0 };
    let known = image.cursors.iter().find(|(known, _)| known == name);
    known.map_or(image.memory.last_id, |(_, id)| *id)
}

/// Says so if the ring no longer reaches back to where a channel was.
fn warn_of_gap(shared: &Shared, image: Option<&Image>, name: &str, position: u64) {
    if let Some(first) = first_after_gap(image, position) {
        shared.logger.warn(format_args!(
            "channel {name}: it was done with event {position}, and the status file reaches back to \
             event {first} only: what came in between is not told"
        ));
    }
}

/// The oldest event that is still known, if older ones were overwritten that are newer than `position`.
fn first_after_gap(image: Option<&Image>, position: u64) -> Option<u64> {
    let image = image.filter(|image| !image.complete)?;
    // Ids have gaps, so that a neighbour cannot be told; the position itself is in the ring, or before.
    image.events.first().map(|first| first.id).filter(|first| *first > position)
}

/// What a channel that was done with everything up to `position` has to do still.
fn undone(image: Option<&Image>, position: u64) -> Vec<Event> {
    // What was withheld before the position may be counted into an event after it.
    let all = recorded(image).iter().cloned();
    let mut told = told(all.map(|event| Event { redelivered: true, ..event }));
    told.retain(|event| event.id > position);
    told
}

/// The ends of outages that were withheld and that no event has told of: the next one of the peer is to.
fn uncounted(image: Option<&Image>) -> impl Iterator<Item = &Event> {
    let all = recorded(image);
    let is_withheld = |event: &Event| event.telling == Telling::Withheld;
    let is_counted = move |event: &Event| {
        let later = all.iter().filter(|later| later.id > event.id && !is_withheld(later));
        later.clone().any(|later| later.peer == event.peer)
    };
    all.iter().filter(move |event| {
        is_withheld(event) && event.kind == EventKind::Recovered && !is_counted(event)
    })
}

fn recorded(image: Option<&Image>) -> &[Event] {
    image.map_or(&[], |image| &image.events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::queue::tests::event;
    use crate::proto::event::EventKind::{Down, Recovered};
    use crate::status::file::Life;

    fn image(events: Vec<Event>) -> Image {
        Image {
            group: "g".into(),
            name: "a".into(),
            memory: Memory::default(),
            events,
            complete: true,
            cursors: Vec::new(),
            spool: Vec::new(),
            life: Life::default(),
        }
    }

    #[test]
    fn a_ring_that_no_longer_reaches_back_to_a_channel_is_noticed() {
        let whole = image(vec![event(500, Down, Some("x"))]);
        let torn = Image { complete: false, ..whole.clone() };
        assert_eq!(first_after_gap(Some(&torn), 100), Some(500));
        assert_eq!(first_after_gap(Some(&torn), 500), None);
        assert_eq!(first_after_gap(Some(&whole), 100), None);
        assert_eq!(first_after_gap(None, 100), None);
    }

    #[test]
    fn outages_that_were_withheld_are_counted_across_a_restart() {
        let withheld =
            |id, kind, peer| Event { telling: Telling::Withheld, ..event(id, kind, Some(peer)) };
        let image = image(vec![
            withheld(1, Down, "x"),
            withheld(2, Recovered, "x"),
            event(3, Down, Some("y")),
            event(4, Down, Some("x")),
            withheld(5, Down, "y"),
            withheld(6, Recovered, "y"),
        ]);
        let merged = |position| {
            let undone = undone(Some(&image), position);
            undone.iter().map(|event| (event.id, event.merged)).collect::<Vec<_>>()
        };
        assert_eq!(merged(0), [(3, 0), (4, 1)]);
        assert_eq!(merged(3), [(4, 1)], "what was withheld before the cursor counts");
        let ids: Vec<_> = uncounted(Some(&image)).map(|event| event.id).collect();
        assert_eq!(ids, [6]);
    }
}
