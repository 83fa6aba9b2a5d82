//! With the programs that people have: curl, promtool.

use std::process::Command;
use std::time::Duration;

use peermon::config::plan::{ClientPort, Hidden, Tls};
use peermon::http::ClientPort as Sink;

use super::lab::{PATIENCE, Port, down, made, plan, spawn, unix};
use super::support::folder::Folder;
use super::support::process::Process;
use super::support::{promtool, run, tool};

#[test]
fn promtool_finds_nothing_to_say_about_the_numbers() {
    let port = Port::open(plan());
    promtool::approves(&port.connect().get("/metrics").body);
}

#[test]
fn curl_follows_the_events() {
    let Some(curl) = tool::find("curl") else { return };
    let mut port = Port::open(plan());
    let url = format!("http://{}/v1/events", port.bound.tcp(PATIENCE).unwrap());
    let watcher = Process::start(Command::new(curl).args(["-sN", "-H", "Last-Event-ID: x", &url]));
    watcher.await_line("event: reset");
    watcher.await_line("event: snapshot");
    port.push(down(1));
    watcher.await_line("id: 000000000000000e-1");
    watcher.await_line("event: notice");
    watcher.await_line("data: {");
}

#[test]
fn curl_asks_the_unix_socket() {
    let Some(curl) = tool::find("curl") else { return };
    let folder = Folder::new("http");
    let port = Port::open(unix(folder.join("socket")));
    assert!(port.bound.unix(PATIENCE));
    let mut command = Command::new(curl);
    command.args(["-sS", "--unix-socket"]).arg(folder.join("socket")).arg("http://x/v1/peers");
    let outcome = run::run(&mut command, PATIENCE);
    assert!(outcome.is_success() && outcome.stdout.contains("billing"), "{}", outcome.describe());
}

/// A certificate for localhost that signs itself, and its key.
fn certificate(folder: &Folder, name: &str) -> Option<Tls> {
    let openssl = tool::find("openssl")?;
    let (certificate, key) =
        (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
    let mut command = Command::new(openssl);
    command
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "basicConstraints=CA:FALSE"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out"])
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key);
    let outcome = run::run(&mut command, PATIENCE);
    assert!(outcome.is_success(), "{}", outcome.describe());
    Some(Tls {
        certificate: std::fs::read(certificate).unwrap(),
        key: Hidden(std::fs::read(key).unwrap()),
    })
}

#[test]
fn tls_and_a_token_together() {
    let Some(curl) = tool::find("curl") else { return };
    let folder = Folder::new("http");
    let Some(tls) = certificate(&folder, "own") else { return };
    let token = Some(Hidden(b"secret".to_vec()));
    let mut port = Port::open(ClientPort { tls: Some(tls), token, ..plan() });
    let address = port.bound.tcp(PATIENCE).unwrap();
    let ask = |path: &str, more: &[&str]| {
        let mut command = Command::new(&curl);
        command.args(["-sS", "-w", " %{http_code}", "--cacert"]).arg(folder.join("own.crt"));
        command.args(more).arg(format!("https://localhost:{}{path}", address.port()));
        run::run(&mut command, PATIENCE)
    };
    let bearer = ["-H", "Authorization: Bearer secret"];
    for version in [&["--tls-max", "1.2"][..], &["--tlsv1.3"]] {
        let outcome = ask("/v1/peers/billing", &[version, &bearer[..]].concat());
        assert!(outcome.stdout.ends_with(" 200"), "{version:?} {}", outcome.describe());
        assert!(ask("/v1/peers", version).stdout.ends_with(" 401"));
    }
    assert!(
        !ask("/healthz", &["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"]).is_success()
    );
    // Whoever speaks without it is closed, and whoever greets and stays silent harms nobody.
    let _silent = port.connect();
    let mut plain = port.connect();
    plain.say("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(plain.is_closed());
    let url = format!("https://localhost:{}/v1/events", address.port());
    let watcher = Process::start(
        Command::new(&curl)
            .arg("-sN")
            .args(bearer)
            .arg("--cacert")
            .arg(folder.join("own.crt"))
            .arg(url),
    );
    watcher.await_line("event: snapshot");
    port.push(down(1));
    watcher.await_line("event: notice");
    let took = port.close();
    assert!(took < Duration::from_millis(100), "{took:?}");
}

#[test]
fn a_certificate_that_does_not_serve_is_an_error_and_never_plain_text() {
    let folder = Folder::new("http");
    let Some(first) = certificate(&folder, "first") else { return };
    let Some(second) = certificate(&folder, "second") else { return };
    let refused = |certificate: &[u8], key: &Hidden| {
        let tls = Some(Tls { certificate: certificate.into(), key: key.clone() });
        let port = Sink::new(ClientPort { tls, ..plan() }, made(), spawn);
        port.expect_err("it does not serve").text
    };
    let nothing = Hidden(Vec::new());
    assert!(refused(b"", &first.key).contains("no CERTIFICATE"));
    assert!(refused(&first.certificate, &nothing).contains("no private key"));
    assert!(refused(&first.certificate, &second.key).contains("do not serve"));
}
