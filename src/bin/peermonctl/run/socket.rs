//! The NOTIFY_SOCKET of the command: a datagram socket in a folder of its own, whose messages come
//! with the credentials of their senders.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, mem};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg};
use rustix::net::sockopt::set_socket_passcred;

use super::access::Sender;
use super::message::MAX_DATAGRAM;

/// How the folders are called, before 16 digits of chance.
const PREFIX: &str = "peermon-run-";
/// The socket in them.
const NAME: &str = "notify";
/// What fits into a socket's address.
const MAX_PATH: usize = 107;
/// So many descriptors come with a message at most: the kernel's own limit.
const MAX_DESCRIPTORS: usize = 253;
/// A folder without a socket is somebody's who is just making one, for so long.
const FRESH: Duration = Duration::from_secs(600);

/// See the head of this file. The folder is gone when it is dropped.
#[derive(Debug)]
pub struct NotifySocket {
    socket: UnixDatagram,
    folder: PathBuf,
    control: Vec<u8>,
}

/// What was received.
#[derive(Debug)]
pub enum Received {
    /// A message and who sent it. Descriptors that came along stay open while this lives.
    Message(Vec<u8>, Sender, Descriptors),
    /// One that is too long, or without credentials.
    Refused(&'static str),
    /// Nothing more for now.
    Nothing,
}

/// Closed when dropped: for a sender that waits (BARRIER=1), the sign that it was heard.
#[derive(Debug)]
pub struct Descriptors(Vec<RawFd>);

impl Drop for Descriptors {
    fn drop(&mut self) {
        for number in mem::take(&mut self.0) {
            let _ = nix::unistd::close(number);
        }
    }
}

impl NotifySocket {
    /// Makes one, and removes what killed wrappers have left beside it.
    ///
    /// # Errors
    ///
    /// If there is no place for it.
    pub fn new() -> io::Result<Self> {
        let mut last = io::Error::from(ErrorKind::NotFound);
        for parent in parents() {
            sweep(&parent);
            match Self::below(&parent) {
                Ok(socket) => return Ok(socket),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn below(parent: &Path) -> io::Result<Self> {
        let mut chance = [0; 8];
        getrandom::fill(&mut chance).map_err(io::Error::other)?;
        let folder = parent.join(format!("{PREFIX}{:016x}", u64::from_ne_bytes(chance)));
        let path = folder.join(NAME);
        if path.as_os_str().len() > MAX_PATH {
            return Err(io::Error::other(format!("{}: the path is too long", path.display())));
        }
        // A command of root may become somebody else and must still reach it. The kernel says who
        // sends, so that nothing but a path is lost by that.
        let (folder_mode, mode) = if is_root() { (0o711, 0o666) } else { (0o700, 0o600) };
        DirBuilder::new().mode(0o700).create(&folder)?;
        // Removes the folder if something fails.
        let mut made = Self { socket: UnixDatagram::unbound()?, folder, control: Vec::new() };
        made.socket = UnixDatagram::bind(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
        fs::set_permissions(&made.folder, Permissions::from_mode(folder_mode))?;
        made.socket.set_nonblocking(true)?;
        set_socket_passcred(&made.socket, true)?;
        made.control = nix::cmsg_space!(UnixCredentials, [RawFd; MAX_DESCRIPTORS]);
        Ok(made)
    }

    /// What the command finds in its environment.
    pub fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// The next message.
    pub fn receive(&mut self) -> io::Result<Received> {
        let mut buffer = [0; MAX_DATAGRAM];
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
        self.control.clear();
        let room = self.control.capacity();
        self.control.resize(room, 0);
        let number = self.socket.as_raw_fd();
        let got = match recvmsg::<()>(number, &mut parts, Some(&mut self.control), flags) {
            Ok(got) => got,
            Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => {
                return Ok(Received::Nothing);
            }
            Err(error) => return Err(error.into()),
        };
        if got.flags.contains(MsgFlags::MSG_CTRUNC) {
            // This process may not open so many: those that it got are open all the same.
            drop(Descriptors(rights(&self.control)));
            return Ok(Received::Refused("a message with more descriptors than can be opened"));
        }
        let mut descriptors = Descriptors(Vec::new());
        let mut sender = None;
        for control in got.cmsgs()? {
            match control {
                ControlMessageOwned::ScmRights(numbers) => descriptors.0.extend(numbers),
                ControlMessageOwned::ScmCredentials(from) => {
                    sender = Some(Sender { pid: from.pid(), uid: from.uid() });
                }
                _ => {}
            }
        }
        let (length, cut) = (got.bytes, got.flags.contains(MsgFlags::MSG_TRUNC));
        Ok(match sender {
            _ if cut => Received::Refused("a message of more than 8 KiB"),
            None => Received::Refused("a message without credentials"),
            Some(sender) => Received::Message(buffer[..length].to_vec(), sender, descriptors),
        })
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for NotifySocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path());
        let _ = fs::remove_dir(&self.folder);
    }
}

/// The descriptors that the kernel has put into `control`, which was zero before. For a message that was cut
/// nobody else says them.
fn rights(control: &[u8]) -> Vec<RawFd> {
    const WORD: usize = size_of::<usize>();
    const NUMBER: usize = size_of::<RawFd>();
    // struct cmsghdr: a length with all of it, a level, a type; then the data, up to the next whole word.
    let head = (WORD + 2 * NUMBER).next_multiple_of(WORD);
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, RawFd::from_ne_bytes);
    let mut numbers = Vec::new();
    let mut rest = control;
    while let Some((length, _)) = rest.split_first_chunk::<WORD>() {
        let length = usize::from_ne_bytes(*length);
        let Some(message) = rest.get(..length).filter(|message| message.len() >= head) else {
            break;
        };
        let (level, kind) =
            (&message[WORD..WORD + NUMBER], &message[WORD + NUMBER..WORD + 2 * NUMBER]);
        if (number(level), number(kind)) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            numbers.extend(message[head..].chunks_exact(NUMBER).map(number));
        }
        rest = rest.get(length.next_multiple_of(WORD)..).unwrap_or_default();
    }
    numbers
}

/// Where the folder may be, best first.
fn parents() -> Vec<PathBuf> {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|_| !is_root());
    let run = is_root().then(|| PathBuf::from("/run"));
    let places = [run, runtime, Some(env::temp_dir()), Some("/tmp".into())];
    places.into_iter().flatten().filter(|place| place.is_absolute()).collect()
}

/// Removes the folders of wrappers that were killed: their sockets refuse.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten().filter(|entry| is_ours(&entry.file_name())) {
        let folder = entry.path();
        let Ok(data) = fs::symlink_metadata(&folder) else { continue };
        if !data.is_dir() || data.uid() != rustix::process::geteuid().as_raw() {
            continue;
        }
        let socket = folder.join(NAME);
        let left = match UnixDatagram::unbound().and_then(|from| from.connect(&socket)) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => true,
            Err(error) if error.kind() == ErrorKind::NotFound => is_old(&data),
            _ => false,
        };
        if left {
            let _ = fs::remove_file(&socket);
            let _ = fs::remove_dir(&folder);
        }
    }
}

fn is_old(data: &fs::Metadata) -> bool {
    let age = data.modified().ok().and_then(|at| at.elapsed().ok());
    age.is_some_and(|age| age > FRESH)
}

fn is_ours(name: &OsStr) -> bool {
    let digits = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
    digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of this test.
    struct Place(PathBuf);

    impl Place {
        fn new(label: &str) -> Self {
            let path = env::temp_dir().join(format!("peermon-{label}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_message_comes_with_its_sender_and_a_long_one_is_refused() {
        let place = Place::new("notify");
        let mut socket = NotifySocket::below(&place.0).unwrap();
        let from = UnixDatagram::unbound().unwrap();
        from.send_to(b"READY=1", socket.path()).unwrap();
        from.send_to(&[b'A'; MAX_DATAGRAM + 1], socket.path()).unwrap();
        from.send_to(&[b'A'; MAX_DATAGRAM], socket.path()).unwrap();
        let Received::Message(text, sender, _) = socket.receive().unwrap() else { panic!() };
        assert_eq!(text, b"READY=1");
        assert_eq!(sender.pid, i32::try_from(std::process::id()).unwrap());
        assert_eq!(sender.uid, rustix::process::geteuid().as_raw());
        assert!(matches!(socket.receive().unwrap(), Received::Refused(_)));
        let Received::Message(text, ..) = socket.receive().unwrap() else { panic!() };
        assert_eq!(text.len(), MAX_DATAGRAM);
        assert!(matches!(socket.receive().unwrap(), Received::Nothing));
    }

    #[test]
    fn more_descriptors_than_can_be_opened_are_closed_and_refused() {
        use std::io::IoSlice;

        use nix::sys::socket::{ControlMessage, sendmsg};
        use rustix::event::{PollFd, PollFlags, Timespec, poll};

        let place = Place::new("rights");
        let mut socket = NotifySocket::below(&place.0).unwrap();
        // As if there were room for two more.
        socket.control = nix::cmsg_space!(UnixCredentials, [RawFd; 2]);
        let from = UnixDatagram::unbound().unwrap();
        from.connect(socket.path()).unwrap();
        let (reader, writer) = io::pipe().unwrap();
        let numbers = [writer.as_raw_fd(); 5];
        let rights = [ControlMessage::ScmRights(&numbers)];
        let text = [IoSlice::new(b"READY=1")];
        sendmsg::<()>(from.as_raw_fd(), &text, &rights, MsgFlags::empty(), None).unwrap();
        drop(writer);
        let Received::Refused(why) = socket.receive().unwrap() else { panic!() };
        assert!(why.contains("more descriptors"), "{why}");
        // A child that another test has just forked may have it for a moment, until it executes.
        let long = Timespec { tv_sec: 60, tv_nsec: 0 };
        let mut watched = [PollFd::new(&reader, PollFlags::IN)];
        poll(&mut watched, Some(&long)).unwrap();
        assert!(watched[0].revents().contains(PollFlags::HUP), "nobody has the other end");
        // The next one is heard as ever.
        from.send(b"READY=1").unwrap();
        assert!(matches!(socket.receive().unwrap(), Received::Message(..)));
    }

    #[test]
    fn the_folder_is_gone_afterwards_and_those_of_killed_wrappers_at_the_next_start() {
        let place = Place::new("sweep");
        let first = NotifySocket::below(&place.0).unwrap();
        let folder = first.folder.clone();
        drop(first);
        assert!(!folder.exists());
        let killed = NotifySocket::below(&place.0).unwrap();
        let left = killed.folder.clone();
        // As the kernel does it: the socket is closed, and its file stays.
        let mut killed = mem::ManuallyDrop::new(killed);
        killed.socket = UnixDatagram::unbound().unwrap();
        let alive = NotifySocket::below(&place.0).unwrap();
        let foreign = place.0.join("peermon-run-notes");
        fs::create_dir(&foreign).unwrap();
        sweep(&place.0);
        assert!(!left.exists());
        assert!(alive.path().exists() && foreign.exists());
    }
}
