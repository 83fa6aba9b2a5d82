//! The datagram: the dumps of `docs/PROTOCOL.md` bit for bit, every malformed case, and nothing
//! that arrives can do harm.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::iter::once;

use peermon::proto::auth::{DirectionKey, TAG_LEN, key_id, node_id};
use peermon::proto::wire::{
    Application, EXT_GROUP, HEADER_LEN, Header, Kind, Label, Lifeline, MAX_LEN, MAX_SENT, MIN_LEN,
    Malformed, Names, OwnState, decode, encode, encode_hello, quote,
};
use proptest::prelude::*;

const PAGE: &str = include_str!("../docs/PROTOCOL.md");

/// One annotated dump of the page.
struct Dump {
    kind: &'static str,
    sender: &'static str,
    receiver: &'static str,
    /// Bytes, name and value of every line.
    lines: Vec<(Vec<u8>, &'static str, &'static str)>,
}

impl Dump {
    fn bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|(bytes, ..)| bytes.iter().copied()).collect()
    }

    fn value(&self, name: &str) -> &'static str {
        self.lines.iter().find(|(_, found, _)| *found == name).unwrap().2
    }

    fn key(&self) -> DirectionKey {
        let id = |name| node_id(said("group"), name);
        DirectionKey::derive(Some(&group_key()), &id(self.sender), &id(self.receiver))
    }

    fn names(&self) -> Names<'static> {
        Names {
            group: said("group"),
            sender: self.sender,
            receiver: self.receiver,
            activity: None,
            death: None,
        }
    }
}

/// The fenced blocks of the page that begin with `info`: the rest of their first line, and theirs.
fn blocks(info: &str) -> Vec<(&'static str, Vec<&'static str>)> {
    let fence = format!("\n```{info}");
    PAGE.match_indices(&fence)
        .map(|(at, _)| {
            let mut lines = PAGE[at + fence.len()..].lines();
            let rest = lines.next().unwrap();
            (rest.trim(), lines.take_while(|line| *line != "```").collect())
        })
        .collect()
}

/// What the vectors of section 2 say of `what`.
fn said(what: &str) -> &'static str {
    let (_, lines) = blocks("vectors").remove(0);
    let found = lines.into_iter().find_map(|line| line.strip_prefix(what));
    found.unwrap_or_else(|| panic!("no vector {what}")).trim()
}

fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

fn group_key() -> Vec<u8> {
    hex(said("key "))
}

fn number(value: &str) -> u128 {
    match value.strip_prefix("0x") {
        Some(digits) => u128::from_str_radix(digits, 16).unwrap(),
        None => value.parse().unwrap(),
    }
}

fn dumps() -> Vec<Dump> {
    let dump = |(title, lines): (&'static str, Vec<&'static str>)| {
        let mut title = title.split_whitespace();
        let [kind, sender, receiver] = [(); 3].map(|()| title.next().unwrap());
        let mut offset = 0;
        let lines = lines
            .into_iter()
            .map(|line| {
                assert_eq!(usize::from_str_radix(&line[..4], 16).unwrap(), offset, "{line}");
                let bytes = hex(&line[6..54]);
                offset += bytes.len();
                let (name, value) = line[55..].split_once(' ').unwrap();
                (bytes, name, value.trim())
            })
            .collect();
        Dump { kind, sender, receiver, lines }
    };
    blocks("dump ").into_iter().map(dump).collect()
}

/// A datagram of the page with this edit, tagged anew (unless the edit left no room for a tag).
fn edited(kind: &str, edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let dump = dumps().into_iter().find(|dump| dump.kind == kind).unwrap();
    let mut bytes = dump.bytes();
    bytes.truncate(bytes.len() - TAG_LEN);
    edit(&mut bytes);
    let tag = dump.key().tag(&bytes);
    bytes.extend(tag);
    bytes
}

fn set_total(bytes: &mut [u8]) {
    let total = (bytes.len() + TAG_LEN) as u16;
    bytes[8..10].copy_from_slice(&total.to_be_bytes());
}

fn fault(bytes: &[u8]) -> Option<Malformed> {
    decode(bytes).err()
}

#[test]
fn the_page_shows_one_datagram_of_each_type() {
    let kinds: Vec<_> = dumps().iter().map(|dump| dump.kind).collect();
    assert_eq!(kinds, ["START", "REPLY", "RUNNING", "PROBE", "END"]);
}

#[test]
fn the_vectors_of_identities_and_keys_are_ours() {
    let vectors = [said("id         orders"), said("id         billing")];
    assert_eq!(hex(vectors[0]), node_id(said("group"), "orders"));
    assert_eq!(hex(vectors[1]), node_id(said("group"), "billing"));
    assert_eq!(hex(said("key_id")), key_id(Some(&group_key())).to_be_bytes());
}

#[test]
fn every_dump_decodes_and_encodes_again_bit_for_bit() {
    for dump in dumps() {
        let bytes = dump.bytes();
        let datagram = decode(&bytes).unwrap();
        assert!(datagram.verifies(&dump.key()), "{}", dump.kind);
        assert_eq!(datagram.total_len(), bytes.len());
        let again = encode(&datagram.header, dump.names(), &dump.key());
        assert_eq!(again.as_bytes(), bytes, "{}", dump.kind);
    }
}

#[test]
fn every_value_beside_a_dump_is_that_of_its_bytes() {
    for dump in dumps() {
        for (bytes, name, value) in &dump.lines {
            let told = match *name {
                "sender" | "receiver" => node_id(said("group"), value).to_vec(),
                "tag" => {
                    assert_eq!(*value, format!("{} {}", dump.sender, dump.receiver));
                    continue;
                }
                _ if value.starts_with('"') => value.trim_matches('"').into(),
                _ => number(value).to_be_bytes()[16 - bytes.len()..].to_vec(),
            };
            assert_eq!(told, *bytes, "{} {name}", dump.kind);
        }
    }
}

#[test]
fn every_field_of_a_dump_is_read_from_where_the_page_says() {
    for dump in dumps() {
        let bytes = dump.bytes();
        let header = decode(&bytes).unwrap().header;
        let fields = [
            ("type", header.kind as u128),
            ("flags", header.flags.into()),
            ("key_id", header.key_id.into()),
            ("incarnation", header.incarnation.into()),
            ("receiver_incarnation", header.receiver_incarnation.into()),
            ("nonce", header.nonce.into()),
            ("echoed_nonce", header.echoed_nonce.into()),
            ("sequence", header.sequence.into()),
            ("beat", header.beat.into()),
            ("monotonic", header.monotonic.into()),
            ("wall", header.wall as u128),
            ("echoed_sequence", header.echoed_sequence.into()),
            ("echo_hold", header.echo_hold.into()),
            ("announced", header.announced.into()),
            ("requested", header.requested.into()),
            ("pause", header.pause.into()),
            ("pause_age", header.pause_age.into()),
            ("remaining", header.remaining.into()),
            ("start_count", header.start_count.into()),
            ("last_ungraceful", header.last_ungraceful.into()),
            ("own_state", header.state as u128),
            ("held_state", header.held.into()),
            ("application", header.application as u128),
            ("path", header.path.into()),
            ("reason", header.reason.into()),
            ("echoed_path", header.echoed_path.into()),
            ("heard_paths", header.heard_paths.into()),
            ("list_digest", header.list_digest.into()),
        ];
        for (name, read) in fields {
            assert_eq!(read, number(dump.value(name)), "{} {name}", dump.kind);
        }
    }
}

#[test]
fn the_table_of_fields_has_the_offsets_of_the_dumps() {
    let (_, table) = PAGE.split_once("| offset | bytes | name | unit |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let told: Vec<(usize, usize, String)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            (cells[1].parse().unwrap(), cells[2].parse().unwrap(), cells[3].replace(' ', "_"))
        })
        .collect();
    let mut offset = 0;
    let dump = dumps().remove(0);
    let shown: Vec<(usize, usize, String)> = dump.lines[..told.len()]
        .iter()
        .map(|(bytes, name, _)| {
            offset += bytes.len();
            (offset - bytes.len(), bytes.len(), (*name).into())
        })
        .collect();
    assert_eq!(told, shown);
    assert_eq!(offset, HEADER_LEN);
}

#[test]
fn names_are_read_out_of_start_and_probe_and_nowhere_else() {
    for dump in dumps() {
        let bytes = dump.bytes();
        let names = decode(&bytes).unwrap().names();
        let spelled = matches!(dump.kind, "START" | "PROBE");
        assert_eq!(names, spelled.then_some([said("group"), dump.sender, dump.receiver]));
    }
}

#[test]
fn every_prefix_of_a_datagram_is_refused() {
    for dump in dumps() {
        let bytes = dump.bytes();
        for len in 0..bytes.len() {
            assert_eq!(fault(&bytes[..len]), Some(Malformed::Shape), "{} {len}", dump.kind);
        }
    }
}

#[test]
fn a_datagram_with_a_byte_too_many_is_refused() {
    for dump in dumps() {
        let bytes: Vec<u8> = dump.bytes().into_iter().chain(once(0)).collect();
        assert_eq!(fault(&bytes), Some(Malformed::Shape));
    }
}

#[test]
fn a_flipped_bit_anywhere_breaks_the_shape_or_the_tag() {
    for dump in dumps() {
        let mut bytes = dump.bytes();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let believed = decode(&bytes).is_ok_and(|datagram| datagram.verifies(&dump.key()));
            assert!(!believed, "{} bit {bit}", dump.kind);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn a_datagram_does_not_verify_in_the_other_direction() {
    for dump in dumps() {
        let bytes = dump.bytes();
        let back = Dump { sender: dump.receiver, receiver: dump.sender, ..dump };
        assert!(!decode(&bytes).unwrap().verifies(&back.key()));
    }
}

#[test]
fn another_magic_is_malformed_whatever_follows() {
    let mut bytes = edited("RUNNING", |_| {});
    bytes[0] ^= 1;
    assert_eq!(fault(&bytes), Some(Malformed::Shape));
    assert_eq!(fault(b"GET / HTTP/1.1\r\n\r\n"), Some(Malformed::Shape));
    assert_eq!(fault(&[]), Some(Malformed::Shape));
}

#[test]
fn another_version_is_said_to_be_one_whatever_follows() {
    for version in [0, 2, 255] {
        let bytes = edited("RUNNING", |bytes| bytes[4] = version);
        assert_eq!(fault(&bytes), Some(Malformed::Version));
        assert_eq!(fault(&bytes[..5]), Some(Malformed::Version));
    }
}

#[test]
fn a_hello_says_which_lifeline_it_is_and_where_the_second_ones_listen() {
    let dump = dumps().into_iter().find(|dump| dump.kind == "RUNNING").unwrap();
    let running = dump.bytes();
    let header = Header { kind: Kind::Hello, path: 5, ..decode(&running).unwrap().header };
    let lifeline = Lifeline { index: 1, twin_port: 40_123 };
    let packet = encode_hello(&header, lifeline, &dump.key());
    let bytes = packet.as_bytes();
    assert_eq!(bytes.len(), 191);
    assert_eq!(bytes[168..175], [0, 4, 0, 3, 1, 0x9c, 0xbb]);
    let hello = decode(bytes).unwrap();
    assert_eq!((hello.header, hello.lifeline()), (header, Some(lifeline)));
    assert!(hello.verifies(&dump.key()));
    assert_eq!(decode(&running).unwrap().lifeline(), None);
}

#[test]
fn an_icmp_message_that_quotes_too_little_says_nothing() {
    let bytes = dumps().into_iter().find(|dump| dump.kind == "PROBE").unwrap().bytes();
    let header = decode(&bytes).unwrap().header;
    let quoted = quote(&bytes[..72]).unwrap();
    assert_eq!((quoted.sender, quoted.receiver), (header.sender, header.receiver));
    assert_eq!(quoted.nonce, header.nonce);
    assert_eq!(quote(&bytes[..71]), None);
    assert_eq!(quote(&[b"X", &bytes[1..]].concat()), None);
}

#[test]
fn an_unknown_type_is_said_to_be_one_if_its_lengths_are_right() {
    for kind in [0, 7, 8, 255] {
        let bytes = edited("RUNNING", |bytes| bytes[5] = kind);
        assert_eq!(fault(&bytes), Some(Malformed::UnknownKind));
        assert_eq!(fault(&bytes[..100]), Some(Malformed::Shape));
    }
}

#[test]
fn a_total_that_is_not_the_length_is_refused() {
    for total in [0_u16, 183, 185, u16::MAX] {
        let bytes = edited("RUNNING", |bytes| bytes[8..10].copy_from_slice(&total.to_be_bytes()));
        assert_eq!(fault(&bytes), Some(Malformed::Shape), "{total}");
    }
}

#[test]
fn a_header_length_out_of_range_is_refused() {
    let beyond = (HEADER_LEN + 1) as u16;
    for len in [0_u16, 167, beyond, MIN_LEN as u16, u16::MAX] {
        let bytes = edited("RUNNING", |bytes| bytes[10..12].copy_from_slice(&len.to_be_bytes()));
        assert_eq!(fault(&bytes), Some(Malformed::Shape), "{len}");
    }
}

#[test]
fn a_broken_extension_is_refused() {
    // A head without its length, a length beyond the end, a byte left over.
    for extra in [&[0_u8, 9][..], &[0, 9, 0, 1], &[0, 9, 255, 255, 1], &[0, 9, 0, 1, 1, 7]] {
        let bytes = edited("RUNNING", |bytes| {
            bytes.extend(extra);
            set_total(bytes);
        });
        assert_eq!(fault(&bytes), Some(Malformed::Shape), "{extra:?}");
    }
}

#[test]
fn zero_incarnation_zero_sequence_and_a_stamp_too_large_are_refused() {
    for (at, value) in [(48, 0), (80, 0), (96, 1 << 62), (96, u64::MAX)] {
        let set = |bytes: &mut Vec<u8>| bytes[at..at + 8].copy_from_slice(&value.to_be_bytes());
        assert_eq!(fault(&edited("RUNNING", set)), Some(Malformed::Shape), "{at} {value}");
    }
    let largest = ((1_u64 << 62) - 1).to_be_bytes();
    let bytes = edited("RUNNING", |bytes| bytes[96..104].copy_from_slice(&largest));
    assert!(decode(&bytes).is_ok());
}

#[test]
fn a_datagram_may_be_1200_bytes_long_and_no_longer() {
    let padded = |len: usize| {
        edited("RUNNING", |bytes| {
            let value = len - bytes.len() - 4 - TAG_LEN;
            bytes.extend([255, 255]);
            bytes.extend((value as u16).to_be_bytes());
            bytes.resize(len - TAG_LEN, 0);
            set_total(bytes);
        })
    };
    assert!(decode(&padded(MAX_LEN)).is_ok());
    assert_eq!(fault(&padded(MAX_LEN + 1)), Some(Malformed::Oversized));
    assert_eq!(fault(&[0; 65_507]), Some(Malformed::Oversized));
}

#[test]
fn unknown_extensions_behind_the_known_ones_are_skipped() {
    let plain = edited("START", |_| {});
    let bytes = edited("START", |bytes| {
        bytes.extend([0x7f, 0xff, 0, 3, 1, 2, 3, 0, 99, 0, 0]);
        set_total(bytes);
    });
    let (plain, more) = (decode(&plain).unwrap(), decode(&bytes).unwrap());
    assert_eq!(more.header, plain.header);
    assert_eq!(more.names(), plain.names());
    assert_eq!(more.extension(0x7fff), Some(&[1, 2, 3][..]));
    assert_eq!(more.extension(99), Some(&[][..]));
    assert_eq!(more.extension(100), None);
    assert!(more.verifies(&dumps()[0].key()));
}

#[test]
fn of_two_extensions_of_one_type_the_first_counts() {
    let bytes = edited("START", |bytes| {
        bytes.extend([0, EXT_GROUP as u8, 0, 1, b'x']);
        set_total(bytes);
    });
    assert_eq!(decode(&bytes).unwrap().extension(EXT_GROUP), Some(said("group").as_bytes()));
}

#[test]
fn a_longer_header_of_a_newer_sender_is_skipped() {
    let plain = edited("START", |_| {});
    let bytes = edited("START", |bytes| {
        bytes.splice(HEADER_LEN..HEADER_LEN, [0xee; 24]);
        bytes[10..12].copy_from_slice(&(HEADER_LEN as u16 + 24).to_be_bytes());
        set_total(bytes);
    });
    let longer = decode(&bytes).unwrap();
    assert_eq!(longer.header, decode(&plain).unwrap().header);
    assert_eq!(longer.names().unwrap()[0], said("group"));
    assert!(longer.verifies(&dumps()[0].key()));
}

#[test]
fn unknown_flags_states_and_reserved_bits_do_no_harm() {
    let bytes = edited("RUNNING", |bytes| {
        bytes[6..8].copy_from_slice(&[0xff, 0xfe]);
        bytes[152..155].copy_from_slice(&[77, 88, 99]);
        bytes[159] = 0xaa;
    });
    let header = decode(&bytes).unwrap().header;
    assert_eq!(header.flags, 0xfffe);
    assert_eq!((header.state, header.held), (OwnState::Running, 88));
    assert_eq!(header.application, Application::Unwatched);
    assert_eq!((header.heard_paths, header.list_digest), (0xaa, 0));
}

#[test]
fn the_longest_names_fit_and_are_the_longest_datagram() {
    let name = "n".repeat(64);
    let dump = dumps().remove(0);
    let bytes = dump.bytes();
    let header = decode(&bytes).unwrap().header;
    let names = Names { group: &name, sender: &name, receiver: &name, activity: None, death: None };
    let packet = encode(&header, names, &dump.key());
    assert_eq!(packet.as_bytes().len(), MAX_SENT);
    let again = decode(packet.as_bytes()).unwrap();
    assert_eq!(again.names(), Some([name.as_str(); 3]));
    assert!(again.verifies(&dump.key()));
}

#[test]
fn a_running_that_confesses_names_the_activity_and_nothing_else_does() {
    let dump = dumps().remove(0);
    let bytes = dump.bytes();
    let header = decode(&bytes).unwrap().header;
    let longest = "n".repeat(63);
    let names = Names { activity: Some(&longest), ..dump.names() };
    for kind in [Kind::Start, Kind::Running, Kind::End, Kind::Reply, Kind::Probe] {
        for application in [Application::Unwatched, Application::Alive, Application::Stalled] {
            let packet = encode(&Header { kind, application, ..header }, names, &dump.key());
            let datagram = decode(packet.as_bytes()).unwrap();
            assert!(datagram.verifies(&dump.key()));
            let said = kind == Kind::Running && application == Application::Stalled;
            let activity = datagram.activity();
            assert_eq!(activity.as_ref().map(Label::as_str), said.then_some(&*longest), "{kind:?}");
            assert_eq!(packet.as_bytes().len() == MIN_LEN + 4 + 63, said);
        }
    }
}

#[test]
fn an_activity_that_is_no_name_is_passed_over_and_the_rest_is_taken() {
    let dump = dumps().remove(0);
    let bytes = dump.bytes();
    let header = Header { kind: Kind::Running, ..decode(&bytes).unwrap().header };
    let long = "n".repeat(64);
    for wrong in ["", "two\nlines", "bell\u{7}", &long] {
        let names = Names { activity: Some(wrong), ..dump.names() };
        let header = Header { application: Application::Stalled, ..header };
        let packet = encode(&header, names, &dump.key());
        let datagram = decode(packet.as_bytes()).unwrap();
        assert_eq!(datagram.activity(), None, "{wrong:?}");
        assert_eq!(datagram.header, header);
        assert!(datagram.verifies(&dump.key()));
    }
}

prop_compose! {
    fn any_header()(
        kind in 1_u8..=5,
        small in any::<(u16, u32, u8, u8, u16, u8, u8)>(),
        ids in any::<([u8; 16], [u8; 16])>(),
        lives in (1_u64.., any::<u64>(), any::<u64>(), any::<u64>(), 1_u64.., any::<u64>()),
        times in (0_u64..1 << 62, any::<i64>(), any::<u64>(), any::<u64>()),
        spans in any::<[u32; 8]>(),
        state in 1_u8..=3,
        application in 0_u8..=2,
    ) -> Header {
        Header {
            kind: Kind::from_code(kind).unwrap(),
            flags: small.0,
            key_id: small.1,
            sender: ids.0,
            receiver: ids.1,
            incarnation: lives.0,
            receiver_incarnation: lives.1,
            nonce: lives.2,
            echoed_nonce: lives.3,
            sequence: lives.4,
            beat: lives.5,
            monotonic: times.0,
            wall: times.1,
            echoed_sequence: times.2,
            echo_hold: spans[0],
            announced: spans[1],
            requested: spans[2],
            pause: spans[3],
            pause_age: spans[4],
            remaining: spans[5],
            start_count: spans[6],
            last_ungraceful: spans[7],
            state: OwnState::from_code(state),
            held: small.2,
            application: Application::from_code(application),
            path: small.3,
            reason: small.4,
            echoed_path: small.5,
            heard_paths: small.6,
            list_digest: times.3,
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_encoded_is_decoded_as_it_was(
        header in any_header(),
        names in ("[A-Za-z0-9._-]{1,64}", "[A-Za-z0-9._-]{1,64}", "[A-Za-z0-9._-]{1,64}"),
        key in proptest::option::of(proptest::collection::vec(any::<u8>(), 16..=64)),
    ) {
        let key = DirectionKey::derive(key.as_deref(), &header.sender, &header.receiver);
        let (group, sender, receiver) = (&*names.0, &*names.1, &*names.2);
        let packet = encode(&header, Names { group, sender, receiver, activity: None, death: None }, &key);
        let datagram = decode(packet.as_bytes()).unwrap();
        prop_assert_eq!(datagram.header, header);
        prop_assert!(datagram.verifies(&key));
        let spelled = matches!(header.kind, Kind::Start | Kind::Probe);
        prop_assert_eq!(datagram.names(), spelled.then_some([group, sender, receiver]));
        let len = packet.as_bytes().len();
        for cut in 0..len {
            prop_assert!(decode(&packet.as_bytes()[..cut]).is_err());
        }
    }

    #[test]
    fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1400)) {
        let _ = decode(&bytes).map(|datagram| datagram.names().is_some());
    }

    #[test]
    fn no_edit_of_a_datagram_makes_decoding_panic_or_is_believed(
        which in 0_usize..5,
        edits in proptest::collection::vec((0_usize..220, any::<u8>()), 1..8),
        cut in proptest::option::of(0_usize..220),
        tail in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let dump = dumps().remove(which);
        let mut bytes = dump.bytes();
        let len = bytes.len();
        for (at, value) in edits {
            bytes[at % len] = value;
        }
        bytes.truncate(cut.unwrap_or(len));
        bytes.extend(tail);
        let genuine = bytes == dump.bytes();
        if let Ok(datagram) = decode(&bytes) {
            let _ = datagram.names();
            prop_assert_eq!(datagram.verifies(&dump.key()), genuine);
        }
    }

    /// The lengths are right and lead into random extensions.
    #[test]
    fn random_extensions_are_walked_through_without_harm(
        tail in proptest::collection::vec(0_u8..4, 0..200),
        header_len in 160_u16..400,
    ) {
        let bytes = edited("RUNNING", |bytes| {
            bytes.extend(&tail);
            bytes[10..12].copy_from_slice(&header_len.to_be_bytes());
            set_total(bytes);
        });
        if let Ok(datagram) = decode(&bytes) {
            for kind in 0..4 {
                prop_assert!(datagram.extension(kind).is_none_or(|value| value.len() <= tail.len()));
            }
        }
    }
}
