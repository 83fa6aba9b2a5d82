//! The page for people: one document that loads nothing, and may load nothing.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
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
    format!("sha256-{}", base64(&Sha256::digest(part.unwrap_or_default())))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let pairs =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (plain, text) in pairs {
            assert_eq!(base64(plain.as_bytes()), text);
        }
    }

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
