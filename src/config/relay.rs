//! Where mail is handed in, as it is written: `starttls://mail.example.com:587`.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::address::is_host_name;
use super::plan::{Relay, Security};

const RELAY_FORM: &str = "write smtp://HOST:25, starttls://HOST:587 or smtps://HOST:465; the port \
                          may be left out, and an IPv6 address stands in brackets";

/// The relay that `text` says.
pub(super) fn relay(text: &str) -> Result<Relay, String> {
    let (security, default, rest) = if let Some(rest) = text.strip_prefix("smtp://") {
        (Security::None, 25, rest)
    } else if let Some(rest) = text.strip_prefix("starttls://") {
        (Security::StartTls, 587, rest)
    } else if let Some(rest) = text.strip_prefix("smtps://") {
        (Security::Tls, 465, rest)
    } else {
        return Err(RELAY_FORM.into());
    };
    if rest.contains('@') {
        return Err("no name and no password in a relay: those are mail_user and \
                    mail_password_file"
            .into());
    }
    let (host, port) = if let Some(inner) = rest.strip_prefix('[') {
        let (host, port) = inner.split_once(']').ok_or("the bracket \"[\" is not closed")?;
        let ip: Ipv6Addr = host.parse().map_err(|_| "in the brackets is no IPv6 address")?;
        (ip.to_string(), port)
    } else {
        let at = rest.find(':').unwrap_or(rest.len());
        let (host, port) = rest.split_at(at);
        if host.parse::<Ipv4Addr>().is_err() && is_host_name(host).is_err() {
            return Err(RELAY_FORM.into());
        }
        (host.to_ascii_lowercase(), port)
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => default,
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or("a port is a number from 1 to 65535")?,
        _ => return Err(RELAY_FORM.into()),
    };
    Ok(Relay { host, port, security })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_has_a_way_a_host_and_the_port_of_its_way() {
        let read = |text| relay(text).map(|r| (r.host, r.port, r.security));
        let of = |host: &str, port, security| Ok((host.to_owned(), port, security));
        assert_eq!(read("smtp://localhost"), of("localhost", 25, Security::None));
        assert_eq!(
            read("starttls://Mail.example.com"),
            of("mail.example.com", 587, Security::StartTls)
        );
        assert_eq!(read("smtps://192.0.2.1:2465"), of("192.0.2.1", 2465, Security::Tls));
        assert_eq!(read("smtp://[::1]:2525"), of("::1", 2525, Security::None));
        assert_eq!(read("smtp://[2001:db8::25]"), of("2001:db8::25", 25, Security::None));
        for text in [
            "",
            "mail",
            "smtp:mail",
            "smtp://",
            "smtp://:25",
            "smtp://a:",
            "smtp://a:0",
            "smtp://a:65536",
            "smtp://a:+5",
            "smtp://a/b",
            "smtp://::1",
            "smtp://[::1",
            "smtp://[a]",
            "smtp://[::1]25",
            "smtp://1.2.3",
            "smtp://u:p@a",
            "SMTP://a",
            "smtp://a b",
        ] {
            assert!(relay(text).is_err(), "{text}");
        }
    }
}
