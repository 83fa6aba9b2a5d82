//! The socket by which an administrator sees and steers. `docs/CONTROL.md` is its manual.
//!
//! It speaks what the client port speaks, on the same thread, and answers all that this does; beside that
//! it takes requests that change something. The kernel says who is connected, and who is not named in the
//! configuration is refused before a byte of a request is read. Its places are its own, so that no flood of
//! clients locks an administrator out.
//!
//! What is asked for is done by a [`Steer`], which may take seconds: so each request waits on a short-lived
//! thread of the same descriptor table (`asking`), and the thread that serves goes on.

mod asking;
pub mod body;
pub mod routes;
pub mod steer;

use core::fmt;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use self::asking::Asking;
use self::steer::{Steer, Who};
use super::Spawn;
use super::limit::Limits;
use crate::config::plan;
use crate::notify::log::Logger;

/// So many connections at the same time.
pub const CONNECTIONS: u32 = 16;
/// One that neither asks nor reads for so long is closed.
pub const IDLE: Duration = Duration::from_secs(60);

/// What the connections of the socket share.
pub struct Control {
    /// Where it is.
    pub socket: PathBuf,
    /// The mode of its file.
    pub mode: u32,
    /// How many are connected.
    pub limits: Limits,
    users: Vec<plan::Account>,
    steer: Arc<dyn Steer>,
    asking: Asking,
}

impl Control {
    /// The socket of `plan`, by which `steer` is asked; `spawn` starts the threads that wait for it.
    pub fn new(plan: &plan::Control, steer: Arc<dyn Steer>, spawn: Spawn, logger: Logger) -> Self {
        Self {
            socket: plan.socket.clone(),
            mode: plan.mode,
            limits: Limits::new(CONNECTIONS, CONNECTIONS),
            users: plan.users.clone(),
            asking: Asking::new(Arc::clone(&steer), spawn, logger),
            steer,
        }
    }

    /// Who the process `pid` of the user `uid` is, if it may use the socket.
    pub fn admit(&self, uid: u32, pid: i32) -> Option<Who> {
        let user = self.users.iter().find(|user| user.uid == uid)?;
        Some(Who { uid, pid, name: user.name.as_str().into() })
    }

    /// Waits until what was asked for is answered, at most `limit`: before everything closes.
    pub async fn rest(&self, limit: Duration) {
        self.asking.rest(limit).await;
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("socket", &self.socket).finish_non_exhaustive()
    }
}
