//! Ring 2: the only owner of clocks, sockets, threads and the private descriptor table.

pub mod sys;
