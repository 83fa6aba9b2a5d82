//! The page for people: one document that loads nothing, and may load nothing.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::answer::{self, Answer};

/// The document.
pub const PAGE: &str = include_str!("page.html");

/// Answers with it.
pub async fn answer() -> Answer {
    let mut answer = answer::with(StatusCode::OK, "text/html; charset=utf-8", PAGE);
    if let Ok(policy) = HeaderValue::from_str(&policy(PAGE)) {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

/// It may run its own script, in its own style, and speak with this port; nothing else, whatever a
/// name of a peer or an activity tries.
fn policy(page: &str) -> String {
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        source(page, "<script>", "</script>"),
        source(page, "<style>", "</style>")
    )
}

/// The part of `page` between two marks, as a policy names it: by its digest.
fn source(page: &str, from: &str, to: &str) -> String {
    let part =
        page.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map(|(part, _)| part);
    format!("sha256-{}", STANDARD.encode(Sha256::digest(part.unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_names_nothing_outside() {
        assert!(PAGE.len() < 40_000, "{} bytes", PAGE.len());
        for outside in
            ["http://", "https://", "src=", "@import", "url(", "stylesheet\"", "style=\""]
        {
            assert!(!PAGE.contains(outside), "{outside}");
        }
        assert_eq!(PAGE.matches("<script>").count(), 1);
        assert_eq!(PAGE.matches("<style>").count(), 1);
    }
}
