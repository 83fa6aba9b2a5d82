//! Why a file is not taken over. Whoever opened it sets it aside.

use core::fmt;
use std::io;

/// Why a file is not taken over, in words that can be told to an administrator.
#[derive(Debug)]
pub enum Unusable {
    /// It is no status file, or that of another server.
    Foreign(String),
    /// Of a version that is not read any more.
    Older(u16),
    /// Of a version that this one does not know.
    Newer(u16),
    /// Its end is missing.
    Truncated {
        /// So long it is.
        is: u64,
        /// So long it must be.
        must: u64,
    },
    /// Something in it is not as any writer leaves it.
    Corrupted(String),
    /// The system does not let it be read.
    Unreadable(io::Error),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = super::layout::VERSION;
        match self {
            Self::Foreign(whose) => f.write_str(whose),
            Self::Older(found) => {
                write!(f, "it has the old format {found}; this version reads format {version}")
            }
            Self::Newer(found) => {
                write!(f, "it has the newer format {found}; this version reads format {version}")
            }
            Self::Truncated { is, must } => {
                write!(f, "it is truncated: {is} bytes instead of at least {must}")
            }
            Self::Corrupted(what) => write!(f, "it is corrupted: {what}"),
            Self::Unreadable(error) => write!(f, "it cannot be read: {error}"),
        }
    }
}

impl std::error::Error for Unusable {}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}
