//! One request and its answer, over a connection of its own.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::{Door, Reply, Target};
use crate::failure::Failure;
use crate::units::show;

/// The largest answer: ten thousand peers with everything that is known of them.
const LARGEST: usize = 64 << 20;

/// What a request is made of.
pub(super) struct Asked<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub headers: &'a [(&'static str, &'a str)],
    pub body: Option<&'a Value>,
}

/// Everything runs on the calling thread, within its call.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| Failure::Refused(format!("cannot ask anybody: {error}")))
}

/// Asks, and takes the whole answer within the time that it may take.
pub(super) fn ask(
    target: &Target,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Reply, Failure> {
    let asked = Asked { method, path, headers: &[("accept", "application/json, */*")], body };
    runtime()?.block_on(async {
        let whole = async {
            let response = send(target, &asked).await?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), LARGEST).collect().await;
            let body = body.map_err(|error| {
                Failure::Unreachable(format!("{}: its answer broke off: {error}", target.name()))
            })?;
            let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            Ok(Reply { status, body })
        };
        match timeout(target.timeout, whole).await {
            Ok(reply) => reply,
            Err(_) => Err(silent(target)),
        }
    })
}

/// Sends a request through the first door that opens, and takes the head of the answer.
pub(super) async fn send(
    target: &Target,
    asked: &Asked<'_>,
) -> Result<Response<Incoming>, Failure> {
    let mut complaints = Vec::new();
    for door in &target.doors {
        // A door that hangs must not keep those behind it from being tried.
        let share = target.timeout / (target.doors.len().max(1) as u32);
        match timeout(share, door.open()).await {
            Ok(Ok(wire)) => return exchange(target, door, wire, asked).await,
            Ok(Err(error)) => complaints.push(door.complaint(&error)),
            Err(_) => {
                let within = show(share.as_nanos() as f64);
                complaints.push(format!("{door}: it cannot be connected to within {within}"));
            }
        }
    }
    Err(Failure::Unreachable(complaints.join("; ")))
}

async fn exchange(
    target: &Target,
    door: &Door,
    wire: Box<dyn super::door::Wire>,
    asked: &Asked<'_>,
) -> Result<Response<Incoming>, Failure> {
    let broken = |error: hyper::Error| Failure::Unreachable(format!("{door}: {}", told(&error)));
    let mut request = Request::builder()
        .method(asked.method)
        .uri(asked.path)
        .header("host", door.host())
        .header("user-agent", concat!("peermonctl/", env!("CARGO_PKG_VERSION")));
    for (name, value) in asked.headers {
        request = request.header(*name, *value);
    }
    if let Some(token) = &target.token {
        request = request.header("authorization", format!("Bearer {}", token.0));
    }
    let body = match asked.body {
        Some(body) => {
            request = request.header("content-type", "application/json");
            Bytes::from(body.to_string())
        }
        None => Bytes::new(),
    };
    let request = request
        .body(Full::new(body))
        .map_err(|error| Failure::Refused(format!("this cannot be asked: {error}")))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(wire)).await.map_err(broken)?;
    // It ends with the answer, or with the runtime.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    sender.send_request(request).await.map_err(broken)
}

/// What is said where nothing comes.
pub(super) fn silent(target: &Target) -> Failure {
    let within = show(target.timeout.as_nanos() as f64);
    Failure::Unreachable(format!("{}: no answer within {within}", target.name()))
}

/// What went wrong on a connection, as far down as it is known.
fn told(error: &hyper::Error) -> String {
    let cause =
        std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    match cause {
        Some(cause) => cause.to_string(),
        None if error.is_incomplete_message() => "it closed without an answer".into(),
        None => error.to_string(),
    }
}

/// So long nothing may come from a monitor that is followed: it says every 15 seconds that it lives.
pub(super) const QUIET: Duration = Duration::from_secs(30);
