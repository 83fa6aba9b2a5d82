//! Which channels there are.

use std::sync::Arc;

use crate::config::plan;
use crate::error::Result;
#[cfg(feature = "mail")]
use crate::error::{Code, Error};
#[cfg(feature = "http")]
use crate::http::control::steer::Steer;
#[cfg(feature = "http")]
use crate::http::{ClientPort, Spawn};
use crate::notify::command::CommandSink;
#[cfg(feature = "mail")]
use crate::notify::mail::MailSink;
use crate::notify::sink::Sink;
use crate::runtime::programs;
use crate::runtime::shared::Shared;
#[cfg(feature = "http")]
use crate::runtime::threads::{Thread, WORK_STACK};
#[cfg(feature = "http")]
use crate::status::source::Source;

/// Makes a channel, if the configuration wants it.
pub type Make = fn(&Arc<Shared>) -> Result<Option<Box<dyn Sink>>>;

/// Every channel that there is. A new one is a file with its [`Sink`] and a line here.
pub const ALL: &[(&str, Wanted, Make)] = &[
    #[cfg(feature = "http")]
    ("clients", |plan| plan.client.is_some() || plan.control.is_some(), clients),
    #[cfg(feature = "mail")]
    ("mail", |plan| plan.mail.is_some(), mail),
    ("command", |plan| plan.command.is_some(), command),
];

/// Whether the configuration wants a channel.
pub type Wanted = fn(&plan::Channels) -> bool;

#[cfg(feature = "http")]
fn clients(shared: &Arc<Shared>) -> Result<Option<Box<dyn Sink>>> {
    let plan::Channels { client, control, .. } = shared.plan.channels.clone();
    let source = Arc::clone(shared) as Arc<dyn Source>;
    let spawn: Spawn = |name, logger, body| Thread::start(name, WORK_STACK, logger, body).map(drop);
    let port = match client {
        Some(client) => ClientPort::new(client, source, spawn)?,
        None if control.is_none() => return Ok(None),
        None => ClientPort::closed(source, spawn)?,
    };
    let steer = Arc::clone(shared) as Arc<dyn Steer>;
    let port = match control {
        Some(control) => port.steered(control, steer),
        None => port,
    };
    Ok(Some(Box::new(port)))
}

#[cfg(feature = "mail")]
fn mail(shared: &Arc<Shared>) -> Result<Option<Box<dyn Sink>>> {
    let Some(mail) = shared.plan.channels.mail.clone() else { return Ok(None) };
    let sink =
        MailSink::new(mail).map_err(|why| Error::new(Code::Config, format!("mail: {why}")))?;
    Ok(Some(Box::new(sink.prodded_by(Arc::clone(&shared.mail)))))
}

fn command(shared: &Arc<Shared>) -> Result<Option<Box<dyn Sink>>> {
    let Some(command) = shared.plan.channels.command.clone() else { return Ok(None) };
    Ok(Some(Box::new(CommandSink::new(command, programs::make))))
}
