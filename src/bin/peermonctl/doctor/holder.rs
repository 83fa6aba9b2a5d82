//! Which process has a port.

use std::fs;
use std::path::{Path, PathBuf};

use peermon::config::plan::Listen;

/// So many descriptors are looked at.
const MOST: usize = 200_000;

/// The process that listens for datagrams where this server would: "redis-server (process 4711)". `None` if
/// it cannot be seen: its descriptors are shown to its own user and to root.
pub fn of(listen: Listen) -> Option<String> {
    let port = match listen {
        Listen::At(address) => address.port(),
        Listen::Any(port) => port,
    };
    let inodes: Vec<String> = ["/proc/net/udp", "/proc/net/udp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| inodes(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let owner = owner(&inodes)?;
    let name = fs::read_to_string(owner.join("comm")).unwrap_or_default();
    let number = owner.file_name()?.to_string_lossy().into_owned();
    Some(format!("{} (process {number})", name.trim()))
}

/// The sockets of this local port in a table of the kernel.
fn inodes(table: &str, port: u16) -> Vec<String> {
    let of_line = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, local) = words.get(1)?.rsplit_once(':')?;
        let inode = words.get(9).filter(|inode| **inode != "0")?;
        (u16::from_str_radix(local, 16).ok()? == port).then(|| (*inode).to_owned())
    };
    table.lines().skip(1).filter_map(of_line).collect()
}

/// The folder in /proc of the process that has one of these sockets. The library keeps its own in tables of
/// single threads, so that every thread is looked at.
fn owner(sockets: &[String]) -> Option<PathBuf> {
    let mut looked = 0;
    let entries = |path: &Path| {
        fs::read_dir(path).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
    };
    let processes = entries(Path::new("/proc")).filter(|path| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit))
    });
    for process in processes {
        for thread in entries(&process.join("task")) {
            for descriptor in entries(&thread.join("fd")) {
                looked += 1;
                if looked > MOST {
                    return None;
                }
                let link = fs::read_link(&descriptor).unwrap_or_default();
                if sockets.iter().any(|socket| link.as_os_str() == socket.as_str()) {
                    return Some(process);
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn the_process_that_has_a_port_is_found() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let found = of(Listen::At(socket.local_addr().unwrap())).unwrap();
        assert!(found.ends_with(&format!("(process {})", std::process::id())), "{found}");
    }
}
