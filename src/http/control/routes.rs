//! What the control socket answers beside what the client port does.

use core::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::{ALLOW, CONTENT_LENGTH, HeaderValue, RETRY_AFTER};
use axum::http::{Method, Request, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Control;
use super::body::{self, LONGEST};
use super::steer::{Change, Done, Outcome, Overview, RefusalKind, Who, level_name};
use crate::http::answer::{self, Answer};
use crate::http::door::Door;
use crate::status::json;

/// The path of the overview, and with a slash the beginning of all that can be asked for.
const OVERVIEW: &str = "/v1/control";
/// A body must be there within this.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What a request of `who` is answered with; the request again if the client port answers it.
///
/// # Errors
///
/// The request.
pub async fn answer(
    control: &Control,
    door: &Door,
    who: &Who,
    request: Request<Body>,
) -> Result<Answer, Request<Body>> {
    let path = request.uri().path();
    let verb = path.strip_prefix(OVERVIEW).and_then(|rest| rest.strip_prefix('/'));
    match (request.method(), verb) {
        (&Method::GET | &Method::HEAD, None) if path == OVERVIEW => Ok(overview(control, door)),
        (&Method::GET | &Method::HEAD, None) => Err(request),
        (&Method::POST, Some(verb)) => {
            let verb = verb.to_owned();
            Ok(steer(control, who, &verb, request).await)
        }
        (&Method::POST, None) => {
            let text = format!("nothing can be posted here; post to {OVERVIEW}/VERB");
            Ok(not_allowed("GET, HEAD", &text))
        }
        (_, Some(verb)) if body::verbs().any(|known| known == verb) => {
            Ok(not_allowed("POST", &format!("POST it: {OVERVIEW}/{verb} changes something")))
        }
        (&Method::GET | &Method::HEAD, Some(verb)) => match body::read(verb, b"") {
            Err(unknown) => Ok(answer::error(StatusCode::NOT_FOUND, unknown.text)),
            Ok(_) => Err(request),
        },
        _ => Ok(not_allowed("GET, HEAD, POST", "this socket answers GET, HEAD and POST")),
    }
}

async fn steer(control: &Control, who: &Who, verb: &str, request: Request<Body>) -> Answer {
    let bytes = match whole(request).await {
        Ok(bytes) => bytes,
        Err(refused) => return refused,
    };
    let outcome = match body::read(verb, &bytes) {
        Ok(action) => control.asking.ask(who.clone(), action).await,
        Err(refusal) => Err(refusal),
    };
    told(outcome)
}

/// The body, if it is not too long and does not take too long.
async fn whole(request: Request<Body>) -> Result<Bytes, Answer> {
    let too_long = || {
        let text = format!("a body has at most {} KiB", LONGEST / 1024);
        answer::closing(answer::error(StatusCode::PAYLOAD_TOO_LARGE, text))
    };
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let announced = length.and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > LONGEST as u64) {
        return Err(too_long());
    }
    match timeout(BODY_TIMEOUT, to_bytes(request.into_body(), LONGEST)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // It is too long, or broken: then nobody reads what is said of it.
        Ok(Err(_)) => Err(too_long()),
        Err(_) => {
            let text = "the body did not come in time";
            Err(answer::closing(answer::error(StatusCode::REQUEST_TIMEOUT, text)))
        }
    }
}

fn told(outcome: Outcome) -> Answer {
    let refusal = match outcome {
        Ok(done) => return answer::json(&done_json(done)),
        Err(refusal) => refusal,
    };
    let status = match refusal.kind {
        RefusalKind::Bad => StatusCode::BAD_REQUEST,
        RefusalKind::Unknown => StatusCode::NOT_FOUND,
        RefusalKind::State => StatusCode::CONFLICT,
        RefusalKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        RefusalKind::Busy => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut answer = answer::error(status, refusal.text);
    if refusal.kind == RefusalKind::Busy {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

fn done_json(done: Done) -> Value {
    let Done { said, changes, waiting } = done;
    let mut value = json!({ "done": said });
    if let Some(changes) = changes {
        value["changes"] = changes.iter().map(change_json).collect();
    }
    if let Some(waiting) = waiting {
        value["waiting"] = waiting.into();
    }
    value
}

fn change_json(change: &Change) -> Value {
    json!({
        "key": change.key,
        "from": change.from,
        "to": change.to,
        "applied": change.applied,
        "needs": change.needs,
    })
}

fn overview(control: &Control, door: &Door) -> Answer {
    let Overview { config_files, log_level, mail_waiting, listens_to_interrupts, own, peers } =
        control.steer.overview();
    let users: Vec<_> = control.users.iter().map(|user| &*user.name).collect();
    let about = json::about(&door.source.about());
    let rejected: Vec<_> = door.source.rejected().iter().map(json::rejection).collect();
    answer::json(&json!({
        "timers": about["timers"],
        "about": about,
        "pid": std::process::id(),
        "config_files": config_files,
        "log_level": level_name(Some(log_level)),
        "mail": mail_waiting.map(|waiting| json!({ "waiting": waiting })),
        "listens_to_interrupts": listens_to_interrupts,
        "own": {
            "interval_seconds": own.interval.as_secs_f64(),
            "judge_interval_seconds": own.judge_interval.as_secs_f64(),
            "detect_within_seconds": own.detect_within.as_secs_f64(),
            "pause_max_seconds": own.pause_max.as_secs_f64(),
        },
        "peers": peers,
        "users": users,
        "rejected": rejected,
    }))
}

fn not_allowed(allowed: &'static str, text: &str) -> Answer {
    let mut answer = answer::closing(answer::error(StatusCode::METHOD_NOT_ALLOWED, text));
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}
