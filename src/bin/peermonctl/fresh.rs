//! New files: never over old ones by mistake, and never half of one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A file that is written whole or not at all.
#[derive(Debug)]
pub struct Fresh {
    /// Where it is going to be.
    pub path: PathBuf,
    /// What is going to be in it.
    pub content: String,
    /// Who may read and write it.
    pub mode: u32,
}

impl Fresh {
    /// Says so if there is something at its place already.
    pub fn is_free(&self, force: bool) -> Result<(), Failure> {
        match fs::symlink_metadata(&self.path) {
            Ok(_) if force => Ok(()),
            Ok(_) => Err(self.refused("it exists; --force replaces it")),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(self.refused(&error.to_string())),
        }
    }

    /// Writes it; what is there already is replaced only with `force`, and then in one step.
    pub fn write(&self, force: bool) -> Result<(), Failure> {
        if !force {
            return match self.create(&self.path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    Err(self.refused("it exists; --force replaces it"))
                }
                other => other.map_err(|error| self.refused(&error.to_string())),
            };
        }
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".new-{}", std::process::id()));
        let beside = PathBuf::from(name);
        let done = self.create(&beside).and_then(|()| fs::rename(&beside, &self.path));
        done.map_err(|error| {
            let _ = fs::remove_file(&beside);
            self.refused(&error.to_string())
        })
    }

    fn create(&self, at: &Path) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(self.mode).open(at)?;
        let written = fill(&mut file, &self.content);
        if written.is_err() {
            let _ = fs::remove_file(at);
        }
        written
    }

    fn refused(&self, why: &str) -> Failure {
        Failure::Refused(format!("cannot write {}: {why}", self.path.display()))
    }
}

fn fill(file: &mut File, content: &str) -> io::Result<()> {
    file.write_all(content.as_bytes())?;
    file.sync_all()
}
