//! Mail to administrators.

use core::net::IpAddr;
use core::time::Duration;

use super::super::keys::Key;
use super::super::plan::{Hidden, Login, Mail, Relay, Security};
use super::super::relay::relay;
use super::super::value::{Section, Setting};
use super::{built_with, count, read, span, without};
use crate::error::Result;

/// What needs an addressee; that one comes first.
const KEYS: [Key; 10] = [
    Key::MailTo,
    Key::MailFrom,
    Key::MailRelay,
    Key::MailUser,
    Key::MailPasswordFile,
    Key::MailCaFile,
    Key::MailHold,
    Key::MailReminder,
    Key::MailPerHour,
    Key::MailTimeout,
];
/// The shortest time between two reminders.
const LEAST_REMINDER: Duration = Duration::from_secs(60);
/// The longest password.
const LONGEST_PASSWORD: usize = 1024;

const NOBODY: &str = "there is nobody to mail to; write mail_to";
const NO_FROM: &str = "mail needs a sender; write mail_from, for example \"peermon@example.com\"";
const NO_RELAY: &str =
    "mail needs a relay; write mail_relay, for example \"starttls://mail.example.com:587\"";
const BOTH: &str = "mail_user and mail_password_file belong together; write both or none";

pub(super) fn of(server: &Section) -> Result<Option<Mail>> {
    built_with(server, cfg!(feature = "mail"), "mail", &KEYS)?;
    let Some((to, setting)) = server.words(Key::MailTo) else {
        without(server, &KEYS, NOBODY)?;
        return Ok(None);
    };
    let from = server.words(Key::MailFrom).and_then(|(all, _)| all.first());
    let Some(from) = from else { return Err(setting.fault(None, NO_FROM)) };
    let Some((written, named)) = server.words(Key::MailRelay) else {
        return Err(setting.fault(None, NO_RELAY));
    };
    let relays = written.iter().map(|text| relay(text)).collect::<core::result::Result<_, _>>();
    let relays: Vec<Relay> = relays.map_err(|why| named.fault(None, &why))?;
    let login = login(server)?;
    if login.is_some()
        && let Some(open) =
            relays.iter().find(|one| one.security == Security::None && !is_here(one))
    {
        let why = format!(
            "the password would cross the network in the clear on its way to {}; write \
             starttls:// or smtps://, or leave out mail_user and mail_password_file",
            open.host
        );
        return Err(named.fault(None, &why));
    }
    let authority = match server.path(Key::MailCaFile) {
        Some((path, setting)) => Some(read::pem(path, setting, "CERTIFICATE")?),
        None => None,
    };
    Ok(Some(Mail {
        to: to.to_vec(),
        from: from.clone(),
        relays,
        login,
        authority,
        hold: span(server, Key::MailHold, Duration::from_secs(10)),
        reminder: reminder(server)?,
        per_hour: count(server, Key::MailPerHour, 10),
        timeout: span(server, Key::MailTimeout, Duration::from_secs(30)),
    }))
}

fn login(server: &Section) -> Result<Option<Login>> {
    let user = server.words(Key::MailUser).and_then(|(all, setting)| Some((all.first()?, setting)));
    match (user, server.path(Key::MailPasswordFile)) {
        (None, None) => Ok(None),
        (Some((_, alone)), None) | (None, Some((_, alone))) => Err(alone.fault(None, BOTH)),
        (Some((user, _)), Some((path, setting))) => {
            let password = password(read::line(path, setting)?, setting)?;
            Ok(Some(Login { user: user.clone(), password }))
        }
    }
}

fn password(bytes: Vec<u8>, setting: &Setting) -> Result<Hidden> {
    let text = core::str::from_utf8(&bytes).ok();
    let sound = |text: &str| text.len() <= LONGEST_PASSWORD && !text.chars().any(char::is_control);
    if text.is_some_and(sound) {
        return Ok(Hidden(bytes));
    }
    let why = format!(
        "a password is UTF-8 text without control characters, at most {LONGEST_PASSWORD} bytes"
    );
    Err(setting.fault(None, &why))
}

fn reminder(server: &Section) -> Result<Option<Duration>> {
    match server.span(Key::MailReminder) {
        None => Ok(None),
        Some((span, _)) if span.is_zero() => Ok(None),
        Some((span, setting)) if span < LEAST_REMINDER => {
            Err(setting.fault(None, "out of range: \"0s\" (never), or at least \"1min\""))
        }
        Some((span, _)) => Ok(Some(span)),
    }
}

/// Whether a relay is on this machine, so that nobody can listen on the way to it.
fn is_here(relay: &Relay) -> bool {
    relay.host == "localhost" || relay.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
