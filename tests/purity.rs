//! The direction of the rings, proven on the sources: `ffi -> runtime -> (http, notify, status) ->
//! proto`, with `config` and `error` at the ground; and `unsafe` only where the kernel and the C
//! interface are.
//!
//! A file that is not there yet is covered by the rules of its folder.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// What a ring may name of this crate beside itself (`a::b` allows everything below), and whether it
/// is pure.
struct Ring {
    folder: &'static str,
    may_name: &'static [&'static str],
    pure: bool,
}

const RINGS: [Ring; 7] = [
    Ring { folder: "proto", may_name: &[], pure: true },
    Ring { folder: "error", may_name: &[], pure: false },
    Ring { folder: "config", may_name: &["error", "proto::event", "proto::settings"], pure: false },
    Ring { folder: "notify", may_name: &DATA, pure: false },
    Ring { folder: "status", may_name: &SEEN, pure: false },
    Ring {
        folder: "http",
        may_name: &["config::plan", "config::suggest", "notify", "status", "error", "proto"],
        pure: false,
    },
    Ring {
        folder: "runtime",
        may_name: &["http", "notify", "status", "config", "error", "proto"],
        pure: false,
    },
];

/// What a sink may know: the ground (a checked configuration) and the data of the pure ring.
const DATA: [&str; 10] = [
    "config::plan",
    "error",
    "proto::event",
    "proto::memory",
    "proto::peer::view",
    "proto::record",
    "proto::rejection",
    "proto::settings",
    "proto::time",
    "proto::machine::Counters",
];

/// What the world may see is said in the words in which it is told.
const SEEN: [&str; DATA.len() + 1] = {
    let mut all = ["notify::json"; DATA.len() + 1];
    let mut at = 0;
    while at < DATA.len() {
        all[at] = DATA[at];
        at += 1;
    }
    all
};

/// What a pure file must not name; crates only with something of theirs behind them.
const IMPURE: [&str; 17] = [
    "std::time::Instant",
    "std::time::SystemTime",
    "std::net",
    "std::thread",
    "std::fs",
    "std::io",
    "std::env",
    "std::process",
    "std::sync::Mutex",
    "libc",
    "mio",
    "socket2",
    "parking_lot",
    "crossbeam_channel",
    "log",
    "env_logger",
    "getrandom",
];

/// Where `unsafe` may stand.
const UNSAFE_FOLDERS: [&str; 2] = ["ffi", "runtime/sys"];

/// One broken rule.
#[derive(Debug, PartialEq, Eq)]
struct Breach {
    file: String,
    what: String,
}

/// The code of a file: without comments, texts and the test module at its end.
fn code(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let (before, from) = rest.split_at(at);
        code.push_str(before);
        rest = if from.starts_with("//") {
            from.find('\n').map_or("", |end| &from[end..])
        } else if let Some(comment) = from.strip_prefix("/*") {
            comment.find("*/").map_or("", |end| &comment[end + 2..])
        } else if let Some(text) = from.strip_prefix('"') {
            code.push_str("\"\"");
            after_text(text)
        } else if from.starts_with("'\"'") || from.starts_with("'/'") {
            &from[3..]
        } else {
            code.push_str(&from[..1]);
            &from[1..]
        };
    }
    code.push_str(rest);
    code
}

fn after_text(text: &str) -> &str {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' if !escaped => return &text[at + 1..],
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    ""
}

/// Every path that the code names, `use` groups written out, `super` resolved.
fn paths(module: &[String], code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let tokens = tokens(code);
    let mut at = 0;
    while at < tokens.len() {
        if is_word(&tokens[at]) {
            at = read_path(&tokens, at, &mut Vec::new(), &mut found);
        } else {
            at += 1;
        }
    }
    found.iter().map(|path| resolve(module, path)).collect()
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn tokens(code: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut characters = code.chars().peekable();
    while let Some(character) = characters.next() {
        if character.is_alphanumeric() || character == '_' {
            word.push(character);
            continue;
        }
        if !word.is_empty() {
            tokens.push(std::mem::take(&mut word));
        }
        if character == ':' && characters.peek() == Some(&':') {
            characters.next();
            tokens.push("::".into());
        } else if !character.is_whitespace() {
            tokens.push(character.into());
        }
    }
    tokens.push(word);
    tokens
}

/// Reads the path at `at` with everything in its braces; returns what follows it.
fn read_path(
    tokens: &[String],
    mut at: usize,
    prefix: &mut Vec<String>,
    found: &mut Vec<Vec<String>>,
) -> usize {
    let depth = prefix.len();
    let token = |at: usize| tokens.get(at).map_or("", String::as_str);
    loop {
        if token(at) == "{" {
            at += 1;
            while token(at) != "}" && at < tokens.len() {
                at = if is_word(token(at)) || token(at) == "{" {
                    read_path(tokens, at, prefix, found)
                } else {
                    at + 1
                };
            }
            at += 1;
            break;
        }
        if !is_word(token(at)) {
            found.push(prefix.clone());
            at += 1;
            break;
        }
        prefix.push(token(at).into());
        at += 1;
        if token(at) != "::" {
            found.push(prefix.clone());
            break;
        }
        at += 1;
    }
    prefix.truncate(depth);
    at
}

fn resolve(module: &[String], path: &[String]) -> String {
    let mut base: Vec<String> = match path.first().map(String::as_str) {
        Some("self" | "super") if path.len() > 1 => module.to_vec(),
        _ => return path.join("::"),
    };
    let mut rest = path;
    while let Some((first, further)) = rest.split_first() {
        match first.as_str() {
            "self" => {}
            "super" => {
                base.pop();
            }
            _ => break,
        }
        rest = further;
    }
    let named = base.into_iter().chain(rest.iter().cloned()).collect::<Vec<_>>().join("::");
    format!("crate::{named}")
}

fn is_below(path: &str, of: &str) -> bool {
    path == of || path.strip_prefix(of).is_some_and(|rest| rest.starts_with("::"))
}

/// The module of a file: `proto/peer/mod.rs` is `proto::peer`.
fn module_of(file: &str) -> Vec<String> {
    let stem = file.trim_end_matches(".rs").trim_end_matches("/mod");
    stem.split('/').map(str::to_owned).collect()
}

fn check(file: &str, source: &str) -> Vec<Breach> {
    let module = module_of(file);
    let code = code(source);
    let mut breaches = Vec::new();
    let mut breach = |what: String| breaches.push(Breach { file: file.into(), what });
    let may_be_unsafe = UNSAFE_FOLDERS
        .iter()
        .any(|folder| file.strip_prefix(folder).is_some_and(|rest| rest.starts_with(['/', '.'])));
    if !may_be_unsafe && tokens(&code).iter().any(|token| token == "unsafe") {
        breach("unsafe outside of ffi and runtime/sys".into());
    }
    let top = module.first().map_or("", String::as_str);
    let ring = RINGS.iter().find(|ring| ring.folder == top);
    if ring.is_none() && !matches!(top, "ffi" | "lib" | "bin") {
        breach(format!("belongs to no ring: say in tests/purity.rs what {top} may name"));
    }
    let Some(ring) = ring else { return breaches };
    for path in paths(&module, &code) {
        if let Some(named) = path.strip_prefix("crate::") {
            let own = is_below(named, ring.folder);
            let allowed = own || ring.may_name.iter().any(|allowed| is_below(named, allowed));
            if !allowed {
                breach(format!("{} names {path}", ring.folder));
            }
        }
        let impure = |impure: &&str| path.contains("::") && is_below(&path, impure);
        if ring.pure && IMPURE.iter().any(impure) {
            breach(format!("the pure ring names {path}"));
        }
    }
    breaches
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_ring_names_only_what_lies_within_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20, "the sources are somewhere else");
    let mut breaches = Vec::new();
    for path in files {
        let file = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        breaches.extend(check(&file, &fs::read_to_string(&path).unwrap()));
    }
    assert_eq!(breaches, []);
}

#[test]
fn every_way_to_break_the_direction_is_seen() {
    let broken = [
        ("proto/a.rs", "use std::net::UdpSocket;"),
        ("proto/a.rs", "use std::{fmt, time::{Duration, Instant}};"),
        ("proto/a.rs", "fn f() { std::thread::yield_now(); }"),
        ("proto/a.rs", "fn f() { log::warn!(\"\") }"),
        ("proto/a/mod.rs", "use crate::error::Error;"),
        ("proto/a/b.rs", "use super::super::super::config::Plan;"),
        ("proto/a.rs", "use crate::{proto::time, runtime};"),
        ("proto/a.rs", "fn f() { unsafe { g() } }"),
        ("config/a.rs", "use crate::proto::machine::Machine;"),
        ("config/a.rs", "use crate::runtime::Handle;"),
        ("notify/a.rs", "use crate::runtime::clock;"),
        ("notify/a.rs", "use crate::status::Snapshot;"),
        ("notify/a.rs", "use crate::proto::machine::Machine;"),
        ("status/a.rs", "use super::super::notify::Queue;"),
        ("runtime/a.rs", "use crate::ffi::Token;"),
        ("runtime/a.rs", "fn f() { unsafe { g() } }"),
        ("error.rs", "use crate::config::Key;"),
        ("gadget/a.rs", "fn f() {}"),
    ];
    for (file, source) in broken {
        assert_ne!(check(file, source), [], "{file}: {source}");
    }
}

#[test]
fn nothing_rightful_is_refused() {
    let sound = [
        ("proto/a.rs", "use core::net::SocketAddr;\nuse core::time::Duration;"),
        ("proto/a.rs", "// std::net is for others\nconst A: &str = \"std::fs\";"),
        ("proto/a.rs", "fn f() { let log = self.log(1); log.note(2) }"),
        ("proto/a/b.rs", "use super::super::time::Time;\nuse crate::proto::event;"),
        ("proto/a.rs", "fn f() {}\n#[cfg(test)]\nmod tests { use std::fs; }"),
        ("config/a.rs", "use crate::error::Result;\nuse crate::proto::settings::Rule;"),
        ("runtime/sys/socket.rs", "fn f() { unsafe { libc::close(1) } }"),
        ("runtime/io.rs", "use crate::notify::Queue;\nuse crate::proto::machine::Machine;"),
        ("ffi/handle.rs", "use crate::runtime::Monitor;\nfn f() { unsafe { g() } }"),
    ];
    for (file, source) in sound {
        assert_eq!(check(file, source), [], "{file}: {source}");
    }
}
