//! Strings that come in from C: never NULL unless they may be, valid UTF-8, and of bounded length,
//! so that a string without its end is not followed through the whole memory.

use core::ffi::{CStr, c_char};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::proto::settings::MAX_NAME;

/// The longest name of a peer.
pub const NAME: usize = MAX_NAME;
/// The longest address or list of addresses.
pub const ADDRESS: usize = 1024;
/// The longest key of the configuration.
pub const KEY: usize = 256;
/// The longest value of the configuration.
pub const VALUE: usize = 65_535;
/// The longest path, that of the system.
pub const PATH: usize = 4095;

/// The text at `string`, called `what` in errors.
///
/// # Errors
///
/// [`Code::Null`] for NULL; [`Code::Invalid`] if it is longer than `most` bytes or not UTF-8.
///
/// # Safety
///
/// `string` is NULL or points to a NUL-terminated string that nobody changes for the life of the
/// result.
pub unsafe fn text<'a>(string: *const c_char, what: &str, most: usize) -> Result<&'a str> {
    // SAFETY: as the caller promises.
    let bytes = unsafe { bytes(string, what, most) }?;
    core::str::from_utf8(bytes)
        .map_err(|_| Error::new(Code::Invalid, format!("the {what} is not valid UTF-8")))
}

/// The path at `string`: any bytes, as `open` takes them.
///
/// # Errors
///
/// [`Code::Null`] for NULL; [`Code::Invalid`] if it is longer than a path can be.
///
/// # Safety
///
/// That of [`text`].
pub unsafe fn path<'a>(string: *const c_char) -> Result<&'a Path> {
    // SAFETY: as the caller promises.
    let bytes = unsafe { bytes(string, "path", PATH) }?;
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

unsafe fn bytes<'a>(string: *const c_char, what: &str, most: usize) -> Result<&'a [u8]> {
    if string.is_null() {
        return Err(Error::new(Code::Null, format!("the {what} is NULL")));
    }
    // SAFETY: reads up to the NUL that the caller promises, and never more than `most` + 1 bytes.
    let length = unsafe { libc::strnlen(string, most + 1) };
    if length > most {
        let text = format!("the {what} is longer than {most} bytes");
        return Err(Error::new(Code::Invalid, text));
    }
    // SAFETY: the string ends within its first `most` + 1 bytes, and the caller keeps it.
    Ok(unsafe { CStr::from_ptr(string) }.to_bytes())
}

#[cfg(test)]
mod tests {
    use core::ptr;

    use super::*;

    fn text_of(string: &CStr, most: usize) -> Result<String> {
        // SAFETY: a CStr ends with a NUL and lives through the call.
        unsafe { text(string.as_ptr(), "word", most) }.map(str::to_owned)
    }

    #[test]
    fn a_string_within_its_limit_comes_through() {
        assert_eq!(text_of(c"four", 4), Ok("four".to_owned()));
        assert_eq!(text_of(c"", 4), Ok(String::new()));
    }

    #[test]
    fn what_is_wrong_with_a_string_is_said() {
        // SAFETY: NULL is allowed.
        let null = unsafe { text(ptr::null(), "word", 4) }.unwrap_err();
        assert_eq!((null.code, null.text.as_str()), (Code::Null, "the word is NULL"));
        let long = text_of(c"fiver", 4).unwrap_err();
        assert_eq!(long.text, "the word is longer than 4 bytes");
        let latin = text_of(c"caf\xe9", 8).unwrap_err();
        assert_eq!(
            (latin.code, latin.text.as_str()),
            (Code::Invalid, "the word is not valid UTF-8")
        );
    }

    #[test]
    fn a_string_without_an_end_is_not_followed_beyond_its_limit() {
        let endless = [b'x'; 5];
        // SAFETY: five bytes are readable, and the limit of four allows no more than five.
        let error = unsafe { text(endless.as_ptr().cast(), "word", 4) }.unwrap_err();
        assert_eq!(error.code, Code::Invalid);
    }
}
