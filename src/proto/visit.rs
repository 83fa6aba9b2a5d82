//! A visit: a START that asks a peer whether it hears us, and changes nothing there.
//!
//! It never echoes a nonce, so that its incarnation proves nothing and is not believed (rule R2): the
//! peer answers it with a REPLY (rule R29), and nobody is told of anything. Whatever comes back, or
//! comes by itself meanwhile, says who speaks there and to whom: that is how an administrator finds
//! out what two configurations have different.

use core::time::Duration;

use super::auth::{DirectionKey, NodeId, key_id, node_id};
use super::peer::view::State;
use super::settings::Settings;
use super::wire::{self, Header, Kind, Malformed, Names, OwnState, Packet};

/// The next START would come within this: what a server that is not heard says.
const ANNOUNCED: Duration = Duration::from_secs(5);

/// One visit to one peer.
#[derive(Debug)]
pub struct Visit<'a> {
    own: &'a Settings,
    peer: &'a str,
    incarnation: u64,
    nonce: u64,
}

/// Who sent a datagram, or to whom it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The identity on the wire.
    pub id: NodeId,
    /// Its name, if the datagram spells it out.
    pub name: Option<String>,
}

/// What a datagram says, whether it is meant for us or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What it is.
    pub kind: Kind,
    /// Who says that it sent it.
    pub sender: Party,
    /// To whom.
    pub receiver: Party,
    /// The group, if it is spelled out.
    pub group: Option<String>,
    /// Which key made its tag.
    pub key_id: u32,
    /// The tag is right under our key: nobody without it made this up.
    pub authentic: bool,
    /// It answers this very visit.
    pub answers: bool,
    /// It is said to another life of ours.
    pub to_another_life: bool,
    /// The state that the sender holds of that life; `None` for a number of a newer version.
    pub held: Option<State>,
    /// The sender's date, nanoseconds since 1970.
    pub wall: i64,
    /// The sender's own state.
    pub state: OwnState,
    /// The next status comes within this.
    pub announced: Duration,
}

impl<'a> Visit<'a> {
    /// A visit to `peer` by the server of these settings. Both numbers are random; zero is none.
    pub fn new(own: &'a Settings, peer: &'a str, incarnation: u64, nonce: u64) -> Self {
        Self { own, peer, incarnation: incarnation.max(1), nonce: nonce.max(1) }
    }

    /// The START with this number, from 1, which says that it is `monotonic` and `wall` now (both
    /// in nanoseconds).
    pub fn call(&self, sequence: u64, monotonic: u64, wall: i64) -> Packet {
        let (own, peer) = self.identities();
        let header = Header {
            key_id: key_id(self.own.key.as_deref()),
            incarnation: self.incarnation,
            nonce: self.nonce,
            sequence: sequence.max(1),
            monotonic,
            wall,
            announced: u32::try_from(ANNOUNCED.as_micros()).unwrap_or(u32::MAX),
            ..Header::bare(Kind::Start, own, peer)
        };
        let names = Names {
            group: &self.own.group,
            sender: &self.own.name,
            receiver: self.peer,
            activity: None,
            death: None,
        };
        wire::encode(&header, names, &self.key(&own, &peer))
    }

    /// What `bytes` say, whoever sent them.
    ///
    /// # Errors
    ///
    /// Why this is no datagram of peermon, or of which version.
    pub fn read(&self, bytes: &[u8]) -> Result<Heard, Malformed> {
        let datagram = wire::decode(bytes)?;
        let header = &datagram.header;
        let names = datagram.names();
        let name = |at: usize| names.and_then(|names| names.get(at).map(|name| (*name).to_owned()));
        let ours = header.receiver_incarnation == self.incarnation;
        Ok(Heard {
            kind: header.kind,
            sender: Party { id: header.sender, name: name(1) },
            receiver: Party { id: header.receiver, name: name(2) },
            group: name(0),
            key_id: header.key_id,
            authentic: datagram.verifies(&self.key(&header.sender, &header.receiver)),
            answers: ours && header.echoed_nonce == self.nonce,
            to_another_life: header.receiver_incarnation != 0 && !ours,
            held: State::from_code(header.held),
            wall: header.wall,
            state: header.state,
            announced: Duration::from_micros(header.announced.into()),
        })
    }

    /// Our identity and that of the peer, as this configuration has them.
    pub fn identities(&self) -> (NodeId, NodeId) {
        let of = |name: &str| node_id(&self.own.group, name);
        (of(&self.own.name), of(self.peer))
    }

    fn key(&self, from: &NodeId, to: &NodeId) -> DirectionKey {
        DirectionKey::derive(self.own.key.as_deref(), from, to)
    }
}
