//! Killed between and within any two writes.
