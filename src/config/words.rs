//! Texts that have a form of their own, one or a list of them: addresses of mail, relays, kinds of
//! event, arguments of a program.
//!
//! What goes into a mail or to a program later is checked here, character by character, so that
//! nobody behind has to.

use toml::de::DeValue;

use super::origin::quoted;
use super::relay::relay;
use super::suggest::nearest;
use crate::proto::event::EventKind;

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `ops@example.com`.
    Mailbox,
    /// `starttls://mail.example.com:587`.
    Relay,
    /// A name for a relay.
    User,
    /// A user of this machine, by name or number.
    Account,
    /// A kind of event, or all of them.
    Event,
    /// A program or an argument of one.
    Argument,
}

/// What is said of an empty list.
pub(super) const EMPTY: &str = "the list is empty; leave the line out, or write at least one";
/// The word for every kind of event.
const ALL: &str = "ALL";
/// The longest text of a list that is read by `monitor_config_set`.
const LONGEST_LIST: usize = 64 * 1024;
/// The longest argument.
const LONGEST_ARGUMENT: usize = 4096;
/// The longest address of mail (RFC 5321, 4.5.3.1.3).
const LONGEST_MAILBOX: usize = 254;
/// The longest name for a relay.
const LONGEST_USER: usize = 255;
/// The longest name of a user of this machine; most systems allow less.
const LONGEST_ACCOUNT: usize = 255;

impl Form {
    /// The most of them in one list.
    fn most(self) -> usize {
        match self {
            Self::Mailbox => 32,
            Self::Relay => 8,
            Self::User => 1,
            Self::Account => 32,
            Self::Event => EventKind::ALL.len(),
            Self::Argument => 64,
        }
    }

    fn check(self, text: &str) -> Result<(), String> {
        match self {
            Self::Mailbox => mailbox(text),
            Self::Relay => relay(text).map(|_| ()),
            Self::User => user(text),
            Self::Account => account(text),
            Self::Event => event_bits(text).map(|_| ()),
            Self::Argument => argument(text),
        }
    }
}

/// Adds one more text to a list.
pub(super) fn push(list: &mut Vec<String>, form: Form, text: &str) -> Result<(), String> {
    form.check(text)?;
    if form != Form::Argument && list.iter().any(|other| other == text) {
        return Err("it is written twice".into());
    }
    if list.len() == form.most() {
        return Err(format!("the list has more than {} entries", form.most()));
    }
    list.push(text.to_owned());
    Ok(())
}

/// The list that the text of a call says: one entry as it is, or several in the form of a file.
pub(super) fn parse_list(form: Form, text: &str) -> Result<Vec<String>, String> {
    let mut list = Vec::new();
    if !text.trim_start().starts_with('[') {
        push(&mut list, form, text)?;
        return Ok(list);
    }
    let text = text.trim();
    if text.len() > LONGEST_LIST {
        return Err(format!("the list is longer than {} KiB", LONGEST_LIST / 1024));
    }
    let place = |at: usize| text.get(..at).unwrap_or(text).chars().count() + 1;
    let value = DeValue::parse(text).map_err(|error| {
        let at = error.span().map_or(text.len(), |span| span.start);
        format!(
            "this is no list such as [\"a\", \"b\"]: character {}: {}",
            place(at),
            error.message()
        )
    })?;
    let DeValue::Array(items) = value.get_ref() else {
        return Err("write a list such as [\"a\", \"b\"]".into());
    };
    for item in items.iter() {
        let at = place(item.span().start);
        let DeValue::String(entry) = item.get_ref() else {
            return Err(format!("character {at}: write strings in quotation marks"));
        };
        push(&mut list, form, entry).map_err(|why| match form {
            // It may hold what nobody may see.
            Form::Relay => format!("character {at}: {why}"),
            _ => format!("character {at}: {}: {why}", quoted(entry)),
        })?;
    }
    if list.is_empty() { Err(EMPTY.into()) } else { Ok(list) }
}

/// The bits of a kind of event by its name.
pub(super) fn event_bits(text: &str) -> Result<u32, String> {
    if text == ALL {
        return Ok(u32::MAX);
    }
    let names = || EventKind::ALL.iter().map(|kind| kind.name());
    if let Some(kind) = EventKind::ALL.iter().find(|kind| kind.name() == text) {
        return Ok(kind.bit());
    }
    Err(match nearest(text, names().chain([ALL])) {
        Some(meant) => format!("there is no such kind of event; did you mean \"{meant}\"?"),
        None => {
            let all: Vec<&str> = names().chain([ALL]).collect();
            format!("there is no such kind of event; write one of {}", all.join(", "))
        }
    })
}

/// An address of mail, by its characters alone.
fn mailbox(text: &str) -> Result<(), String> {
    if text.len() > LONGEST_MAILBOX {
        return Err(format!("an address has at most {LONGEST_MAILBOX} characters"));
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(
            "an address has no spaces, no control characters and nothing outside of ASCII; \
                    several are written as [\"a@example.com\", \"b@example.com\"]"
                .into(),
        );
    }
    if text.bytes().any(|b| b"<>(),;\"\\".contains(&b)) {
        return Err("write the bare address, for example \"ops@example.com\"".into());
    }
    match text.split_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() => {
            let one = !domain.contains('@');
            one.then_some(()).ok_or_else(|| "an address has exactly one @".into())
        }
        _ => Err("an address is NAME@HOST, for example \"ops@example.com\"".into()),
    }
}

fn user(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > LONGEST_USER {
        return Err(format!("a name has 1 to {LONGEST_USER} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("a name has no control characters".into());
    }
    Ok(())
}

/// A user of this machine, by the characters alone: whether there is one is for the system to know.
fn account(text: &str) -> Result<(), String> {
    const RULE: &str = "a user is a name such as \"root\" or a number such as \"0\"; several are written \
                        as [\"root\", \"deploy\"]";
    if text.is_empty() || text.len() > LONGEST_ACCOUNT {
        return Err(format!("a user has 1 to {LONGEST_ACCOUNT} characters"));
    }
    // What the file of users uses itself, and what would be several.
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || ":,".contains(c)) {
        return Err(RULE.into());
    }
    // The largest number means nobody.
    let number = text.bytes().all(|b| b.is_ascii_digit());
    if number && text.parse::<u32>().is_ok_and(|uid| uid != u32::MAX) || !number {
        return Ok(());
    }
    Err(format!("the number of a user is at most {}", u32::MAX - 1))
}

fn argument(text: &str) -> Result<(), String> {
    if text.contains('\0') {
        return Err("a program cannot be given the character 0".into());
    }
    if text.len() > LONGEST_ARGUMENT {
        return Err(format!("an argument has at most {LONGEST_ARGUMENT} bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_writes_one_entry_as_it_is_and_several_as_a_file_does() {
        let read = |text| parse_list(Form::Mailbox, text);
        let words = |all: &[&str]| Ok(all.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(read("a@b"), words(&["a@b"]));
        assert_eq!(read(" [ \"a@b\", 'c@d' ] "), words(&["a@b", "c@d"]));
        for (text, told) in [
            ("[]", EMPTY),
            ("[\"a@b\", 5]", "character 9: write strings in quotation marks"),
            (
                "[\"a@b\", \"c\"]",
                "character 9: \"c\": an address is NAME@HOST, for example \
              \"ops@example.com\"",
            ),
            ("[\"a@b\", \"a@b\"]", "character 9: \"a@b\": it is written twice"),
        ] {
            assert_eq!(read(text), Err(told.into()), "{text}");
        }
        for text in ["[\"a@b\"", "[\"a@b\"] \"c@d\"", "[\"a@b\" \"c@d\"]", "[a@b]", "[[[["] {
            let told = read(text).unwrap_err();
            assert!(
                told.starts_with("this is no list such as [\"a\", \"b\"]: character "),
                "{told}"
            );
        }
    }

    #[test]
    fn an_address_of_mail_has_no_room_for_a_header() {
        for text in ["ops@example.com", "a+b@x", "root@localhost", "o'hara@[192.0.2.1]"] {
            assert_eq!(mailbox(text), Ok(()), "{text}");
        }
        let long = format!("{}@example.com", "x".repeat(250));
        for text in [
            "",
            "ops",
            "@x",
            "x@",
            "a@b@c",
            "a b@c",
            "a@b\r\nBcc: x@y",
            "Ops <a@b>",
            "a@b,c@d",
            &long,
        ] {
            assert!(mailbox(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn kinds_of_event_are_those_of_the_interface() {
        assert_eq!(event_bits("DOWN"), Ok(EventKind::Down.bit()));
        assert_eq!(event_bits("ALL"), Ok(u32::MAX));
        let told = event_bits("RECOVERD").unwrap_err();
        assert_eq!(told, "there is no such kind of event; did you mean \"RECOVERED\"?");
        assert!(event_bits("x").unwrap_err().contains("CONTROL, ALL"));
    }
}
