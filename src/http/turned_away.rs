//! Connections that are ended as soon as they have begun, and what is said to them first.

use core::time::Duration;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::limit::Refused;
use super::serve::HEAD;

/// So many are told at a time that there is no room; whoever comes beyond that is only closed.
const REFUSALS: usize = 16;
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a connection is ended as soon as it has begun.
#[derive(Clone, Copy, Debug)]
pub enum TurnedAway {
    /// There are too many clients.
    Crowd(Refused),
    /// There are too many who steer.
    Steered,
    /// Whoever it is may not steer.
    Stranger,
}

/// Says it, to a few at a time.
#[derive(Debug)]
pub struct Crier(Arc<Semaphore>);

impl Default for Crier {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(REFUSALS)))
    }
}

impl Crier {
    /// Says what is in the way, if not too many are being told already.
    pub fn say<S>(&self, stream: S, why: TurnedAway)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if let Ok(permit) = Arc::clone(&self.0).try_acquire_owned() {
            tokio::spawn(async move {
                let _ = timeout(REFUSAL_TIMEOUT, refuse(stream, why)).await;
                drop(permit);
            });
        }
    }
}

/// Says what is in the way, and waits until that was taken: what came in and was not read would
/// make the kernel take it back.
async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, why: TurnedAway) {
    const BUSY: &str = "503 Service Unavailable\r\nretry-after: 5";
    let (status, text) = match why {
        TurnedAway::Crowd(Refused::Full) => {
            (BUSY, "too many connections: come back later, or raise client_connections")
        }
        TurnedAway::Crowd(Refused::Greedy) => (
            BUSY,
            "too many from this address: come back later, or raise client_connections_per_address",
        ),
        TurnedAway::Steered => {
            (BUSY, "too many connections to the control socket: come back later")
        }
        TurnedAway::Stranger => (
            "403 Forbidden",
            "this user may not use the control socket; control_users of the configuration says who may",
        ),
    };
    let body = format!("{{\"error\":\"{text}\"}}\n");
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncache-control: no-store\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    if stream.write_all(answer.as_bytes()).await.is_err() || stream.shutdown().await.is_err() {
        return;
    }
    let mut unread = [0; 1024];
    for _ in 0..HEAD / unread.len() {
        if !stream.read(&mut unread).await.is_ok_and(|read| read > 0) {
            return;
        }
    }
}
