//! One setting: a key, its value, and where it was written.

use core::time::Duration;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::keys::{Key, KeySpec, Kind};
use super::origin::{Origin, quoted};
use super::plan::{Endpoint, Listen};
use super::secret::{self, Secret};
use super::words::{self, Form};
use super::{address, duration, guest, rate};
use crate::error::{Code, Error};
use crate::proto::settings::{MAX_NAME, is_valid_name};

/// A value whose form is right; whether it fits the others is checked later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Name(String),
    Listen(Listen),
    Addresses(Vec<Endpoint>),
    Path(PathBuf),
    Secret(Secret),
    Flag(bool),
    Span(Duration),
    Count(u32),
    /// In thousandths.
    Decimal(u32),
    /// The mean time between two.
    Rate(Duration),
    Cores(Vec<u16>),
    /// Of a [`Kind::Word`] exactly one, of a [`Kind::Words`] at least one.
    Words(Vec<String>),
    /// The index of the word.
    Choice(usize),
}

impl Value {
    /// The value that `text` says for a key of this kind. A relative path begins at `base`.
    pub(super) fn from_text(kind: Kind, text: &str, base: &Path) -> Result<Self, String> {
        match kind {
            Kind::Name if is_valid_name(text) => Ok(Self::Name(text.to_owned())),
            Kind::Name => Err(NAME_RULE.into()),
            Kind::Listen => address::parse_listen(text).map(Self::Listen),
            Kind::ClientListen => address::parse_client_listen(text).map(Self::Listen),
            Kind::Addresses => address::parse_list(text).map(Self::Addresses),
            Kind::Path if text.is_empty() => Err("a file is missing".into()),
            Kind::Folder if text.is_empty() => Err("a folder is missing".into()),
            Kind::Path if secret::looks_like_key(text) => {
                Err("this looks like a secret itself; write the path of the file that holds it"
                    .into())
            }
            // Made absolute now: a server that becomes a daemon changes its directory.
            Kind::Path | Kind::Folder => std::path::absolute(base.join(text))
                .map(Self::Path)
                .map_err(|error| format!("no absolute path can be made of it: {error}")),
            Kind::Secret => secret::parse(text).map(Self::Secret),
            Kind::Flag => match text {
                "true" => Ok(Self::Flag(true)),
                "false" => Ok(Self::Flag(false)),
                _ => Err("write true or false".into()),
            },
            Kind::Span(least, most) => {
                let span = duration::parse(text)?;
                if (least..=most).contains(&span) {
                    return Ok(Self::Span(span));
                }
                let (least, most) = (duration::show(least), duration::show(most));
                Err(format!("out of range: at least \"{least}\" and at most \"{most}\""))
            }
            Kind::Count(..) => match text.parse() {
                Ok(number) => Self::count(kind, number),
                Err(_) => Err("write a whole number".into()),
            },
            Kind::Decimal(..) => Self::decimal(kind, text),
            Kind::Rate => rate::parse(text).map(Self::Rate),
            Kind::Cores => guest::parse_cores(text).map(Self::Cores),
            Kind::Word(form) => Self::word(form, text),
            Kind::Words(form) => words::parse_list(form, text).map(Self::Words),
            Kind::Choice(words) => words
                .iter()
                .position(|&word| word == text)
                .map(Self::Choice)
                .ok_or_else(|| format!("write one of {}", list(words))),
        }
    }

    /// The value that one text of `form` says.
    pub(super) fn word(form: Form, text: &str) -> Result<Self, String> {
        let mut list = Vec::new();
        words::push(&mut list, form, text)?;
        Ok(Self::Words(list))
    }

    /// The value that a number says for a key of this kind.
    pub(super) fn count(kind: Kind, number: i128) -> Result<Self, String> {
        let Kind::Count(least, most) = kind else { return Err("not a number".into()) };
        match u32::try_from(number) {
            Ok(number) if (least..=most).contains(&number) => Ok(Self::Count(number)),
            _ => Err(format!("out of range: at least {least} and at most {most}")),
        }
    }
}

impl Value {
    /// The value that a number with decimals says for a key of this kind.
    pub(super) fn decimal(kind: Kind, text: &str) -> Result<Self, String> {
        let Kind::Decimal(least, most) = kind else { return Err("not a number".into()) };
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(decimals) || decimals.len() > 3 {
            return Err("write a number with at most three decimals, for example 8 or 8.5".into());
        }
        // What does not fit is out of range in any case.
        let whole = whole.parse::<u32>().unwrap_or(u32::MAX);
        let decimals = format!("{decimals:0<3}").parse().unwrap_or(0);
        let thousandths = whole.saturating_mul(1000).saturating_add(decimals);
        if (least..=most).contains(&thousandths) {
            return Ok(Self::Decimal(thousandths));
        }
        let (least, most) = (f64::from(least) / 1e3, f64::from(most) / 1e3);
        Err(format!("out of range: at least {least} and at most {most}"))
    }
}

/// What a name may be.
pub(super) const NAME_RULE: &str =
    "a name has 1 to 64 characters of A-Z, a-z, 0-9, point, underscore and hyphen";
const _: () = assert!(MAX_NAME == 64, "NAME_RULE says so");

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

/// A value with its key and its origin.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) spec: &'static KeySpec,
    pub(super) value: Value,
    /// As it was written; empty for what nobody may see.
    pub(super) written: String,
    pub(super) origin: Origin,
}

impl Setting {
    /// What is wrong with this setting in view of the others.
    pub(super) fn fault(&self, peer: Option<&str>, why: &str) -> Error {
        let subject = subject(self.spec, &self.written);
        Error::new(Code::Config, complaint(&self.origin, peer, &format!("{subject}: {why}")))
    }

    /// This setting as another one's error mentions it.
    pub(super) fn mention(&self) -> String {
        format!("{} ({})", subject(self.spec, &self.written), self.origin)
    }
}

/// `key = value`, or the key alone if nobody may see the value.
pub(super) fn subject(spec: &KeySpec, written: &str) -> String {
    if written.is_empty() { spec.name.to_owned() } else { format!("{} = {written}", spec.name) }
}

/// What an error may show of `text`, the value of a key of this kind.
pub(super) fn presentable(kind: Kind, text: &str) -> String {
    // A relay that is written like a link may have a password in front of the @.
    let relay = kind == Kind::Words(Form::Relay) && text.contains('@');
    let hidden = kind == Kind::Secret || relay || secret::looks_like_key(text);
    if hidden { String::new() } else { quoted(text) }
}

/// A whole sentence: where, whom, what.
pub(super) fn complaint(origin: &Origin, peer: Option<&str>, what: &str) -> String {
    match peer {
        Some(peer) => format!("{origin}: peer {}: {what}", quoted(peer)),
        None => format!("{origin}: {what}"),
    }
}

/// The settings of one table: this server's or a peer's.
#[derive(Clone, Debug, Default)]
pub(super) struct Section(BTreeMap<Key, Setting>);

/// A value of a known type together with its setting.
pub(super) type Given<'a, T> = Option<(T, &'a Setting)>;

impl Section {
    /// Sets or replaces.
    pub(super) fn put(&mut self, setting: Setting) {
        self.0.insert(setting.spec.key, setting);
    }

    /// The setting of `key`.
    pub(super) fn setting(&self, key: Key) -> Option<&Setting> {
        self.0.get(&key)
    }

    pub(super) fn name(&self, key: Key) -> Given<'_, &str> {
        self.pick(key, |value| if let Value::Name(name) = value { Some(&**name) } else { None })
    }

    pub(super) fn listen(&self, key: Key) -> Given<'_, Listen> {
        self.pick(key, |value| if let Value::Listen(listen) = value { Some(*listen) } else { None })
    }

    pub(super) fn addresses(&self, key: Key) -> Given<'_, &[Endpoint]> {
        self.pick(key, |value| if let Value::Addresses(all) = value { Some(&**all) } else { None })
    }

    pub(super) fn path(&self, key: Key) -> Given<'_, &Path> {
        self.pick(key, |value| if let Value::Path(path) = value { Some(&**path) } else { None })
    }

    pub(super) fn secret(&self, key: Key) -> Given<'_, &Secret> {
        self.pick(key, |value| if let Value::Secret(key) = value { Some(key) } else { None })
    }

    pub(super) fn flag(&self, key: Key) -> Given<'_, bool> {
        self.pick(key, |value| if let Value::Flag(flag) = value { Some(*flag) } else { None })
    }

    pub(super) fn span(&self, key: Key) -> Given<'_, Duration> {
        self.pick(key, |value| if let Value::Span(span) = value { Some(*span) } else { None })
    }

    pub(super) fn count(&self, key: Key) -> Given<'_, u32> {
        self.pick(key, |value| if let Value::Count(count) = value { Some(*count) } else { None })
    }

    pub(super) fn decimal(&self, key: Key) -> Given<'_, u32> {
        self.pick(key, |value| if let Value::Decimal(value) = value { Some(*value) } else { None })
    }

    pub(super) fn rate(&self, key: Key) -> Given<'_, Duration> {
        self.pick(key, |value| if let Value::Rate(every) = value { Some(*every) } else { None })
    }

    pub(super) fn cores(&self, key: Key) -> Given<'_, &[u16]> {
        self.pick(key, |value| if let Value::Cores(cores) = value { Some(&**cores) } else { None })
    }

    pub(super) fn words(&self, key: Key) -> Given<'_, &[String]> {
        self.pick(key, |value| if let Value::Words(all) = value { Some(&**all) } else { None })
    }

    /// The word of a choice.
    pub(super) fn choice(&self, key: Key) -> Given<'_, &'static str> {
        let setting = self.0.get(&key)?;
        match (setting.spec.kind, &setting.value) {
            (Kind::Choice(words), Value::Choice(index)) => Some((words.get(*index)?, setting)),
            _ => None,
        }
    }

    fn pick<'a, T>(&'a self, key: Key, take: impl Fn(&'a Value) -> Option<T>) -> Given<'a, T> {
        let setting = self.0.get(&key)?;
        take(&setting.value).map(|value| (value, setting))
    }
}
