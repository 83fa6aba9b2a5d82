//! `peermonctl init-config`: files for servers that watch one another, ready to be used.

mod member;
mod text;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use peermon::config::{Config, DEFAULT_PORT};
use serde_json::json;

use self::member::Member;
use crate::failure::Failure;
use crate::fresh::Fresh;
use crate::{keygen, output, units};

/// So many servers can be written at once.
const MOST: usize = 32;
/// The file of the key.
const KEY: &str = "peermon.key";

/// Commented configurations for servers that watch one another, with a fresh key
///
/// Writes NAME.toml for each server, and peermon.key for all of them. What is there already is left alone.
///
/// Example: peermonctl init-config orders=10.0.0.1 billing=10.0.0.2
#[derive(clap::Args)]
pub struct Args {
    /// The servers: NAME=ADDRESS, with several addresses NAME=ADDRESS,ADDRESS; an address may have a port
    #[arg(required = true, num_args = 2.., value_name = "NAME=ADDRESS")]
    servers: Vec<String>,
    /// The port where they watch one another, by UDP and TCP
    #[arg(long, default_value_t = DEFAULT_PORT, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Where to write the files
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    dir: PathBuf,
    /// From the death of a server to the verdict
    #[arg(long, default_value = "1s", value_name = "DURATION", value_parser = units::duration)]
    detect_within: Duration,
    /// Replace files that exist, the key too
    #[arg(long)]
    force: bool,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// See the head of this file.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let members = Member::all(&args.servers, args.port, MOST).map_err(Failure::Usage)?;
    fs::create_dir_all(&args.dir).map_err(|error| {
        Failure::Refused(format!("cannot make {}: {error}", args.dir.display()))
    })?;
    let key = keygen::fresh()?;
    let key_file = Fresh { path: args.dir.join(KEY), content: key.content, mode: 0o600 };
    let detect_within = duration(args.detect_within);
    let files: Vec<Fresh> = (0..members.len())
        .map(|at| {
            let (own, others) = apart(&members, at);
            let path = args.dir.join(format!("{}.toml", own.name));
            let content = text::of(own, &others, KEY, &detect_within);
            Fresh { path, content, mode: 0o644 }
        })
        .collect();
    // All or nothing: a new key beside old files would help nobody.
    files.iter().chain([&key_file]).try_for_each(|file| file.is_free(args.force))?;
    key_file.write(args.force)?;
    let mut written = vec![&key_file];
    for file in &files {
        if let Err(failure) = checked(file).and_then(|()| file.write(args.force)) {
            if !args.force {
                written.iter().for_each(|file| _ = fs::remove_file(&file.path));
            }
            return Err(failure);
        }
        written.push(file);
    }
    if args.json {
        let paths: Vec<String> = files.iter().map(|file| file.path.display().to_string()).collect();
        let key_path = key_file.path.display().to_string();
        let told = json!({ "files": paths, "key_file": key_path, "key_id": key.id });
        output::json(out, &told)?;
        return Ok(());
    }
    say(args, &members, &key.id, out)
}

/// The member at `at`, and the others.
fn apart(members: &[Member], at: usize) -> (&Member, Vec<&Member>) {
    let (before, rest) = members.split_at(at);
    let (own, after) = rest.split_at(1);
    (&own[0], before.iter().chain(after).collect())
}

/// Whether a monitor takes it.
fn checked(file: &Fresh) -> Result<(), Failure> {
    let mut config = Config::new();
    let path = std::path::absolute(&file.path).unwrap_or_else(|_| file.path.clone());
    let taken =
        config.load_str(&path.display().to_string(), &file.content).and_then(|()| config.check());
    taken.map(|_| ()).map_err(|error| Failure::Refused(error.text))
}

/// What was done, and three lines about what to do next.
fn say(args: &Args, members: &[Member], key_id: &str, out: &mut impl Write) -> Result<(), Failure> {
    let folder = |name: &str| match args.dir == Path::new(".") {
        true => name.to_owned(),
        false => args.dir.join(name).display().to_string(),
    };
    let files: Vec<String> =
        members.iter().map(|member| folder(&format!("{}.toml", member.name))).collect();
    writeln!(out, "Written: {} and {} (key id {key_id}).", files.join(", "), folder(KEY))?;
    let here = members.iter().all(Member::is_here);
    let copies: Vec<String> = members
        .iter()
        .map(|member| format!("{}.toml with {KEY} to {}", member.name, member.place()))
        .collect();
    match here {
        true => writeln!(out, "1. Nothing to copy: all of them run on this machine.")?,
        false => writeln!(
            out,
            "1. Copy {}; the key is for the server's user alone (mode 0600).",
            copies.join(", ")
        )?,
    }
    let example = files.first().map_or("FILE", String::as_str);
    writeln!(
        out,
        "2. On each of them: peermonctl doctor --config {example} says what stands between the servers."
    )?;
    writeln!(
        out,
        "3. Start each server with its file: monitor_config_load(config, \"{example}\"), or \
         peermonctl run --config {example} -- COMMAND"
    )?;
    Ok(())
}

/// As the configuration writes it.
fn duration(span: Duration) -> String {
    let micros = span.as_micros();
    match (micros.is_multiple_of(1_000_000), micros.is_multiple_of(1000)) {
        (true, _) => format!("{}s", micros / 1_000_000),
        (false, true) => format!("{}ms", micros / 1000),
        (false, false) => format!("{micros}us"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_written_as_the_configuration_reads_it() {
        for text in ["1s", "250ms", "90s", "1500us", "1000500us"] {
            assert_eq!(duration(units::duration(text).unwrap()), text);
        }
    }
}
