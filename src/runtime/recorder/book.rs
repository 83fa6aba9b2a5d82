//! The status file at its path: found, locked, verified, and where it cannot be trusted set aside and
//! replaced by a new one, so that a crash at any moment leaves either the old file or a whole new one.
//!
//! Everything here may block on the disk. It runs on the thread that keeps the file.

use core::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::runtime::sys::lock::{self, Refusal};
use crate::status::file::{Clock, Identity, Image, StatusFile, inspect};

/// How often it is begun anew when others make, move or remove files at the same time.
const ATTEMPTS: usize = 16;
/// How many names are tried for a file that is set aside.
const NAMES: u32 = 100;

/// The status file at its path, locked.
#[derive(Debug)]
pub struct Book {
    /// The file.
    pub file: StatusFile<File>,
    path: PathBuf,
}

/// A book that was opened.
#[derive(Debug)]
pub struct Opened {
    /// The book.
    pub book: Book,
    /// What an earlier life left; `None` if the file is new.
    pub image: Option<Image>,
    /// What an administrator should know.
    pub warnings: Vec<String>,
}

/// Why there is no book.
#[derive(Debug, PartialEq, Eq)]
pub enum OpenError {
    /// Another process keeps this file; which one, if it is known.
    Held(PathBuf, Option<u32>),
    /// What the system says, with what was tried.
    Other(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(path, pid) => {
                write!(f, "the status file {} is in use", path.display())?;
                if let Some(pid) = pid {
                    write!(f, " by process {pid}")?;
                }
                f.write_str("; every server needs one of its own")
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for OpenError {}

impl Book {
    /// Opens the file at `path`, or makes it.
    ///
    /// # Errors
    ///
    /// Another process has it, or the system refuses.
    pub fn open(
        path: &Path,
        identity: &Identity<'_>,
        now: Clock,
        entropy: &mut dyn FnMut() -> u64,
    ) -> Result<Opened, OpenError> {
        check_folder(path)?;
        let mut warnings = Vec::new();
        for _ in 0..ATTEMPTS {
            match lock::open(path) {
                Ok(file) => {
                    hold(&file, path, now)?;
                    if !is_at(&file, path)? {
                        continue;
                    }
                    // A descriptor of its own: should the file not be usable, the lock stays held
                    // until it is out of the way.
                    let again = file.try_clone().map_err(|error| other("opening", path, &error))?;
                    match StatusFile::open(again, identity, now) {
                        Ok((mut file, image)) => {
                            file.reserve(image.memory.last_id, now)
                                .map_err(|error| other("writing", path, &error))?;
                            let book = Self { file, path: path.to_owned() };
                            return Ok(Opened { book, image: Some(image), warnings });
                        }
                        Err(why) => {
                            let aside = set_aside(path, now)?;
                            warnings.push(format!(
                                "the status file {} is not taken over: {why}; it is kept as {}, and a \
                                 new one begins",
                                path.display(),
                                aside.display()
                            ));
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(other("opening", path, &error)),
            }
            if let Some(file) = make(path, identity, now, entropy)? {
                let book = Self { file, path: path.to_owned() };
                return Ok(Opened { book, image: None, warnings });
            }
        }
        Err(OpenError::Other(format!(
            "the status file {} is replaced again and again by somebody else",
            path.display()
        )))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file up at once, though `peermon-sync` may wait for the disk with it still open: the next
    /// owner, perhaps of this very process, must not be refused for that.
    pub fn leave(&self) {
        lock::unlock(self.file.storage());
    }

    /// Whether the file is still the one that its path names: somebody may have removed it.
    pub fn is_in_place(&self) -> bool {
        lock::is_at(self.file.storage(), &self.path).unwrap_or(false)
    }
}

/// Makes a new file beside its place and moves it there when it is complete. `None`: somebody else was
/// quicker, look again.
fn make(
    path: &Path,
    identity: &Identity<'_>,
    now: Clock,
    entropy: &mut dyn FnMut() -> u64,
) -> Result<Option<StatusFile<File>>, OpenError> {
    let draft = with_suffix(path, ".new");
    let file = match lock::create(&draft) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Somebody makes one at this moment, or died in it.
            return clear(&draft, path, now).map(|()| None);
        }
        Err(error) => return Err(other("making", path, &error)),
    };
    if let Err(refusal) = hold(&file, path, now) {
        if matches!(refusal, OpenError::Other(_)) {
            let _ = fs::remove_file(&draft);
        }
        return Err(refusal);
    }
    if !is_at(&file, &draft)? {
        return Ok(None);
    }
    let made = StatusFile::create(file, identity, now, entropy)
        .and_then(|file| lock::rename(&draft, path).map(|()| file));
    match made {
        Ok(file) => {
            lock::sync_folder(path);
            Ok(Some(file))
        }
        Err(error) => {
            // Nothing half-made stays, least of all on a full disk.
            let _ = fs::remove_file(&draft);
            match error.kind() {
                io::ErrorKind::AlreadyExists => Ok(None),
                _ => Err(other("making", path, &error)),
            }
        }
    }
}

/// Removes what somebody left who died while he made a file.
fn clear(draft: &Path, path: &Path, now: Clock) -> Result<(), OpenError> {
    let file = match lock::open(draft) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(other("opening", draft, &error)),
    };
    hold(&file, path, now)?;
    if is_at(&file, draft)? {
        fs::remove_file(draft).map_err(|error| other("removing", draft, &error))?;
    }
    Ok(())
}

/// Moves a file out of the way. It is locked, so nobody else does the same.
fn set_aside(path: &Path, now: Clock) -> Result<PathBuf, OpenError> {
    let stamp: String =
        now.wall.to_string().chars().take(19).filter(|c| *c != '-' && *c != ':').collect();
    for number in 1..=NAMES {
        let number = if number == 1 { String::new() } else { format!("-{number}") };
        let aside = with_suffix(path, &format!(".aside-{stamp}Z{number}"));
        match lock::rename(path, &aside) {
            Ok(()) => {
                lock::sync_folder(path);
                return Ok(aside);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(other("setting aside", path, &error)),
        }
    }
    let path = path.display();
    Err(OpenError::Other(format!("too many files were set aside beside the status file {path}")))
}

/// Takes the lock.
fn hold(file: &File, path: &Path, now: Clock) -> Result<(), OpenError> {
    lock::lock(file).map_err(|refusal| match refusal {
        // The kernel does not know whose our kind of lock is; the file does.
        Refusal::Held(pid) => {
            let said = || inspect(file, now).ok().map(|image| image.life.pid);
            OpenError::Held(path.to_owned(), pid.or_else(said).filter(|pid| *pid != 0))
        }
        Refusal::Other(error) => other("locking", path, &error),
    })
}

fn is_at(file: &File, path: &Path) -> Result<bool, OpenError> {
    lock::is_at(file, path).map_err(|error| other("looking for", path, &error))
}

fn check_folder(path: &Path) -> Result<(), OpenError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => Err(OpenError::Other(format!(
            "the folder {} of the status file does not exist; make it, for the user of this server",
            folder.display()
        ))),
        _ => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn other(doing: &str, path: &Path, error: &io::Error) -> OpenError {
    OpenError::Other(format!("{doing} the status file {}: {error}", path.display()))
}
