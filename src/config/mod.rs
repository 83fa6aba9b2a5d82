//! The configuration: a file, keys, or both, with the same names.
//!
//! [`Config`] collects settings, each with the place where it was written; [`Config::check`] makes
//! a [`plan::Plan`] of them. `docs/CONFIGURATION.md` is the reference for people; the table of keys
//! is in `keys`.
//!
//! The form of a value is checked when it is set, so that the error comes where the mistake is.
//! What depends on other settings, or on a file, is checked at the end, in `check`.

mod accounts;
mod address;
mod channels;
mod check;
pub mod difference;
mod duration;
mod faults;
mod file;
mod flap;
mod guest;
mod inspect;
mod journal;
mod keys;
mod kind;
mod origin;
mod pacing;
mod peer;
pub mod plan;
mod rate;
mod reach;
mod relay;
mod rule;
mod secret;
pub(crate) mod suggest;
mod timing;
mod value;
mod words;

use core::time::Duration;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use address::DEFAULT_PORT;
pub use inspect::Inspection;
pub use peer::{check_address, parse_endpoints, peer_settings};

use self::faults::Faults;
use self::file::Content;
use self::journal::{Journal, Step};
use self::keys::Key;
use self::origin::{Origin, quoted};
use self::plan::{Account, Plan};
use self::value::{NAME_RULE, Section, Setting, Value, complaint, presentable, subject};
use crate::error::{Code, Error, Result};
use crate::proto::event::PeerName;
use crate::proto::settings::is_valid_name;

/// The most peers of one configuration.
pub const MAX_PEERS: usize = 10_000;

/// A configuration in the making. Later settings override earlier ones, wherever they come from.
#[derive(Clone, Debug, Default)]
pub struct Config {
    server: Section,
    /// In the order of their first mention.
    peers: Vec<PeerDraft>,
    index: HashMap<PeerName, usize>,
    last_file: Option<PathBuf>,
    /// How it came to be.
    journal: Journal,
    /// Users of this machine that were looked up before.
    known: Vec<Account>,
}

/// A peer in the making.
#[derive(Clone, Debug)]
struct PeerDraft {
    name: PeerName,
    /// Where it was mentioned first.
    origin: Origin,
    section: Section,
}

impl PeerDraft {
    fn fault(&self, why: &str) -> Error {
        Error::new(Code::Config, complaint(&self.origin, Some(&self.name), why))
    }
}

impl Config {
    /// A configuration that says nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the TOML file `path`, at once and whole.
    ///
    /// # Errors
    ///
    /// [`Code::Io`] if it cannot be read, [`Code::Limit`] if it is larger than 1 MiB or names too
    /// many peers, [`Code::Config`] if its content is wrong; the text says the line. A failed load
    /// leaves everything as it was.
    pub fn load(&mut self, path: &Path) -> Result<()> {
        let bytes = file::read_regular(path, file::MAX_FILE).map_err(|error| {
            Error::new(error.code, format!("cannot read {}: {}", path.display(), error.text))
        })?;
        self.load_bytes(path, &bytes)?;
        self.journal.file(path);
        Ok(())
    }

    /// Takes `text` as the content of a TOML file; errors call the file `origin`, and relative
    /// paths begin in its directory.
    ///
    /// # Errors
    ///
    /// Those of [`Config::load`], [`Code::Io`] excepted.
    pub fn load_str(&mut self, origin: &str, text: &str) -> Result<()> {
        self.load_bytes(Path::new(origin), text.as_bytes())?;
        self.journal.text(Path::new(origin), text.as_bytes());
        Ok(())
    }

    /// Sets one key: a key of the top of the file (`"detect_within"`), or `"peer.NAME.KEY"` for a
    /// key of a peer's table. A peer that does not exist yet comes into being; it needs its address
    /// before [`Config::check`]. Several addresses and processors are written with commas, other
    /// lists as in a file: `["a", "b"]`. A relative path begins in the
    /// current directory.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] if there is no such key or the value has the wrong form, [`Code::Limit`]
    /// if there are too many peers. Nothing is changed then.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let refused =
            |peer, what: &str| Error::new(Code::Invalid, complaint(&Origin::Set, peer, what));
        // A name may contain points, a key does not.
        let (name, key) = match key.strip_prefix("peer.").map(|rest| rest.rsplit_once('.')) {
            Some(Some((name, key))) => (name, key),
            None if key != "peer" => {
                let setting = setting(Origin::Set, None, key, value)?;
                self.journal.call(None, setting.clone());
                self.server.put(setting);
                return Ok(());
            }
            _ => {
                let why = format!("{}: a key of a peer is peer.NAME.KEY", quoted(key));
                return Err(refused(None, &why));
            }
        };
        if !is_valid_name(name) {
            return Err(refused(Some(name), NAME_RULE));
        }
        if key == "name" {
            return Err(refused(Some(name), "the key says its name already"));
        }
        let setting = setting(Origin::Set, Some(name), key, value)?;
        self.put(name, setting)
    }

    /// Adds a peer, or gives its address to one that a file or [`Config::set`] has mentioned.
    /// `address` is what [`parse_endpoints`] reads.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] if the name or the address has the wrong form or the name was added by
    /// this call before, [`Code::Limit`] if there are too many peers. Nothing is changed then.
    pub fn add_peer(&mut self, name: &str, address: &str) -> Result<()> {
        let refused =
            |why: &str| Error::new(Code::Invalid, complaint(&Origin::AddPeer, Some(name), why));
        if !is_valid_name(name) {
            return Err(refused(NAME_RULE));
        }
        let setting = setting(Origin::AddPeer, Some(name), "address", address)?;
        let draft = self.draft(name, &Origin::AddPeer)?;
        if draft.section.setting(Key::Address).is_some_and(|old| old.origin == Origin::AddPeer) {
            let why =
                format!("this peer was added already; peer.{name}.address changes its address");
            return Err(refused(&why));
        }
        self.put(name, setting)
    }

    /// Everything that needs the whole: required keys, relations between keys, the key file (read
    /// here), the rule of loopback. Host names are not looked up.
    ///
    /// # Errors
    ///
    /// [`Code::Config`] if something is missing or does not fit together, [`Code::Io`] or
    /// [`Code::Limit`] if the key file cannot be read; the text says where the setting was written
    /// and what would be right.
    pub fn check(&self) -> Result<Plan> {
        let mut faults = Faults::default();
        let plan = check::plan(self, &mut faults);
        faults.first()?;
        plan.ok_or_else(|| Error::new(Code::Internal, "a configuration without a fault has a plan"))
    }

    /// The same once more, from the files as they are now; what calls have set is as it was.
    ///
    /// # Errors
    ///
    /// Those of [`Config::load`].
    pub fn again(&self) -> Result<Self> {
        let mut again = Self { known: self.known.clone(), ..Self::default() };
        for step in self.journal.steps() {
            match step {
                Step::File(path) => again.load(path)?,
                Step::Text(path, bytes) => {
                    again.load_bytes(path, bytes)?;
                    again.journal.text(path, bytes);
                }
                Step::Calls(calls) => {
                    for (peer, setting) in calls.made() {
                        match peer {
                            Some(peer) => again.put(peer, setting.clone())?,
                            None => {
                                again.journal.call(None, setting.clone());
                                again.server.put(setting.clone());
                            }
                        }
                    }
                }
            }
        }
        Ok(again)
    }

    /// The files that it was read from, by absolute paths.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.journal.files()
    }

    /// Remembers users of this machine, so that they need not be looked up again.
    pub fn remember(&mut self, accounts: &[Account]) {
        self.known = accounts.to_vec();
    }

    /// What a call says of a peer.
    fn put(&mut self, name: &str, setting: Setting) -> Result<()> {
        let draft = self.draft(name, &setting.origin.clone())?;
        let name = Arc::clone(&draft.name);
        draft.section.put(setting.clone());
        self.journal.call(Some(name), setting);
        Ok(())
    }

    fn load_bytes(&mut self, path: &Path, bytes: &[u8]) -> Result<()> {
        if bytes.len() as u64 > file::MAX_FILE {
            let kib = file::MAX_FILE / 1024;
            let why = format!("{}: the file is larger than {kib} KiB", path.display());
            return Err(Error::new(Code::Limit, why));
        }
        let mut faults = Faults::default();
        let content = file::parse(path, bytes, &mut faults);
        faults.first()?;
        let mut next = self.clone();
        next.take(path, content)?;
        *self = next;
        Ok(())
    }

    fn take(&mut self, path: &Path, content: Content) -> Result<()> {
        self.last_file = Some(path.to_owned());
        content.server.into_iter().for_each(|setting| self.server.put(setting));
        for peer in content.peers {
            let draft = self.draft(&peer.name, &peer.origin)?;
            peer.settings.into_iter().for_each(|setting| draft.section.put(setting));
        }
        Ok(())
    }

    /// The peer `name`, made if it is new.
    fn draft(&mut self, name: &str, origin: &Origin) -> Result<&mut PeerDraft> {
        let known = self.index.get(name).copied();
        if known.is_none() && self.peers.len() >= MAX_PEERS {
            let why = format!("there are {MAX_PEERS} peers already, and no more are possible");
            return Err(Error::new(Code::Limit, complaint(origin, Some(name), &why)));
        }
        let at = known.unwrap_or(self.peers.len());
        if known.is_none() {
            let name: PeerName = name.into();
            self.index.insert(Arc::clone(&name), at);
            self.peers.push(PeerDraft {
                name,
                origin: origin.clone(),
                section: Section::default(),
            });
        }
        let missing = || Error::new(Code::Internal, "the index of peers is out of step");
        self.peers.get_mut(at).ok_or_else(missing)
    }
}

/// A duration as the configuration writes it: `"200ms"`, `"1.5s"`, `"2min"`, `"1h"`.
///
/// # Errors
///
/// [`Code::Invalid`], with what would be right, if `text` is anything else.
pub fn parse_duration(text: &str) -> Result<Duration> {
    duration::parse(text).map_err(|why| Error::new(Code::Invalid, why))
}

/// The mean time between two mistakes, from a rate as `mistakes_at_most` writes it: `"2 per hour"` is
/// half an hour.
///
/// # Errors
///
/// [`Code::Invalid`], with what would be right, if `text` is anything else.
pub fn parse_rate(text: &str) -> Result<Duration> {
    rate::parse(text).map_err(|why| Error::new(Code::Invalid, why))
}

/// A setting that a call makes.
fn setting(origin: Origin, peer: Option<&str>, key: &str, value: &str) -> Result<Setting> {
    let invalid = |what: &str| Error::new(Code::Invalid, complaint(&origin, peer, what));
    let spec = keys::find(key, peer.is_some()).map_err(|why| invalid(&why))?;
    let written = presentable(spec.kind, value);
    let parsed = Value::from_text(spec.kind, value, Path::new(""))
        .map_err(|why| invalid(&format!("{}: {why}", subject(spec, &written))))?;
    Ok(Setting { spec, value: parsed, written, origin })
}
