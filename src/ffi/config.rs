//! The configuration: a file, keys, or both.

use core::ffi::c_char;

use crate::config::Config;
use crate::error::{Code, Error};

use super::types::{monitor_config_t, monitor_result_t};
use super::{configs, guard, handle, registry, strings};

/// Makes an empty configuration: every key at its default.
///
/// out: where the handle is stored; NULL is stored if the call fails. The caller owns the handle
/// and releases it with monitor_config_free, before or after the monitors that were made from it.
///
/// Threads: any. From a callback: yes. In a forked child: yes.
/// Returns MONITOR_OK; MONITOR_ERR_NULL if out is NULL; MONITOR_ERR_LIMIT if there are 1024
/// handles; MONITOR_ERR_IO if the system has no memory.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_config_new(out: *mut *mut monitor_config_t) -> monitor_result_t {
    guard::code(|| {
        if out.is_null() {
            return Err(Error::new(Code::Null, "out is NULL"));
        }
        // SAFETY: the host passes the address of a pointer of its own.
        unsafe { out.write_unaligned(core::ptr::null_mut()) };
        registry::prepare()?;
        let token = configs::insert(Config::new())?;
        // SAFETY: as above.
        unsafe { handle::give(out, token) };
        Ok(())
    })
}

/// Reads a TOML file into the configuration, over what was set before; keys that are set afterwards
/// beat the file.
///
/// config: a handle of monitor_config_new.
/// path: of the file, ended by a NUL; bytes as open(2) takes them, at most 4095. Copied. A relative
/// path is relative to the working directory of this call.
///
/// Threads: any, but one at a time per configuration. From a callback: yes (it reads a file, and
/// later callbacks wait meanwhile). In a forked child: yes.
/// Returns MONITOR_OK; MONITOR_ERR_NULL if config or path is NULL; MONITOR_ERR_HANDLE;
/// MONITOR_ERR_INVALID if the path is too long; MONITOR_ERR_IO if the file cannot be read;
/// MONITOR_ERR_CONFIG if it is wrong (monitor_last_error names the line); MONITOR_ERR_LIMIT if it
/// is larger than 1 MiB or names too many peers; MONITOR_ERR_STATE if another thread is changing
/// this configuration.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_config_load(
    config: *mut monitor_config_t,
    path: *const c_char,
) -> monitor_result_t {
    guard::code(|| {
        let token = handle::config(config)?;
        // SAFETY: the host passes NULL or a string that stands during the call.
        let path = unsafe { strings::path(path) }?;
        configs::change(token, |config| config.load(path))
    })
}

/// Sets one key, over what was set before.
///
/// config: a handle of monitor_config_new.
/// key: a key of the file; dots lead into tables: "listen", "peer.billing.address". At most 256
/// bytes of UTF-8. Copied.
/// value: as in the file, without quotes: "0.0.0.0:28170", "200ms", "true". At most 65535 bytes of
/// UTF-8. Copied.
///
/// Threads: any, but one at a time per configuration. From a callback: yes. In a forked child: yes.
/// Returns MONITOR_OK; MONITOR_ERR_NULL if an argument is NULL; MONITOR_ERR_HANDLE;
/// MONITOR_ERR_INVALID if there is no such key, the value does not fit it, or a string is too long
/// or not UTF-8; MONITOR_ERR_LIMIT if there are too many peers; MONITOR_ERR_STATE if another thread
/// is changing this configuration.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_config_set(
    config: *mut monitor_config_t,
    key: *const c_char,
    value: *const c_char,
) -> monitor_result_t {
    guard::code(|| {
        let token = handle::config(config)?;
        // SAFETY: the host passes NULL or a string that stands during the call.
        let key = unsafe { strings::text(key, "key", strings::KEY) }?;
        // SAFETY: as above.
        let value = unsafe { strings::text(value, "value", strings::VALUE) }?;
        configs::change(token, |config| config.set(key, value))
    })
}

/// Adds a peer to watch. The order of the calls is of no meaning.
///
/// config: a handle of monitor_config_new.
/// name: the name that the peer gives itself, [A-Za-z0-9._-], 1 to 64 bytes. Copied.
/// address: where it listens: "10.0.0.2:28170", "host.example:28170", an IPv6 address in brackets.
/// At most 1024 bytes of UTF-8. Copied. More paths to a peer: monitor_config_set with the key
/// "peer.NAME.address".
///
/// Threads: any, but one at a time per configuration. From a callback: yes. In a forked child: yes.
/// Returns MONITOR_OK; MONITOR_ERR_NULL if an argument is NULL; MONITOR_ERR_HANDLE;
/// MONITOR_ERR_INVALID if the name or the address is wrong, or the name was added before;
/// MONITOR_ERR_LIMIT if there are too many peers; MONITOR_ERR_STATE if another thread is changing
/// this configuration.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_config_add_peer(
    config: *mut monitor_config_t,
    name: *const c_char,
    address: *const c_char,
) -> monitor_result_t {
    guard::code(|| {
        let token = handle::config(config)?;
        // SAFETY: the host passes NULL or a string that stands during the call.
        let name = unsafe { strings::text(name, "name of the peer", strings::NAME) }?;
        // SAFETY: as above.
        let address = unsafe { strings::text(address, "address", strings::ADDRESS) }?;
        configs::change(token, |config| config.add_peer(name, address))
    })
}

/// Releases a configuration. Monitors that were made from it have copies and are not affected.
///
/// config: a handle of monitor_config_new; stale afterwards.
///
/// Threads: any. From a callback: yes. In a forked child: yes.
/// Returns MONITOR_OK; MONITOR_ERR_NULL if config is NULL; MONITOR_ERR_HANDLE if it was released
/// already.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_config_free(config: *mut monitor_config_t) -> monitor_result_t {
    guard::code(|| {
        let token = handle::config(config)?;
        configs::free(token)
    })
}
