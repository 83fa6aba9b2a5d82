//! The errors of the library: a code for programs, a sentence for people.

use core::fmt;

/// What kind of error; the number of the C interface is made from it at the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A pointer that must not be NULL is NULL.
    Null,
    /// An argument has a value that it must not have.
    Invalid,
    /// The handle is stale, foreign or was never one.
    Handle,
    /// The call does not fit the state of the monitor (or somebody else holds what it needs).
    State,
    /// The monitor belongs to the parent of this process.
    Forked,
    /// The call would deadlock inside of a callback.
    InCallback,
    /// The operating system refused.
    Io,
    /// The configuration is wrong.
    Config,
    /// No peer of that name.
    UnknownPeer,
    /// A limit is reached.
    Limit,
    /// A bug of this library.
    Internal,
}

/// An error with its sentence: what was wrong and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// For programs.
    pub code: Code,
    /// For people.
    pub text: String,
}

impl Error {
    /// An error of `code` that says `text`.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// An error of the operating system while doing `what`.
    pub fn io(what: &str, source: &std::io::Error) -> Self {
        Self::new(Code::Io, format!("{what}: {source}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

/// The result of everything that can fail.
pub type Result<T> = core::result::Result<T, Error>;
