//! `peermonctl keygen`: a fresh key for a group of servers.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use peermon::proto::auth::key_id;
use serde_json::json;

use crate::failure::Failure;
use crate::fresh::Fresh;
use crate::output;

/// As much as HMAC-SHA256 has use for.
const LENGTH: usize = 32;

/// A fresh key for a group of servers
///
/// Every server of the group needs the same key, as a file that its configuration names (key_file). Without FILE
/// the key goes to the standard output.
#[derive(clap::Args)]
pub struct Args {
    /// Where to write it, readable by its owner only
    file: Option<PathBuf>,
    /// Replace the file if it exists: every server of the group needs the new key then
    #[arg(long, requires = "file")]
    force: bool,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// A key and its name.
pub struct Key {
    /// What a key file holds.
    pub content: String,
    /// What servers and administrators call it: it says nothing of the key itself.
    pub id: String,
    digits: String,
}

/// What a key is called.
pub fn shown(id: u32) -> String {
    format!("{id:08x}")
}

/// A key that nobody has seen.
pub fn fresh() -> Result<Key, Failure> {
    let mut bytes = [0_u8; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::Refused(format!("the kernel gives no random numbers: {error}"))
    })?;
    let mut digits = String::with_capacity(2 * LENGTH);
    for byte in bytes {
        let _ = write!(digits, "{byte:02x}");
    }
    let id = shown(key_id(Some(&bytes)));
    let content = format!(
        "# The key {id} of a group of peermon servers: the same file for each of them, and for nobody else.\n\
         {digits}\n"
    );
    Ok(Key { content, id, digits })
}

/// See the head of this file.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let key = fresh()?;
    let Some(path) = &args.file else {
        return Ok(if args.json {
            output::json(out, &json!({ "key_id": key.id, "key": key.digits }))
        } else {
            write!(out, "{}", key.content)
        }?);
    };
    Fresh { path: path.clone(), content: key.content, mode: 0o600 }.write(args.force)?;
    let shown = path.display().to_string();
    if args.json {
        output::json(out, &json!({ "key_id": key.id, "file": shown }))?;
    } else {
        writeln!(out, "key id {}: written to {shown}, which only its owner may read", key.id)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_another_one_and_its_digits_stand_on_a_line_of_their_own() {
        let (one, two) = (fresh().unwrap(), fresh().unwrap());
        assert_ne!(one.digits, two.digits);
        assert_ne!(one.id, two.id);
        assert_eq!(one.content.lines().nth(1), Some(&*one.digits));
        assert!(!one.content.lines().next().unwrap().contains(&one.digits));
    }
}
