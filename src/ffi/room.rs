//! Structs of the host that the library fills: they begin with their size, by the host's own word.

use crate::error::{Code, Error, Result};

/// What a struct must have room for.
pub struct Needs {
    /// The fewest bytes that make sense.
    pub least: usize,
    /// All that this library knows.
    pub whole: usize,
    /// How the host calls it.
    pub type_name: &'static str,
}

/// How many bytes the host's struct at `out` has.
///
/// # Errors
///
/// [`Code::Null`] for NULL, [`Code::Invalid`] if it is too small.
///
/// # Safety
///
/// `out` is NULL or points to at least the first member, a `u32`; it need not be aligned.
pub unsafe fn of(out: *const u32, needs: &Needs) -> Result<u32> {
    if out.is_null() {
        return Err(Error::new(Code::Null, "out is NULL"));
    }
    // SAFETY: as the caller promises.
    let room = unsafe { out.read_unaligned() };
    if (room as usize) < needs.least {
        let Needs { whole, type_name, .. } = needs;
        let text = format!("out->size is {room}: set it to sizeof({type_name}), {whole}");
        return Err(Error::new(Code::Invalid, text));
    }
    Ok(room)
}

/// Copies the first `size` bytes.
///
/// # Safety
///
/// Both structs have so many bytes, and they do not overlap. Neither need be aligned.
pub unsafe fn fill(out: *mut u8, from: *const u8, size: u32) {
    // SAFETY: as the caller promises.
    unsafe { from.copy_to_nonoverlapping(out, size as usize) };
}
