//! A TOML file becomes a list of settings, each with its line.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::faults::Faults;
use super::keys::{self, KeySpec, Kind};
use super::origin::Origin;
use super::value::{Setting, Value, complaint, presentable, subject};
use super::{address, duration, words};
use crate::error::{Code, Error, Result};

/// The largest file that is read.
pub(super) const MAX_FILE: u64 = 1024 * 1024;

/// What a file says, in the order in which it says it.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) server: Vec<Setting>,
    pub(super) peers: Vec<PeerTable>,
}

impl Content {
    /// Whether it says nothing at all.
    pub(super) fn is_empty(&self) -> bool {
        self.server.is_empty() && self.peers.is_empty()
    }
}

/// One `[[peer]]`.
#[derive(Debug)]
pub(super) struct PeerTable {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) settings: Vec<Setting>,
}

/// The whole of a regular file. The error's text is the bare reason, without the path.
///
/// Anything else than a regular file is refused, because a pipe would hold the host for ever and a
/// device may have no end.
pub(super) fn read_regular(path: &Path, most: u64) -> Result<Vec<u8>> {
    let refused = |error: std::io::Error| Error::new(Code::Io, error.to_string());
    let file =
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(refused)?;
    if !file.metadata().map_err(refused)?.is_file() {
        return Err(Error::new(Code::Io, "not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(refused)?;
    if bytes.len() as u64 > most {
        let kib = most / 1024;
        return Err(Error::new(Code::Limit, format!("the file is larger than {kib} KiB")));
    }
    Ok(bytes)
}

/// What `bytes`, the content of the file `path`, say, and all that is wrong with them
/// ([`Code::Config`]): what was right stands in the content beside it, for whoever wants to know more.
pub(super) fn parse(path: &Path, bytes: &[u8], faults: &mut Faults) -> Content {
    let reader = Reader {
        path: path.into(),
        base: path.parent().unwrap_or(Path::new("")),
        newlines: bytes.iter().enumerate().filter(|&(_, &b)| b == b'\n').map(|(i, _)| i).collect(),
    };
    let text = match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            faults.add(reader.error(error.valid_up_to(), None, "this is no UTF-8 text"));
            return Content::default();
        }
    };
    let (document, mut errors) = DeTable::parse_recoverable(text);
    errors.sort_by_key(|error| error.span().map_or(bytes.len(), |span| span.start));
    for error in &errors {
        // Only the message: toml's own display would quote the line, and there may be a key in it.
        let at = error.span().map_or(bytes.len(), |span| span.start);
        faults.add(reader.error(at, None, error.message()));
    }
    if errors.is_empty() { reader.document(document.get_ref(), faults) } else { Content::default() }
}

struct Reader<'a> {
    path: Arc<Path>,
    /// Where relative paths begin.
    base: &'a Path,
    newlines: Vec<usize>,
}

type Entry<'t, 'i> = (&'t str, usize, &'t Spanned<DeValue<'i>>);

impl Reader<'_> {
    fn document(&self, table: &DeTable<'_>, faults: &mut Faults) -> Content {
        let mut content = Content::default();
        for (name, at, value) in in_order(table) {
            if name == "peer" {
                match value.get_ref() {
                    DeValue::Array(tables) => self.peers(tables, &mut content, faults),
                    _ => faults.add(self.error(at, None, PEER_FORM)),
                }
            } else {
                content.server.extend(self.setting(name, at, value, None, faults));
            }
        }
        content
    }

    fn peers(&self, tables: &DeArray<'_>, content: &mut Content, faults: &mut Faults) {
        let mut seen = std::collections::HashMap::new();
        for item in tables.iter() {
            let at = item.span().start;
            let DeValue::Table(table) = item.get_ref() else {
                faults.add(self.error(at, None, PEER_FORM));
                continue;
            };
            let Some(name) = self.peer_name(at, table, faults) else { continue };
            if let Some(first) = seen.insert(name.clone(), at) {
                let first = self.line(first);
                let why = format!("this name was given to the [[peer]] of line {first} already");
                faults.add(self.error(at, Some(&name), &why));
                continue;
            }
            let settings = in_order(table)
                .into_iter()
                .filter(|&(key, ..)| key != "name")
                .filter_map(|(key, at, value)| self.setting(key, at, value, Some(&name), faults))
                .collect();
            content.peers.push(PeerTable { name, origin: self.origin(at), settings });
        }
    }

    /// The name comes first, wherever it stands, so that every other error can say it.
    fn peer_name(
        &self,
        table_at: usize,
        table: &DeTable<'_>,
        faults: &mut Faults,
    ) -> Option<String> {
        let name = in_order(table).into_iter().find(|&(key, ..)| key == "name");
        let Some((key, at, value)) = name else {
            // A mistyped "name" is a better answer than a missing one.
            let mut strange = in_order(table)
                .into_iter()
                .filter_map(|(key, at, _)| keys::find(key, true).err().map(|why| (at, why)))
                .peekable();
            if strange.peek().is_none() {
                faults.add(self.error(table_at, None, "this [[peer]] has no name"));
            }
            strange.for_each(|(at, why)| faults.add(self.error(at, None, &why)));
            return None;
        };
        match self.setting(key, at, value, None, faults)?.value {
            Value::Name(name) => Some(name),
            _ => {
                faults.add(self.error(at, None, PEER_FORM));
                None
            }
        }
    }

    /// A setting; `None`, and a fault, if it cannot be one.
    fn setting(
        &self,
        name: &str,
        at: usize,
        value: &Spanned<DeValue<'_>>,
        peer: Option<&str>,
        faults: &mut Faults,
    ) -> Option<Setting> {
        let wrong = |faults: &mut Faults, what: &str| {
            faults.add(self.error(at, peer, what));
            faults.doubt(peer, name);
            None
        };
        let spec = match keys::find(name, peer.is_some()) {
            Ok(spec) => spec,
            Err(why) => {
                // It may stand in the wrong place only.
                faults.doubt(None, name);
                return wrong(faults, &why);
            }
        };
        let written = shown(spec, value.get_ref());
        let fault = |why: &str| format!("{}: {why}", subject(spec, &written));
        let value = match (spec.kind, value.get_ref()) {
            (Kind::Addresses, DeValue::Array(items)) => {
                let mut list = Vec::new();
                let whole =
                    self.each(spec, items, peer, faults, |text| address::push(&mut list, text));
                if !whole {
                    faults.doubt(peer, name);
                    return None;
                }
                if list.is_empty() {
                    return wrong(faults, &fault("a peer has at least one address"));
                }
                Value::Addresses(list)
            }
            (Kind::Words(form), DeValue::Array(items)) => {
                let mut list = Vec::new();
                let whole =
                    self.each(spec, items, peer, faults, |text| words::push(&mut list, form, text));
                if !whole {
                    faults.doubt(peer, name);
                    return None;
                }
                if list.is_empty() {
                    return wrong(faults, &fault(words::EMPTY));
                }
                Value::Words(list)
            }
            (kind, value) => match self.value(kind, value) {
                Ok(value) => value,
                Err(why) => return wrong(faults, &fault(&why)),
            },
        };
        Some(Setting { spec, value, written, origin: self.origin(at) })
    }

    fn value(&self, kind: Kind, value: &DeValue<'_>) -> core::result::Result<Value, String> {
        match (kind, value) {
            (Kind::Flag, DeValue::Boolean(flag)) => Ok(Value::Flag(*flag)),
            (Kind::Flag, DeValue::String(text))
                if Value::from_text(kind, text, self.base).is_ok() =>
            {
                Err("write it without quotation marks".into())
            }
            (Kind::Flag, _) => Err("write true or false".into()),
            (Kind::Count(..), DeValue::Integer(number)) => {
                let number = i128::from_str_radix(number.as_str(), number.radix());
                // What does not fit is out of range in any case.
                Value::count(kind, number.unwrap_or(i128::MAX))
            }
            (Kind::Count(..), DeValue::String(text)) if text.parse::<u32>().is_ok() => {
                Err("write it without quotation marks".into())
            }
            (Kind::Count(..), _) => Err("write a whole number".into()),
            (Kind::Decimal(..), DeValue::Integer(number)) => Value::decimal(kind, number.as_str()),
            (Kind::Decimal(..), DeValue::Float(number)) => Value::decimal(kind, number.as_str()),
            (Kind::Decimal(..), DeValue::String(text)) if Value::decimal(kind, text).is_ok() => {
                Err("write it without quotation marks".into())
            }
            (Kind::Decimal(..), _) => Err("write a number".into()),
            (Kind::Span(..), DeValue::Integer(_) | DeValue::Float(_)) => {
                Err(duration::NEEDS_UNIT.into())
            }
            (Kind::Words(form), DeValue::String(text)) => Value::word(form, text),
            (_, DeValue::String(text)) => Value::from_text(kind, text, self.base),
            (_, other) => Err(format!("write a string in quotation marks, not {}", form(other))),
        }
    }

    /// Hands every string of a list to `take`; what is wrong with one is told with its own line.
    /// Whether all were taken.
    fn each(
        &self,
        spec: &KeySpec,
        items: &DeArray<'_>,
        peer: Option<&str>,
        faults: &mut Faults,
        mut take: impl FnMut(&str) -> core::result::Result<(), String>,
    ) -> bool {
        let mut whole = true;
        for item in items.iter() {
            let at = item.span().start;
            let taken = match item.get_ref() {
                DeValue::String(text) => take(text),
                other => Err(format!("write strings in quotation marks, not {}", form(other))),
            };
            if let Err(why) = taken {
                let subject = subject(spec, &shown(spec, item.get_ref()));
                faults.add(self.error(at, peer, &format!("{subject}: {why}")));
                whole = false;
            }
        }
        whole
    }

    fn line(&self, at: usize) -> usize {
        self.newlines.partition_point(|&newline| newline < at) + 1
    }

    fn origin(&self, at: usize) -> Origin {
        Origin::File { path: Arc::clone(&self.path), line: self.line(at) }
    }

    fn error(&self, at: usize, peer: Option<&str>, what: &str) -> Error {
        Error::new(Code::Config, complaint(&self.origin(at), peer, what))
    }
}

const PEER_FORM: &str = "a peer is written as [[peer]], with name and address below it";

/// The entries of a table as the file has them, so that the first error of the file is reported.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<Entry<'t, 'i>> {
    let entry = |(key, value): (&'t Spanned<_>, &'t Spanned<DeValue<'i>>)| {
        let key: &'t Spanned<std::borrow::Cow<'i, str>> = key;
        (key.get_ref().as_ref(), key.span().start, value)
    };
    let mut entries: Vec<Entry<'t, 'i>> = table.iter().map(entry).collect();
    entries.sort_by_key(|&(_, at, _)| at);
    entries
}

/// A value as an error shows it.
fn shown(spec: &KeySpec, value: &DeValue<'_>) -> String {
    if spec.kind == Kind::Secret {
        return String::new();
    }
    match value {
        DeValue::String(text) => presentable(spec.kind, text),
        DeValue::Boolean(flag) => flag.to_string(),
        // Nothing keeps a number from having a thousand digits.
        DeValue::Integer(number) => number.as_str().chars().take(32).collect(),
        DeValue::Float(number) => number.as_str().chars().take(32).collect(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(items) => {
            let items: Vec<String> =
                items.iter().take(4).map(|i| shown(spec, i.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(_) => "{..}".into(),
    }
}

fn form(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
