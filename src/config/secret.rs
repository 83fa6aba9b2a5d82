//! The group's key: hexadecimal, in the configuration or in a file of its own. No error and no
//! debug output of this file ever shows a digit of it.

use core::fmt;
use std::path::Path;

use super::file::read_regular;
use crate::error::{Code, Error, Result};

/// The shortest and the longest key, in digits.
const DIGITS: core::ops::RangeInclusive<usize> = 32..=128;
/// A key file is two lines; anything much longer is another file.
const MAX_FILE: u64 = 64 * 1024;

/// A key that does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(pub(super) Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The key that the digits of `text` say.
pub(super) fn parse(text: &str) -> core::result::Result<Secret, String> {
    decode(text.bytes()).map_err(|fault| match fault {
        Fault::Digit(at) => format!("character {} is not a hexadecimal digit", at + 1),
        Fault::Length(digits) => wrong_length(digits),
    })
}

/// The key in the file `path`; white space and lines that begin with `#` do not count.
///
/// The error's text has no origin yet; the caller knows which setting named the file.
pub(super) fn read(path: &Path) -> Result<Secret> {
    let shown = path.display();
    let recipe = format!("make a key with: head -c 32 /dev/urandom | od -An -tx1 > {shown}");
    let bytes = read_regular(path, MAX_FILE).map_err(|error| {
        Error::new(error.code, format!("cannot read {shown}: {}; {recipe}", error.text))
    })?;
    let lines = bytes.split(|&b| b == b'\n');
    let digits = lines
        .enumerate()
        .map(|(number, line)| (number + 1, line.trim_ascii_start()))
        .filter(|(_, line)| line.first() != Some(&b'#'))
        .flat_map(|(number, line)| line.iter().map(move |&b| (number, b)))
        .filter(|(_, b)| !b.is_ascii_whitespace());
    let (numbers, digits): (Vec<usize>, Vec<u8>) = digits.unzip();
    decode(digits.iter().copied()).map_err(|fault| {
        let why = match fault {
            Fault::Digit(at) => format!(
                "line {} holds something else than hexadecimal digits",
                numbers.get(at).copied().unwrap_or_default()
            ),
            Fault::Length(0) => "there is no key in it".into(),
            Fault::Length(digits) => wrong_length(digits),
        };
        Error::new(Code::Config, format!("{shown} is no key file: {why}; {recipe}"))
    })
}

/// Whether `text` is so evidently a key that it must not be shown, wherever it was written.
pub(super) fn looks_like_key(text: &str) -> bool {
    text.len() >= *DIGITS.start() && text.bytes().all(|b| b.is_ascii_hexdigit())
}

enum Fault {
    /// The character of this index is no digit.
    Digit(usize),
    /// That many digits are not a key.
    Length(usize),
}

fn decode(digits: impl Iterator<Item = u8>) -> core::result::Result<Secret, Fault> {
    let mut values = Vec::new();
    for (at, digit) in digits.enumerate() {
        let value = char::from(digit).to_digit(16).ok_or(Fault::Digit(at))?;
        values.push(u8::try_from(value).unwrap_or_default());
    }
    if !DIGITS.contains(&values.len()) || values.len() % 2 == 1 {
        return Err(Fault::Length(values.len()));
    }
    Ok(Secret(values.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()))
}

fn wrong_length(digits: usize) -> String {
    let plural = if digits == 1 { "" } else { "s" };
    format!(
        "a key has {} to {} hexadecimal digits, an even number; this one has {digits} \
         digit{plural}",
        DIGITS.start(),
        DIGITS.end()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_become_bytes() {
        let key = parse("000102030405060708090a0b0c0d0e0fFF").unwrap();
        assert_eq!(key.0, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255]);
    }

    #[test]
    fn short_long_odd_and_foreign_keys_are_refused() {
        for text in ["", "00", &"0".repeat(31), &"0".repeat(33), &"0".repeat(130), &"g".repeat(32)]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let key = parse(&"ab".repeat(16)).unwrap();
        assert_eq!(format!("{key:?}"), "Secret(..)");
        assert!(looks_like_key(&"ab".repeat(16)));
        assert!(!looks_like_key("/etc/peermon/key"));
    }
}
