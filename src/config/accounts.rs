//! Users of this machine: who has which number.
//!
//! A name that is known already is not looked up again: a look-up may open files and sockets of the
//! system, and when a configuration is read once more the caller may not be where it was.

use super::origin::quoted;
use super::plan::Account;

/// The user that this process acts as.
pub(super) fn own() -> u32 {
    system::own()
}

/// The user that `text` names, by a name or by a number.
pub(super) fn find(text: &str, known: &[Account]) -> Result<Account, String> {
    if let Ok(uid) = text.parse() {
        return Ok(numbered(uid, known));
    }
    if let Some(account) = known.iter().find(|account| account.name == text) {
        return Ok(account.clone());
    }
    let shown = quoted(text);
    match system::named(text) {
        Ok(Some(uid)) => Ok(Account { uid, name: text.to_owned() }),
        Ok(None) => Err(format!(
            "there is no user {shown} on this machine; \"getent passwd\" lists those that there are"
        )),
        Err(why) => Err(format!("user {shown} cannot be looked up: {why}")),
    }
}

/// The user with the number `uid`, with its name if it has one.
pub(super) fn numbered(uid: u32, known: &[Account]) -> Account {
    if let Some(account) = known.iter().find(|account| account.uid == uid) {
        return account.clone();
    }
    let name = if uid == 0 { Some("root".to_owned()) } else { system::name_of(uid) };
    Account { uid, name: name.unwrap_or_else(|| uid.to_string()) }
}

#[cfg(feature = "http")]
mod system {
    use nix::unistd::{Uid, User};

    pub(super) fn own() -> u32 {
        Uid::effective().as_raw()
    }

    pub(super) fn named(name: &str) -> Result<Option<u32>, String> {
        let found = User::from_name(name).map_err(|error| error.to_string())?;
        Ok(found.map(|user| user.uid.as_raw()))
    }

    pub(super) fn name_of(uid: u32) -> Option<String> {
        Some(User::from_uid(Uid::from_raw(uid)).ok()??.name)
    }
}

/// Without the socket nobody asks.
#[cfg(not(feature = "http"))]
mod system {
    pub(super) fn own() -> u32 {
        0
    }

    pub(super) fn named(_: &str) -> Result<Option<u32>, String> {
        Ok(None)
    }

    pub(super) fn name_of(_: u32) -> Option<String> {
        None
    }
}

#[cfg(all(test, feature = "http"))]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_by_name_and_by_number_and_a_stranger_is_not() {
        let root = Account { uid: 0, name: "root".into() };
        assert_eq!(find("root", &[]), Ok(root.clone()));
        assert_eq!(find("0", &[]), Ok(root));
        let told = find("no-such-user", &[]).unwrap_err();
        assert!(told.starts_with("there is no user \"no-such-user\" on this machine"), "{told}");
        assert_eq!(find("4294967294", &[]).map(|account| account.uid), Ok(u32::MAX - 1));
    }

    #[test]
    fn who_is_known_is_not_looked_up() {
        let known = [Account { uid: 77, name: "no-such-user".into() }];
        assert_eq!(find("no-such-user", &known), Ok(known[0].clone()));
        assert_eq!(find("77", &known), Ok(known[0].clone()));
    }
}
