//! The check step of every function with a handle: what the host passed in is a handle of the kind
//! that the function wants. Whether it is still alive is for the registry to say.

use crate::error::{Code, Error, Result};

use super::token::{Kind, Token};
use super::types::{monitor_config_t, monitor_t};

/// The token of a monitor.
///
/// # Errors
///
/// [`Code::Null`] for NULL; [`Code::Handle`] for what is no handle, or one of the other kind.
pub fn monitor(handle: *const monitor_t) -> Result<Token> {
    token(handle as usize, Kind::Monitor, "monitor_t")
}

/// The token of a configuration.
///
/// # Errors
///
/// Those of [`monitor`].
pub fn config(handle: *const monitor_config_t) -> Result<Token> {
    token(handle as usize, Kind::Config, "monitor_config_t")
}

/// Gives a new handle to the host.
///
/// # Safety
///
/// `out` must be valid for writing a pointer; it need not be aligned.
pub unsafe fn give<T>(out: *mut *mut T, token: Token) {
    let handle = core::ptr::without_provenance_mut(token.encode());
    // SAFETY: as the caller promises.
    unsafe { out.write_unaligned(handle) };
}

fn token(number: usize, kind: Kind, type_name: &str) -> Result<Token> {
    if number == 0 {
        return Err(Error::new(Code::Null, format!("the {type_name} handle is NULL")));
    }
    match Token::decode(number) {
        Some(token) if token.kind == kind => Ok(token),
        Some(_) => {
            let text = format!("a {type_name} is wanted, and this is the other kind of handle");
            Err(Error::new(Code::Handle, text))
        }
        None => {
            let text = format!("this is no {type_name} that peermon made");
            Err(Error::new(Code::Handle, text))
        }
    }
}
