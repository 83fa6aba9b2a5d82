//! What is said to a relay once it is connected, encrypted and logged in.

use core::sync::atomic::AtomicBool;

use super::dialogue::Dialogue;
use super::{
    Handed, Known, Parcel, Trouble, answer, check, is_for_good, later, name, say, shorten,
};

/// Says who writes to whom, and what.
pub(super) fn converse(
    relay: &mut Dialogue,
    known: &Known,
    parcel: &Parcel,
    stop: &AtomicBool,
) -> Result<Handed, Trouble> {
    let all = || parcel.to.iter().chain([&parcel.from]);
    let utf8 = all().any(|address| !AsRef::<str>::as_ref(address).is_ascii());
    let parameter = if utf8 && relay.offers("SMTPUTF8") { " SMTPUTF8" } else { "" };
    check(stop)?;
    relay.ask(&format!("MAIL FROM:<{}>{parameter}", parcel.from)).map_err(answer)?;
    let mut refused = Vec::new();
    let mut forever = true;
    for to in &parcel.to {
        check(stop)?;
        if let Err(error) = relay.ask(&format!("RCPT TO:<{to}>")) {
            // Without a number it is not about this recipient.
            if error.code().is_none() {
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
    relay.ask("DATA").map_err(answer)?;
    check(stop)?;
    let taken = relay.letter(&parcel.bytes).map_err(answer)?;
    let by = format!("{} ({} {})", name(&known.relay), taken.code, shorten(taken.first()));
    Ok(Handed::Accepted { by, refused })
}
