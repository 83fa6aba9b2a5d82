//! Who is let in with what: only those who read, who name this server rightly, and who show the token.
//! At the control socket the kernel has said who it is: no token is wanted there, and one may write.

use core::net::IpAddr;

use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Request, StatusCode, Version};
use sha2::{Digest, Sha256};

use super::answer::{self, Answer};
use crate::config::plan::Hidden;

/// What says nothing of the peers, and is given to everybody: the page asks for the token itself, and
/// who looks after the health of servers has none.
const OPEN: [&str; 3] = ["/", "/healthz", "/openapi.json"];

/// How somebody is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By the Unix socket.
    Unix,
    /// By the control socket.
    Control,
    /// By TCP, to this address of ours.
    Tcp(IpAddr),
}

/// See the head of this file.
#[derive(Debug)]
pub struct Gate {
    /// The token is compared by its digest, byte by byte, so that the time says nothing of it.
    token: Option<[u8; 32]>,
}

impl Gate {
    /// One that wants `token`, if that is given.
    pub fn new(token: Option<&Hidden>) -> Self {
        Self { token: token.map(|Hidden(bytes)| digest(bytes)) }
    }

    /// What a request is refused with; `None` = it may pass.
    pub fn refusal<B>(&self, request: &Request<B>, origin: Origin) -> Option<Answer> {
        let headers = request.headers();
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return match origin {
                Origin::Control => self.wrong_host(request, origin),
                Origin::Unix | Origin::Tcp(_) => {
                    Some(answer::only_reading(request.method().as_str()))
                }
            };
        }
        let brings = headers.contains_key(TRANSFER_ENCODING)
            || headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
        if brings {
            let text = "a request that only reads has no body: leave it out";
            return Some(answer::closing(answer::error(StatusCode::PAYLOAD_TOO_LARGE, text)));
        }
        let is_open = origin == Origin::Control || OPEN.contains(&request.uri().path());
        self.wrong_host(request, origin)
            .or_else(|| if is_open { None } else { self.wrong_token(headers) })
    }

    /// A page of the world can make its name mean this machine, and the browser in front of it then lets
    /// it read what only this machine may (DNS rebinding). So without a token, on the loopback, only
    /// names count that nobody else can have.
    fn wrong_host<B>(&self, request: &Request<B>, origin: Origin) -> Option<Answer> {
        let mut hosts = request.headers().get_all(HOST).iter();
        let (host, further) = (hosts.next(), hosts.next());
        if further.is_some() || host.is_none() && request.version() == Version::HTTP_11 {
            let text = "a request of HTTP/1.1 has one Host header";
            return Some(answer::closing(answer::error(StatusCode::BAD_REQUEST, text)));
        }
        let Origin::Tcp(own) = origin else { return None };
        if self.token.is_some() || !own.to_canonical().is_loopback() {
            return None;
        }
        // No browser leaves it out.
        let host = host?;
        if host.to_str().is_ok_and(is_of_this_machine) {
            return None;
        }
        let text = "this port is for this machine alone: ask it as localhost, 127.0.0.1 or [::1]";
        Some(answer::error(StatusCode::MISDIRECTED_REQUEST, text))
    }

    fn wrong_token(&self, headers: &HeaderMap) -> Option<Answer> {
        let token = self.token.as_ref()?;
        let Some(shown) = headers.get(AUTHORIZATION) else {
            let text = "a token is wanted: send the header \"Authorization: Bearer TOKEN\"";
            return Some(answer::unauthorized(text));
        };
        let shown = shown.as_bytes();
        let (scheme, value) = shown.split_at_checked(7).unwrap_or((shown, b""));
        let right =
            scheme.eq_ignore_ascii_case(b"bearer ") && is_equal(&digest(value.trim_ascii()), token);
        (!right).then(|| answer::unauthorized("this is not the token of this server"))
    }
}

fn is_of_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Looks at every byte whatever it sees.
fn is_equal(a: &[u8; 32], b: &[u8; 32]) -> bool {
    core::hint::black_box(a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b))) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: Origin = Origin::Tcp(IpAddr::V4(core::net::Ipv4Addr::LOCALHOST));

    fn status(gate: &Gate, origin: Origin, method: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri("/v1/peers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let refusal = gate.refusal(&request.body(()).unwrap(), origin);
        refusal.map_or(200, |answer| answer.status().as_u16())
    }

    #[test]
    fn on_the_loopback_without_a_token_only_names_of_this_machine_count() {
        let gate = Gate::new(None);
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:1", "127.9.9.9", "[::1]:5", "[::1]"] {
            assert_eq!(status(&gate, LOOPBACK, "GET", &[("host", host)]), 200, "{host}");
        }
        let foreign = ["evil.example", "localhost.evil.example", "10.0.0.1", "", "a@b@c", "[::2]"];
        for host in foreign {
            assert_eq!(status(&gate, LOOPBACK, "GET", &[("host", host)]), 421, "{host}");
        }
        assert_eq!(status(&gate, Origin::Unix, "GET", &[("host", "evil.example")]), 200);
        let outside = Origin::Tcp([10, 0, 0, 1].into());
        assert_eq!(status(&gate, outside, "GET", &[("host", "orders.example")]), 200);
        assert_eq!(status(&gate, LOOPBACK, "GET", &[]), 400);
        assert_eq!(status(&gate, LOOPBACK, "GET", &[("host", "localhost"), ("host", "b")]), 400);
    }

    #[test]
    fn only_the_whole_token_opens() {
        let gate = Gate::new(Some(&Hidden(b"secret".to_vec())));
        let with =
            |value| status(&gate, LOOPBACK, "GET", &[("host", "a"), ("authorization", value)]);
        assert_eq!(status(&gate, LOOPBACK, "GET", &[("host", "a")]), 401);
        assert_eq!(with("Bearer secret"), 200);
        assert_eq!(with("bearer  secret "), 200);
        for wrong in
            ["secret", "Bearer", "Bearer ", "Bearer secre", "Bearer secrets", "Basic secret"]
        {
            assert_eq!(with(wrong), 401, "{wrong}");
        }
    }

    #[test]
    fn at_the_control_socket_one_may_write_and_needs_no_token() {
        let gate = Gate::new(Some(&Hidden(b"secret".to_vec())));
        let host = ("host", "localhost");
        let with = |method, headers: &[_]| status(&gate, Origin::Control, method, headers);
        assert_eq!(with("GET", &[host]), 200);
        assert_eq!(with("POST", &[host, ("content-length", "5")]), 200);
        assert_eq!(with("GET", &[host, ("content-length", "5")]), 413);
        assert_eq!(with("POST", &[]), 400);
    }

    #[test]
    fn nobody_may_write_or_bring_a_body() {
        let gate = Gate::new(None);
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "BREW"] {
            assert_eq!(status(&gate, LOOPBACK, method, &[("host", "localhost")]), 405, "{method}");
        }
        let host = ("host", "localhost");
        assert_eq!(status(&gate, LOOPBACK, "GET", &[host, ("content-length", "1")]), 413);
        assert_eq!(status(&gate, LOOPBACK, "GET", &[host, ("transfer-encoding", "chunked")]), 413);
        assert_eq!(status(&gate, LOOPBACK, "HEAD", &[host, ("content-length", "0")]), 200);
    }
}
