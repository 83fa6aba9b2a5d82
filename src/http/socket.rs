//! The listening sockets.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use crate::config::plan::Listen;

/// Connections that wait to be taken.
const BACKLOG: i32 = 256;
/// Whoever is in the file's group may ask the client port.
pub const CLIENTS: u32 = 0o660;

/// Listens for TCP.
///
/// # Errors
///
/// What the kernel says.
pub fn tcp(listen: Listen) -> io::Result<TcpListener> {
    match listen {
        Listen::At(address) => tcp_at(address, true),
        Listen::Any(port) => match tcp_at((Ipv6Addr::UNSPECIFIED, port).into(), false) {
            Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => {
                tcp_at((Ipv4Addr::UNSPECIFIED, port).into(), true)
            }
            other => other,
        },
    }
}

fn tcp_at(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // A restart has the port at once; a second listener is refused all the same.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// A Unix socket that is removed with its listener, if it is still ours.
#[derive(Debug)]
pub struct UnixSocket {
    /// Takes connections.
    pub listener: UnixListener,
    file: File,
}

impl UnixSocket {
    /// Whether nobody comes here by the path any more: somebody has cleaned up the folder, or opened the
    /// same path in the very moment in which we did. Where the folder is another one the path may mean
    /// something else to us than to those who come: a host that has changed its root is not lost.
    pub fn is_lost(&self) -> bool {
        let File { path, folder, .. } = &self.file;
        folder.is_some() && *folder == folder_of(path) && !self.file.is_ours()
    }
}

/// A socket's file, by its device and number.
#[derive(Debug)]
struct File {
    path: PathBuf,
    number: (u64, u64),
    /// The same of its folder, if that can be seen.
    folder: Option<(u64, u64)>,
}

fn folder_of(path: &Path) -> Option<(u64, u64)> {
    let data = fs::metadata(path.parent()?).ok()?;
    Some((data.dev(), data.ino()))
}

/// Listens at `path` for those who steer. The folder must be one in which nobody else can put another
/// socket in the place of ours.
///
/// # Errors
///
/// Those of [`unix`], and what is wrong with the folder.
pub fn control(path: &Path, mode: u32) -> io::Result<UnixSocket> {
    if let Some(folder) = path.parent() {
        let bits = fs::metadata(folder)?.permissions().mode();
        if bits & 0o002 != 0 && bits & 0o1000 == 0 {
            let shown = folder.display();
            let text = format!(
                "everybody may write to the folder {shown} (mode {:o}), and could put a socket of \
                 their own here; write chmod o-w {shown}, or chmod +t {shown}",
                bits & 0o7777
            );
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
    }
    unix(path, mode)
}

/// Listens at `path`, whose file has this `mode`. What an earlier life left there is replaced; what somebody listens at is not, and
/// nor is what is no socket.
///
/// # Errors
///
/// What is in the way.
pub fn unix(path: &Path, mode: u32) -> io::Result<UnixSocket> {
    let socket = born_with(mode)?;
    let address = SockAddr::unix(path)?;
    if let Err(error) = socket.bind(&address) {
        if error.kind() != io::ErrorKind::AddrInUse {
            return Err(error);
        }
        clear(path)?;
        socket.bind(&address)?;
    }
    let number = fs::symlink_metadata(path).map(|data| (data.dev(), data.ino()))?;
    let file = File { path: path.into(), number, folder: folder_of(path) };
    // It was born with no more than this, less what the process masks. A connection is refused until it
    // listens, so nobody has come in by another mode.
    give_mode(path, mode)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(UnixSocket { listener: UnixListener::from_std(socket.into())?, file })
}

/// A socket whose file will have `mode`, or less: Linux gives it that of the socket, masked. The mask of
/// the process is the host's and stays as it is.
fn born_with(mode: u32) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let file = fs::File::from(OwnedFd::from(socket));
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    Ok(Socket::from(OwnedFd::from(file)))
}

/// Gives the file of a socket its mode, and no other file: whoever may write to the folder can put a link
/// to a file of ours in its place, which would then be open to everybody.
fn give_mode(path: &Path, mode: u32) -> io::Result<()> {
    let flags = libc::O_PATH | libc::O_NOFOLLOW;
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let data = file.metadata()?;
    if !data.file_type().is_socket() {
        let text = "somebody put another file in the place of the socket";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    if data.permissions().mode() & 0o7777 == mode {
        return Ok(());
    }
    // Of the thread and not of the process, whose table is another one.
    let same = format!("/proc/thread-self/fd/{}", file.as_raw_fd());
    match fs::set_permissions(same, fs::Permissions::from_mode(mode)) {
        // There is no /proc here.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::set_permissions(path, fs::Permissions::from_mode(mode))
        }
        other => other,
    }
}

fn clear(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        let text = "there is a file that is no socket; it is left alone";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Where somebody listens who is too busy to accept, it would wait.
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => {
            let text = "somebody else listens there";
            Err(io::Error::new(io::ErrorKind::AddrInUse, text))
        }
    }
}

impl File {
    fn is_ours(&self) -> bool {
        let ours = |data: fs::Metadata| (data.dev(), data.ino()) == self.number;
        fs::symlink_metadata(&self.path).is_ok_and(ours)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if self.is_ours() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_socket_is_born_with_no_more_than_its_mode() {
        let path = std::env::temp_dir().join(format!("peermon-born-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        for mode in [0o600, 0o660] {
            let socket = born_with(mode).unwrap();
            socket.bind(&SockAddr::unix(&path).unwrap()).unwrap();
            let born = fs::symlink_metadata(&path).unwrap().permissions().mode();
            fs::remove_file(&path).unwrap();
            assert_eq!(born & 0o7777 & !mode, 0, "{born:o}");
            assert_eq!(born & 0o600, 0o600);
        }
    }

    #[test]
    fn only_the_socket_gets_the_mode_and_never_what_a_link_leads_to() {
        let folder = std::env::temp_dir().join(format!("peermon-mode-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let (path, secret) = (folder.join("s"), folder.join("secret"));
        let bits = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let socket = born_with(0o600).unwrap();
        socket.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        give_mode(&path, 0o666).unwrap();
        assert_eq!(bits(&path), 0o666);
        fs::remove_file(&path).unwrap();
        fs::write(&secret, "").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&secret, &path).unwrap();
        let refused = give_mode(&path, 0o666).map_err(|error| error.kind());
        let left = bits(&secret);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!((refused, left), (Err(io::ErrorKind::PermissionDenied), 0o600));
    }
}
