//! Which channels there are.

use std::sync::Arc;

use crate::config::plan;
use crate::error::Result;
#[cfg(feature = "mail")]
use crate::error::{Code, Error};
#[cfg(feature = "http")]
use crate::http::ClientPort;
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
    ("clients", |plan| plan.client.is_some(), clients),
    #[cfg(feature = "mail")]
    ("mail", |plan| plan.mail.is_some(), mail),
    ("command", |plan| plan.command.is_some(), command),
];

/// Whether the configuration wants a channel.
pub type Wanted = fn(&plan::Channels) -> bool;

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
