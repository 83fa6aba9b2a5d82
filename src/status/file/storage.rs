//! Where the bytes are: a file, or something of a test that fails at will.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes at places. Never mapped: a mapping that somebody truncates would kill the host.
pub trait Storage {
    /// Fills `buffer` from `offset` as far as there is something; says how far.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`. After an error any beginning of them may be written.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// How many bytes there are.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn len(&self) -> io::Result<u64>;

    /// Whether there are none.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts or extends.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn set_len(&mut self, length: u64) -> io::Result<()>;

    /// Returns when what was written survives a power failure, as far as the disk keeps its word.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn sync(&mut self) -> io::Result<()>;
}

impl Storage for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset.saturating_add(filled as u64);
            match FileExt::read_at(self, &mut buffer[filled..], at) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        File::set_len(self, length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
