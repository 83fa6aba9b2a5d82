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

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use futures_util::StreamExt;
use futures_util::stream::unfold;

use self::asking::Asking;
use self::steer::{Steer, Who};
use super::Spawn;
use super::answer::{self, Answer, STREAM};
use super::limit::Limits;
use crate::config::plan;
use crate::notify::log::Logger;

/// So many connections at the same time.
pub const CONNECTIONS: u32 = 16;
/// So many of them may follow the events, which lasts: the others are for those who steer.
pub const FOLLOWERS: u32 = CONNECTIONS - 4;
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
    /// How many of them follow the events.
    followers: Limits,
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
            followers: Limits::new(FOLLOWERS, FOLLOWERS),
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

    /// The same answer, if there is room for whoever follows it; nothing but a stream needs any.
    pub fn follow(&self, answer: Answer) -> Answer {
        if answer.headers().get(CONTENT_TYPE).is_none_or(|kind| kind != STREAM) {
            return answer;
        }
        let Ok(place) = self.followers.take(None) else {
            let text = format!(
                "{FOLLOWERS} follow the events by the control socket already, and the other places are \
                 for those who steer: come back later, or follow by the client port"
            );
            let mut refusal = answer::error(StatusCode::SERVICE_UNAVAILABLE, text);
            refusal.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
            return refusal;
        };
        let (head, body) = answer.into_parts();
        // The place is given back when the stream is dropped.
        let stream = unfold((body.into_data_stream(), place), |(mut stream, place)| async move {
            let item = stream.next().await?;
            Some((item, (stream, place)))
        });
        Response::from_parts(head, Body::from_stream(stream))
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
