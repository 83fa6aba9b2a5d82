//! Why a command did not succeed, and the exit code that scripts get for it.

use std::io;

/// What `peermonctl --help` says about exit codes.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  Done, and all is well
  1  It was refused, or it failed
  2  The command line is wrong
  3  The answer is bad news, such as a peer that is DOWN or OVERDUE
  4  The monitor cannot be reached";

/// Why a command did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// What was asked for cannot be done, in words for people.
    Refused(String),
    /// What was asked for makes no sense, as clap would say it.
    Usage(String),
    /// It was done, and the answer, which is written already, is bad news.
    BadNews,
    /// The monitor does not answer, or nothing is where it should listen.
    Unreachable(String),
    /// The result cannot be written.
    Output(io::Error),
}

impl Failure {
    /// The exit code of [`EXIT_CODES`].
    pub fn code(&self) -> u8 {
        match self {
            // Whoever reads has read enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Refused(_) | Self::Output(_) => 1,
            Self::Usage(_) => 2,
            Self::BadNews => 3,
            Self::Unreachable(_) => 4,
        }
    }

    /// What is said about it on the standard error; nothing where the answer says it.
    pub fn says(&self) -> Option<String> {
        match self {
            Self::Refused(why) | Self::Usage(why) | Self::Unreachable(why) => Some(why.clone()),
            Self::BadNews => None,
            Self::Output(_) if self.code() == 0 => None,
            Self::Output(error) => Some(format!("cannot write the result: {error}")),
        }
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Refused(why)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_who_has_read_enough_is_no_failure() {
        let closed = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((closed.code(), closed.says()), (0, None));
        let full = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.code(), 1);
        assert!(full.says().is_some_and(|why| why.starts_with("cannot write the result")));
    }

    #[test]
    fn bad_news_is_told_by_the_answer_alone() {
        assert_eq!((Failure::BadNews.code(), Failure::BadNews.says()), (3, None));
    }
}
