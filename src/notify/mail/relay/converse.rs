//! What is said to a relay once it is connected, encrypted and logged in.

use core::sync::atomic::AtomicBool;

use lettre::transport::smtp::client::SmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{Extension, MailParameter};

use super::{
    Handed, Known, Parcel, Trouble, answer, check, is_for_good, later, name, say, shorten,
};

/// Says who writes to whom, and what.
pub(super) fn converse(
    connection: &mut SmtpConnection,
    known: &Known,
    parcel: &Parcel,
    stop: &AtomicBool,
) -> Result<Handed, Trouble> {
    let all = || parcel.to.iter().chain([&parcel.from]);
    let utf8 = all().any(|address| !AsRef::<str>::as_ref(address).is_ascii());
    let offered = connection.server_info().supports_feature(Extension::SmtpUtfEight);
    let parameters = if utf8 && offered { vec![MailParameter::SmtpUtfEight] } else { vec![] };
    check(stop)?;
    connection.command(Mail::new(Some(parcel.from.clone()), parameters)).map_err(answer)?;
    let mut refused = Vec::new();
    let mut forever = true;
    for to in &parcel.to {
        check(stop)?;
        if let Err(error) = connection.command(Rcpt::new(to.clone(), vec![])) {
            // Without a number it is not about this recipient.
            if error.status().is_none() {
                return Err(later(error));
            }
            forever &= is_for_good(&error);
            refused.push((to.to_string(), say(&error)));
        }
    }
    if refused.len() == parcel.to.len() {
        let words: Vec<_> = refused.iter().map(|(to, why)| format!("{to}: {why}")).collect();
        let words = shorten(&words.join(", "));
        return Err(if forever { Trouble::Refused(words) } else { Trouble::Later(words) });
    }
    check(stop)?;
    connection.command(Data).map_err(answer)?;
    check(stop)?;
    let response = connection.message(&parcel.bytes).map_err(answer)?;
    let said = response.first_line().unwrap_or_default();
    let by = format!("{} ({} {})", name(&known.relay), response.code(), shorten(said));
    Ok(Handed::Accepted { by, refused })
}
