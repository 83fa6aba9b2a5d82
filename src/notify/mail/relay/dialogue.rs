//! What is said to a relay and what it answers (RFC 5321), one question after the other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use core::fmt;
use core::time::Duration;
use std::io;
use std::net::SocketAddr;

use super::wire::{Tls, Wire};
use crate::config::plan::Hidden;

/// The most lines of one answer.
const LINES: usize = 128;

/// A relay that listens.
#[derive(Debug)]
pub struct Dialogue {
    wire: Wire,
    /// What it offers, as it says it.
    offers: Vec<String>,
    /// It makes no sense to say anything more.
    is_broken: bool,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: u16,
    lines: Vec<String>,
}

impl Answer {
    /// What it says first.
    pub(super) fn first(&self) -> &str {
        self.lines.first().map_or("", String::as_str)
    }
}

/// Why there is no good answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is none.
    Way(io::Error),
    /// It is no.
    Answer(Answer),
    /// It cannot be asked that.
    Unable(&'static str),
}

impl Failure {
    /// The number of the answer, if there was one.
    pub(super) fn code(&self) -> Option<u16> {
        match self {
            Self::Answer(answer) => Some(answer.code),
            Self::Way(_) | Self::Unable(_) => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Way(error) => error.fmt(f),
            Self::Answer(answer) => write!(f, "{} {}", answer.code, answer.lines.join(" ")),
            Self::Unable(why) => f.write_str(why),
        }
    }
}

type Result<T> = core::result::Result<T, Failure>;

impl Dialogue {
    /// Connects, and says hello as `name`.
    pub(super) fn open(
        address: SocketAddr,
        timeout: Duration,
        name: &str,
        tls: Option<&Tls>,
    ) -> Result<Self> {
        let mut wire = Wire::connect(address, timeout).map_err(Failure::Way)?;
        if let Some(tls) = tls {
            wire.encrypt(tls).map_err(Failure::Way)?;
        }
        let mut own = Self { wire, offers: Vec::new(), is_broken: false };
        own.wire.begin();
        own.answer()?;
        own.hello(name)?;
        Ok(own)
    }

    /// Whether nobody on the way can read it.
    pub(super) fn is_encrypted(&self) -> bool {
        self.wire.is_encrypted()
    }

    /// Whether it offers the extension `name`.
    pub(super) fn offers(&self, name: &str) -> bool {
        self.offers.iter().any(|line| {
            line.split_ascii_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case(name))
        })
    }

    /// Encrypts everything from here on, and says hello again: what was offered before may have been
    /// said by anybody.
    pub(super) fn encrypt(&mut self, tls: &Tls, name: &str) -> Result<()> {
        self.ask("STARTTLS")?;
        let encrypted = self.wire.encrypt(tls);
        self.note(encrypted)?;
        self.hello(name)
    }

    /// Logs in, by the first way that both know.
    pub(super) fn login(&mut self, user: &str, password: &Hidden) -> Result<()> {
        let Hidden(password) = password;
        let ways: Vec<String> = self
            .offers
            .iter()
            .filter_map(|line| line.get(..5).filter(|word| is_auth(word)).and(line.get(5..)))
            .flat_map(|ways| ways.split_ascii_whitespace().map(str::to_ascii_uppercase))
            .collect();
        let offered = |way: &str| ways.iter().any(|one| one == way);
        if offered("PLAIN") {
            let secret = [b"\0", user.as_bytes(), b"\0", password].concat();
            self.ask(&format!("AUTH PLAIN {}", STANDARD.encode(&secret)))?;
        } else if offered("LOGIN") {
            self.ask("AUTH LOGIN")?;
            self.ask(&STANDARD.encode(user))?;
            self.ask(&STANDARD.encode(password))?;
        } else {
            return Err(Failure::Unable("it offers neither AUTH PLAIN nor AUTH LOGIN"));
        }
        Ok(())
    }

    /// Says a line, which has no end of line in it, and takes the answer.
    pub(super) fn ask(&mut self, line: &str) -> Result<Answer> {
        self.say(format!("{line}\r\n").as_bytes())
    }

    /// Says the letter after DATA.
    pub(super) fn letter(&mut self, bytes: &[u8]) -> Result<Answer> {
        self.say(&stuffed(bytes))
    }

    /// Says good-bye, and waits at most `patience` for the answer.
    pub(super) fn leave(mut self, patience: Duration) {
        if !self.is_broken {
            self.wire.set_timeout(patience);
            let _ = self.ask("QUIT");
        }
    }

    fn hello(&mut self, name: &str) -> Result<()> {
        let mut answer = self.ask(&format!("EHLO {name}"))?;
        self.offers = answer.lines.split_off(1.min(answer.lines.len()));
        Ok(())
    }

    fn say(&mut self, bytes: &[u8]) -> Result<Answer> {
        self.wire.begin();
        let said = self.wire.write(bytes);
        self.note(said)?;
        self.wire.begin();
        self.answer()
    }

    fn answer(&mut self) -> Result<Answer> {
        let answer = self.whole_answer();
        let answer = self.note(answer)?;
        if (200..400).contains(&answer.code) { Ok(answer) } else { Err(Failure::Answer(answer)) }
    }

    fn whole_answer(&mut self) -> io::Result<Answer> {
        let mut lines = Vec::new();
        for _ in 0..LINES {
            let line = self.wire.line()?;
            let number = line.get(..3).filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
            let code = number.and_then(|text| text.parse().ok());
            let more = line.as_bytes().get(3);
            let (Some(code), None | Some(b' ' | b'-')) = (code, more) else {
                return Err(io::Error::other("what it says is no answer of SMTP"));
            };
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if more != Some(&b'-') {
                return Ok(Answer { code, lines });
            }
        }
        Err(io::Error::other("its answer has no end"))
    }

    fn note<T>(&mut self, result: io::Result<T>) -> Result<T> {
        self.is_broken |= result.is_err();
        result.map_err(Failure::Way)
    }
}

/// `AUTH`, and the way in which it was written before it had a standard.
fn is_auth(word: &str) -> bool {
    word.eq_ignore_ascii_case("AUTH ") || word.eq_ignore_ascii_case("AUTH=")
}

/// A letter as DATA has it: no line of it is taken for its end.
fn stuffed(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len() + 64);
    let mut begins = true;
    for byte in bytes {
        if begins && *byte == b'.' {
            text.push(b'.');
        }
        text.push(*byte);
        begins = *byte == b'\n';
    }
    if !begins {
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b".\r\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_letter_is_its_end() {
        assert_eq!(stuffed(b".\r\na\r\n..b\r\n"), b"..\r\na\r\n...b\r\n.\r\n");
        assert_eq!(stuffed(b"a.b"), b"a.b\r\n.\r\n");
    }
}
