//! `peermonctl top`: a server and its peers, live, on a whole terminal.

mod draw;
mod feed;
mod keys;
mod model;
mod screen;

use std::io::{self, IsTerminal};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyEventKind};
use serde_json::json;

use self::feed::{Feed, News};
use self::keys::Act;
use self::model::Model;
use self::screen::Screen;
use crate::client::Target;
use crate::connect::ConnectArgs;
use crate::failure::Failure;
use crate::style::is_colour_wanted;
use crate::{answer, units};

/// A server and its peers, live
///
/// A full-screen view for terminals of any size. Keys: arrows or j and k select a peer, enter explains
/// it, / filters, s sorts, p pauses and r resumes this server, ? helps, q quits. When the server goes
/// away the view says so, and goes on when it is back.
#[derive(clap::Args)]
pub struct Args {
    /// How often it is asked how its peers are
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = units::duration)]
    every: Duration,
    #[command(flatten)]
    server: ConnectArgs,
}

/// It is not asked more often, whatever is wanted: the server has other things to do.
const LEAST: Duration = Duration::from_millis(100);
/// A key or a signal is noticed within this time.
const TURN: Duration = Duration::from_millis(100);

/// Shows it until somebody quits.
pub fn run(args: &Args) -> Result<(), Failure> {
    let target = Target::find(&args.server)?;
    // Who never answered is told before the screen changes.
    let peers = target.get("/v1/peers")?;
    answer::peers(&peers)?;
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let why = "top needs a terminal; status and events are for programs";
        return Err(Failure::Refused(why.into()));
    }
    let mut model = Model::new(peers, is_colour_wanted());
    let feed = Feed::start(&target, args.every.max(LEAST))?;
    let mut screen = Screen::enter()?;
    let outcome = live(&mut screen, &mut model, &feed);
    screen.leave();
    outcome
}

fn live(screen: &mut Screen, model: &mut Model, feed: &Feed) -> Result<(), Failure> {
    let ended = || Failure::Refused("it ended within itself".into());
    while !screen.is_over() {
        loop {
            match feed.news.try_recv() {
                Ok(News::Failed(failure)) => return Err(failure),
                Ok(news) => model.hear(news),
                Err(crossbeam_channel::TryRecvError::Empty) => break,
                Err(crossbeam_channel::TryRecvError::Disconnected) => return Err(ended()),
            }
        }
        screen.draw(|frame| draw::draw(frame, model))?;
        // A signal interrupts the wait, which is no failure.
        match event::poll(TURN) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::Refused(format!("the terminal is gone: {error}"))),
        }
        let Event::Key(key) = event::read().map_err(Failure::Output)? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        match keys::on_key(model, key) {
            Act::None => {}
            Act::Quit => return Ok(()),
            Act::Pause(timers, seconds) => {
                feed.post("pause", json!({"timers": timers, "seconds": seconds}));
            }
            Act::Resume(timers) => feed.post("resume", json!({"timers": timers})),
        }
    }
    Ok(())
}
