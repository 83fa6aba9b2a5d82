//! The socket by which an administrator steers, and who may.

use super::super::accounts;
use super::super::keys::Key;
use super::super::plan::{Account, Control};
use super::super::value::{Section, Setting};
use super::{built_with, is_of_a_socket, without};
use crate::error::Result;

/// What needs a socket; that one comes first.
const KEYS: [Key; 2] = [Key::ControlSocket, Key::ControlUsers];
/// Where only root and the user of the host may steer, nobody else can even connect.
const PRIVATE: u32 = 0o600;
/// Where others may, everybody can connect, and the kernel says who it is.
const OPEN: u32 = 0o666;

const NO_SOCKET: &str = "there is no control socket; write control_socket";
const CLIENTS: &str = "clients ask at this socket (client_socket); write another path";

pub(super) fn of(server: &Section, known: &[Account]) -> Result<Option<Control>> {
    built_with(server, cfg!(feature = "http"), "http", &KEYS)?;
    let Some((path, setting)) = server.path(Key::ControlSocket) else {
        without(server, &KEYS, NO_SOCKET)?;
        return Ok(None);
    };
    is_of_a_socket(path, setting)?;
    if server.path(Key::ClientSocket).is_some_and(|(clients, _)| clients == path) {
        return Err(setting.fault(None, CLIENTS));
    }
    let own = accounts::own();
    let users = match server.words(Key::ControlUsers) {
        Some((written, setting)) => users(written, setting, known)?,
        None if own == 0 => vec![accounts::numbered(0, known)],
        None => vec![accounts::numbered(0, known), accounts::numbered(own, known)],
    };
    let private = users.iter().all(|user| user.uid == 0 || user.uid == own);
    let mode = if private { PRIVATE } else { OPEN };
    Ok(Some(Control { socket: path.to_owned(), users, mode }))
}

fn users(written: &[String], setting: &Setting, known: &[Account]) -> Result<Vec<Account>> {
    let mut users: Vec<Account> = Vec::new();
    for text in written {
        let user = accounts::find(text, known).map_err(|why| setting.fault(None, &why))?;
        if !users.iter().any(|other| other.uid == user.uid) {
            users.push(user);
        }
    }
    Ok(users)
}
