//! The guard step of every exported function, and its last step: a result becomes a number, and its
//! sentence this thread's last error.

use crate::error::{Code, Result};

use super::constants::*;
use super::types::monitor_result_t;
use super::{detail, panics};

/// Runs the body of an exported function that returns a code.
pub fn code(body: impl FnOnce() -> Result<()>) -> monitor_result_t {
    number_or_code(|| body().map(|()| MONITOR_OK))
}

/// Runs the body of an exported function that returns a number or a code.
pub fn number_or_code(body: impl FnOnce() -> Result<i32>) -> i32 {
    match panics::catch(body) {
        Some(Ok(number)) => number,
        Some(Err(error)) => {
            detail::set(&error.text);
            number_of(error.code)
        }
        None => MONITOR_ERR_INTERNAL,
    }
}

/// Runs the body of an exported function that signal handlers may call: no text, no thread-local.
pub fn code_in_signal_handler(
    body: impl FnOnce() -> core::result::Result<(), Code>,
) -> monitor_result_t {
    match panics::catch_in_signal_handler(body) {
        Some(Ok(())) => MONITOR_OK,
        Some(Err(code)) => number_of(code),
        None => MONITOR_ERR_INTERNAL,
    }
}

/// The number of an error in the C interface.
fn number_of(code: Code) -> monitor_result_t {
    match code {
        Code::Null => MONITOR_ERR_NULL,
        Code::Invalid => MONITOR_ERR_INVALID,
        Code::Handle => MONITOR_ERR_HANDLE,
        Code::State => MONITOR_ERR_STATE,
        Code::Forked => MONITOR_ERR_FORKED,
        Code::InCallback => MONITOR_ERR_IN_CALLBACK,
        Code::Io => MONITOR_ERR_IO,
        Code::Config => MONITOR_ERR_CONFIG,
        Code::UnknownPeer => MONITOR_ERR_UNKNOWN_PEER,
        Code::Limit => MONITOR_ERR_LIMIT,
        Code::Internal => MONITOR_ERR_INTERNAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn an_error_becomes_its_number_and_its_text_the_last_error() {
        assert_eq!(code(|| Ok(())), MONITOR_OK);
        assert_eq!(code(|| Err(Error::new(Code::Limit, "full"))), MONITOR_ERR_LIMIT);
        assert_eq!(detail::read(<[u8]>::to_vec), Some(b"full".to_vec()));
        assert_eq!(number_or_code(|| Ok(12)), 12);
    }

    #[test]
    fn a_panic_becomes_an_internal_error() {
        panics::install();
        assert_eq!(code(|| panic!("a bug")), MONITOR_ERR_INTERNAL);
        assert_eq!(code_in_signal_handler(|| Err(Code::Handle)), MONITOR_ERR_HANDLE);
    }
}
