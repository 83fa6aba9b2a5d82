//! What can be asked.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::{Body, HttpBody};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::get;
use axum::{BoxError, Router};
use bytes::Bytes;
use futures_util::stream;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::json;

use super::answer::{self, Answer, JSON, STREAM};
use super::control::steer::Who;
use super::control::{Control, routes as control};
use super::door::Door;
use super::follow::follow;
use super::gate::Origin;
use super::page;
use super::ring::LENGTH;
use crate::config::suggest::nearest;
use crate::notify::json::{event_key, parse_event_key};
use crate::proto::time::Wall;
use crate::status::source::Condition;
use crate::status::{json, metrics};

/// The description of this port for programs.
pub const OPENAPI: &str = include_str!("../../docs/openapi.json");

/// So many names are listed when one is not known.
const LISTED: usize = 20;

/// What answers.
pub type Routes = TowerToHyperService<Router>;

/// What answers at `door`.
pub fn routes(door: Arc<Door>) -> Routes {
    TowerToHyperService::new(
        Router::new()
            .route("/", get(page::answer))
            .route("/v1/peers", get(peers))
            .route("/v1/peers/{name}", get(peer))
            .route("/v1/events", get(events))
            .route("/metrics", get(numbers))
            .route("/healthz", get(health))
            .route("/openapi.json", get(openapi))
            .fallback(unknown)
            .with_state(door),
    )
}

/// Answers one request.
pub async fn answer<B>(door: &Door, routes: &Routes, request: Request<B>, origin: Origin) -> Answer
where
    B: Send + 'static,
{
    door.counts.requests.fetch_add(1, Ordering::Relaxed);
    let mut answer = match door.gate.refusal(&request, origin) {
        Some(answer) => answer,
        // The gate lets no body pass.
        None => match routes.call(request.map(|_| Body::empty())).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        },
    };
    answer::seal(answer.headers_mut());
    answer
}

/// Answers one request that came by the control socket.
pub async fn answer_control<B>(
    (door, control): (&Door, &Control),
    routes: &Routes,
    who: &Who,
    request: Request<B>,
) -> Answer
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    door.counts.requests.fetch_add(1, Ordering::Relaxed);
    let mut answer = match door.gate.refusal(&request, Origin::Control) {
        Some(answer) => answer,
        None => match control::answer(control, door, who, request.map(Body::new)).await {
            Ok(answer) => answer,
            Err(request) => match routes.call(request).await {
                Ok(answer) => control.follow(answer),
                Err(never) => match never {},
            },
        },
    };
    answer::seal(answer.headers_mut());
    answer
}

async fn peers(State(door): State<Arc<Door>>) -> Answer {
    let about = door.source.about();
    let views = door.source.peers();
    let epoch = about.epoch;
    let head = format!("{{\"about\":{},\"peers\":[", json::about(&about));
    let body = views.into_iter().map(move |view| json::peer(&view, epoch).to_string());
    answer::with(StatusCode::OK, JSON, listed(head, body.map(Bytes::from)))
}

async fn peer(State(door): State<Arc<Door>>, name: Result<Path<String>, PathRejection>) -> Answer {
    let Ok(Path(name)) = name else {
        let text = "the name in this path is no text: percent-encode it as UTF-8";
        return answer::error(StatusCode::BAD_REQUEST, text);
    };
    let epoch = door.source.about().epoch;
    match door.source.peer(&name) {
        Some(view) => answer::json(&json::peer(&view, epoch)),
        None => answer::error(StatusCode::NOT_FOUND, no_peer(&door, &name)),
    }
}

fn no_peer(door: &Door, name: &str) -> String {
    let shown: String = name.chars().take(64).collect();
    let views = door.source.peers();
    if let Some(near) = nearest(name, views.iter().map(|view| &*view.name)) {
        return format!("there is no peer {shown:?}; did you mean {near:?}?");
    }
    let mut names: Vec<_> = views.iter().take(LISTED).map(|view| &*view.name).collect();
    if views.len() > LISTED {
        names.push("...");
    }
    match names.is_empty() {
        true => format!("there is no peer {shown:?}; this server has none"),
        false => format!("there is no peer {shown:?}; there are {}", names.join(", ")),
    }
}

async fn events(
    State(door): State<Arc<Door>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let query = query.unwrap_or_default();
    let asked = |key: &str| {
        query.split('&').find_map(|pair| pair.split_once('=').filter(|(name, _)| *name == key))
    };
    if let Some((_, since)) = asked("since") {
        return since_then(&door, since);
    }
    if !wants_stream(&headers) {
        return since_then(&door, "");
    }
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let last = last.or_else(|| asked("last_event_id").map(|(_, value)| value));
    let stream = follow(&door, last.filter(|last| !last.is_empty()));
    answer::with(StatusCode::OK, STREAM, Body::from_stream(stream))
}

/// A stream is what the path is for; whoever only takes something else gets JSON.
fn wants_stream(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().peekable();
    accepted.peek().is_none()
        || accepted.any(|value| {
            let kinds = value.to_str().unwrap_or_default().split(',');
            let mut kinds = kinds.map(|kind| kind.split(';').next().unwrap_or_default().trim());
            kinds.any(|kind| matches!(kind, STREAM | "text/*" | "*/*"))
        })
}

/// The events after `since`: a key, a number of the present epoch, or nothing: all that are kept.
fn since_then(door: &Door, since: &str) -> Answer {
    let ring = door.ring();
    let (epoch, last) = ring.end();
    let all = (epoch, ring.first().map_or(last, |first| first.saturating_sub(1)));
    let place = match since {
        "" => Some(all),
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            number.parse().ok().map(|number| (epoch, number))
        }
        key => parse_event_key(key),
    };
    let Some(place) = place else {
        drop(ring);
        let shown: String = since.chars().take(64).collect();
        let text = format!(
            "since={shown:?} is no event: write a number, or a key like {:?}",
            event_key(epoch, last)
        );
        return answer::error(StatusCode::BAD_REQUEST, text);
    };
    let found = ring.after(place, LENGTH);
    let reset = found.is_none();
    let entries = found.or_else(|| ring.after(all, LENGTH)).unwrap_or_default();
    let first = ring.first();
    drop(ring);
    let head = format!(
        "{{\"epoch\":\"{epoch:016x}\",\"first\":{},\"last\":{last},\"next\":\"{}\",\"reset\":{reset},\"events\":[",
        json!(first),
        event_key(epoch, last)
    );
    let body = entries.into_iter().map(|entry| entry.json);
    answer::with(StatusCode::OK, JSON, listed(head, body))
}

/// A body that is made while it is read: a slow reader costs no copy of it.
fn listed(head: String, parts: impl Iterator<Item = Bytes> + Send + 'static) -> Body {
    let comma = Bytes::from_static(b",");
    let parts = parts.enumerate().flat_map(move |(at, part)| {
        let separator = if at == 0 { Bytes::new() } else { comma.clone() };
        [separator, part]
    });
    let whole = core::iter::once(Bytes::from(head))
        .chain(parts)
        .chain(core::iter::once(Bytes::from_static(b"]}\n")))
        .filter(|part| !part.is_empty());
    Body::from_stream(stream::iter(whole.map(Ok::<_, core::convert::Infallible>)))
}

async fn numbers(State(door): State<Arc<Door>>) -> Answer {
    let mut text = metrics::Text::default();
    metrics::write(&mut text, &door.source.about(), &door.source.peers(), now());
    door.measure(&mut text);
    answer::with(StatusCode::OK, metrics::TYPE, text.finish())
}

/// The date; it decides nothing.
fn now() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Wall(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

async fn health(State(door): State<Arc<Door>>) -> Answer {
    const PLAIN: &str = "text/plain; charset=utf-8";
    match door.source.about().condition {
        Condition::Running => answer::with(StatusCode::OK, PLAIN, "ok\n"),
        other => {
            let word = format!("{}\n", other.name());
            answer::with(StatusCode::SERVICE_UNAVAILABLE, PLAIN, word)
        }
    }
}

async fn openapi() -> Answer {
    answer::with(StatusCode::OK, JSON, OPENAPI)
}

async fn unknown(uri: Uri) -> Answer {
    let path: String = uri.path().chars().take(64).collect();
    let text = format!(
        "there is nothing at {path:?}; there are /v1/peers, /v1/peers/NAME, /v1/events, /metrics, \
         /healthz, /openapi.json and /"
    );
    answer::error(StatusCode::NOT_FOUND, text)
}
