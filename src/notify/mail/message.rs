//! A letter as the mail format has it (RFC 5322): headers, encodings, and a name that every try of the
//! same letter carries, so that a mail that was taken twice is recognised.

use core::fmt::Write;
use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::message::{Mailbox, Message};
use sha2::{Digest, Sha256};

use super::letter::{Context, Kind, Letter, one_line};
use super::outage::Facts;
use crate::notify::sink::Identity;
use crate::proto::time::Wall;

/// Who writes to whom.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Who writes.
    pub from: Mailbox,
    /// To whom.
    pub to: Vec<Mailbox>,
}

impl Addresses {
    /// Reads them as they are configured.
    ///
    /// # Errors
    ///
    /// What is wrong with which of them.
    pub fn read(from: &str, to: &[String]) -> Result<Self, String> {
        let read = |text: &str| {
            let mailbox: Result<Mailbox, _> = text.parse();
            mailbox.map_err(|error| {
                format!("{text:?} is no mail address, such as admin@example.com: {error}")
            })
        };
        let to = to.iter().map(|text| read(text)).collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() {
            return Err("there is nobody to send mail to".to_owned());
        }
        Ok(Self { from: read(from)?, to })
    }
}

/// The bytes of a letter, lines ended by CRLF, and its name for the log.
///
/// # Errors
///
/// What could not be written; does not happen with addresses that were read.
pub fn write(
    letter: &Letter,
    addresses: &Addresses,
    context: Context<'_>,
) -> Result<(Vec<u8>, String), String> {
    let domain = addresses.from.email.domain();
    let id = message_id(letter, context.identity, domain);
    let mut builder = Message::builder()
        .from(addresses.from.clone())
        .date(system_time(context.now))
        .message_id(Some(id.clone()))
        .subject(one_line(&letter.subject(context)))
        .header(AutoSubmitted)
        .header(AutoResponse)
        .header(MIME_VERSION_1_0)
        .header(ContentType::TEXT_PLAIN);
    for to in &addresses.to {
        builder = builder.to(to.clone());
    }
    if matches!(letter.kind, Kind::Reminder(_) | Kind::Recovered) {
        let first = Letter { kind: Kind::Down, ..letter.clone() };
        let first = message_id(&first, context.identity, domain);
        builder = builder.in_reply_to(first.clone()).references(first);
    }
    let message = builder.body(letter.text(context)).map_err(|error| error.to_string())?;
    Ok((message.formatted(), id))
}

/// The name of a letter: made of what makes it this one (rule R24), never of chance or of time.
pub fn message_id(letter: &Letter, identity: &Identity, domain: &str) -> String {
    let (kind, number) = match letter.kind {
        Kind::Down => ("down", 0),
        Kind::Reminder(number) => ("reminder", number),
        Kind::Recovered => ("recovered", 0),
        Kind::Summary => ("summary", 0),
    };
    let mut hash = Sha256::new();
    for text in [identity.group.as_str(), &identity.name, &letter.peer] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    // The outage number begins anew when a peer is added again; the event of its DOWN does not.
    let facts = letter
        .down
        .as_ref()
        .map(|Facts { incarnation, number, epoch, id, .. }| [*incarnation, *number, *epoch, *id]);
    let last = letter.last.map_or([0, 0], |(epoch, id)| [epoch, id]);
    for part in facts.into_iter().flatten().chain(last) {
        hash.update(part.to_be_bytes());
    }
    let mut name = String::with_capacity(64);
    for byte in hash.finalize().iter().take(16) {
        // Writing to a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    let number = if number == 0 { String::new() } else { format!("-{number}") };
    format!("<{name}.{kind}{number}@{domain}>")
}

fn system_time(at: Wall) -> SystemTime {
    let since = Duration::from_nanos(u64::try_from(at.0).unwrap_or(0));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// No machine answers this mail (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// The same for those that do not know the former.
#[derive(Clone)]
struct AutoResponse;

impl Header for AutoResponse {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("X-Auto-Response-Suppress")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "All".to_owned())
    }
}
