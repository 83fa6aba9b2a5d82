//! The answers: one shape for what is right, one for what is wrong, the same headers on all.

use axum::body::Body;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
    HeaderValue, REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};

/// The media type of JSON.
pub const JSON: &str = "application/json";
/// The media type of a stream of events.
pub const STREAM: &str = "text/event-stream";

/// What a document may load that is none: nothing.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

/// An answer that is sent as it is.
pub type Answer = Response<Body>;

/// An answer of `status` with a body of the media type `kind`.
pub fn with(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// JSON.
pub fn json(value: &Value) -> Answer {
    with(StatusCode::OK, JSON, format!("{value}\n"))
}

/// What is wrong, and what would be right.
pub fn error(status: StatusCode, text: impl AsRef<str>) -> Answer {
    with(status, JSON, format!("{}\n", json!({ "error": text.as_ref() })))
}

/// Nobody may write.
pub fn only_reading(method: &str) -> Answer {
    let text = format!("{method} is not understood: this port only answers GET and HEAD");
    let mut answer = closing(error(StatusCode::METHOD_NOT_ALLOWED, text));
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

/// The token is missing or wrong.
pub fn unauthorized(text: &str) -> Answer {
    let mut answer = error(StatusCode::UNAUTHORIZED, text);
    let challenge = HeaderValue::from_static("Bearer realm=\"peermon\"");
    answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    answer
}

/// The connection ends with this answer.
pub fn closing(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// What is on every answer: nobody keeps it, guesses its type, frames it, or loads more by it.
pub fn seal(headers: &mut HeaderMap) {
    let fixed: [(HeaderName, &str); 4] = [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // The page brings its own.
    headers.entry(CONTENT_SECURITY_POLICY).or_insert_with(|| HeaderValue::from_static(NOTHING));
}
