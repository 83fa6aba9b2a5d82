//! The small files that a configuration names: a secret on one line, or something in PEM.
//!
//! No error shows a character of what is in them.

use std::path::Path;

use super::super::file::read_regular;
use super::super::value::{Setting, complaint, subject};
use crate::error::{Code, Error, Result};

/// A secret is one line; anything much longer is another file.
const MAX_LINE: u64 = 4096;
/// A chain of certificates, or all the authorities of a system.
const MAX_PEM: u64 = 1024 * 1024;

/// The one line of the file, without its end.
pub(super) fn line(path: &Path, setting: &Setting) -> Result<Vec<u8>> {
    let mut bytes = whole(path, setting, MAX_LINE)?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    if bytes.is_empty() {
        return Err(setting.fault(None, "the file is empty; it holds one line"));
    }
    if bytes.iter().any(|b| matches!(b, b'\n' | b'\r')) {
        return Err(setting.fault(None, "the file has more than one line"));
    }
    Ok(bytes)
}

/// The file, which must hold a PEM block whose label ends with `label`.
pub(super) fn pem(path: &Path, setting: &Setting, label: &str) -> Result<Vec<u8>> {
    let bytes = whole(path, setting, MAX_PEM)?;
    let text = String::from_utf8_lossy(&bytes);
    let end = format!("{label}-----");
    let has = |mark: &str| {
        text.lines().any(|line| line.starts_with(mark) && line.trim_end().ends_with(&end))
    };
    if has("-----BEGIN ") && has("-----END ") {
        return Ok(bytes);
    }
    let why = format!("there is no PEM block of a {} in it", label.to_ascii_lowercase());
    Err(setting.fault(None, &why))
}

fn whole(path: &Path, setting: &Setting, most: u64) -> Result<Vec<u8>> {
    read_regular(path, most).map_err(|error| {
        let subject = subject(setting.spec, &setting.written);
        let why = match error.code {
            Code::Io => format!("{subject}: cannot read {}: {}", path.display(), error.text),
            _ => format!("{subject}: {}", error.text),
        };
        Error::new(error.code, complaint(&setting.origin, None, &why))
    })
}
