//! What several test programs need: tools of the machine, folders that clean up after themselves,
//! programs with a time limit, and the libraries that the build made.

#![allow(dead_code, reason = "every test program uses a part of this")]

pub mod artefacts;
pub mod folder;
pub mod run;
pub mod tool;
