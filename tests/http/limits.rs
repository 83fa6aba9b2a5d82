//! A client that is slow, greedy or malicious costs nothing but its own connection.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use peermon::config::plan::{ClientPort, Listen};
use peermon::proto::event::EventKind;
use peermon::proto::peer::view::State;

use super::client::Client;
use super::lab::{PATIENCE, Port, event, plan, unix};
use super::support::folder::Folder;
use super::support::process::Process;

#[test]
fn a_connection_too_many_is_told_so_and_room_is_made_when_one_goes() {
    let port = Port::open(ClientPort { connections: 3, ..plan() });
    let mut held: Vec<Client> = (0..3).map(|_| port.connect()).collect();
    for client in &mut held {
        assert_eq!(client.get("/healthz").status, 200);
    }
    for _ in 0..5 {
        let mut more = port.connect();
        let refused = more.get("/v1/peers");
        assert_eq!((refused.status, refused.header("connection")), (503, Some("close")));
        assert!(refused.error().contains("client_connections"), "{}", refused.error());
        assert!(more.is_closed());
    }
    assert_eq!(held[0].get("/healthz").status, 200, "those who are in are not disturbed");
    held.pop();
    let until = Instant::now() + PATIENCE;
    while port.connect().get("/healthz").status != 200 {
        assert!(Instant::now() < until, "no room was made");
    }
    let numbers = held[0].get("/metrics").body;
    let refused = "peermon_client_refused_total{limit=\"connections\"} ";
    let count: u32 =
        numbers.split_once(refused).unwrap().1.lines().next().unwrap().parse().unwrap();
    assert!(count >= 5, "{count}");
}

#[test]
fn one_address_has_no_more_than_its_share() {
    let port = Port::open(ClientPort { connections_per_address: 2, ..plan() });
    let mut held = [port.connect(), port.connect()];
    assert!(held.iter_mut().all(|client| client.get("/healthz").status == 200));
    let refused = port.connect().get("/healthz");
    assert_eq!(refused.status, 503);
    assert!(refused.error().contains("client_connections_per_address"), "{}", refused.error());
    // Another address of the loopback has its own.
    let other = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    other.bind(&"127.0.0.9:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    other.connect(&port.bound.tcp(PATIENCE).unwrap().into()).unwrap();
    assert_eq!(Client::over(Box::new(TcpStream::from(other))).get("/healthz").status, 200);
}

#[test]
fn a_flood_of_refused_connections_costs_no_more_than_a_few_tasks() {
    let mut port = Port::open(ClientPort { connections: 1, ..plan() });
    let mut only = port.connect();
    assert_eq!(only.get("/healthz").status, 200);
    let address = port.bound.tcp(PATIENCE).unwrap();
    // They say nothing and do not leave.
    let flood: Vec<_> = (0..200).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert_eq!(only.get("/healthz").status, 200);
    let begun = Instant::now();
    for mut stream in flood {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    assert!(begun.elapsed() < PATIENCE, "they were kept");
    port.push(event(1, EventKind::Late, State::Up));
    assert_eq!(only.get("/healthz").status, 200);
}

#[test]
fn a_head_that_is_too_long_or_never_ends_is_refused() {
    let port = Port::open(ClientPort { idle: Duration::from_millis(500), ..plan() });
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(9000));
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "A: b\r\n".repeat(70));
    let path = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(9000));
    for (request, expected) in [(long, &[431][..]), (many, &[431]), (path, &[414, 431, 404])] {
        let mut client = port.connect();
        client.say(request);
        let reply = client.head();
        assert!(expected.contains(&reply.status), "{reply:?}");
    }
    let enough =
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "A: b\r\n".repeat(60));
    let mut client = port.connect();
    client.say(enough);
    assert_eq!(client.reply().status, 200);
    // A head that trickles has no longer than one that does not come at all.
    let mut trickle = TcpStream::connect(port.bound.tcp(PATIENCE).unwrap()).unwrap();
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE && trickle.write_all(b"G").is_ok() {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(begun.elapsed() < PATIENCE, "it was not closed");
}

#[test]
fn who_neither_asks_nor_leaves_is_closed() {
    let port = Port::open(ClientPort { idle: Duration::from_millis(300), ..plan() });
    let mut silent = port.connect();
    let mut asked = port.connect();
    assert_eq!(asked.get("/healthz").status, 200);
    assert!(silent.is_closed());
    assert!(asked.is_closed());
}

#[test]
fn a_request_with_a_body_is_refused_and_its_connection_closed() {
    let port = Port::open(plan());
    let mut client = port.connect();
    client.say("GET /v1/peers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
    let reply = client.reply();
    assert_eq!((reply.status, reply.header("connection")), (413, Some("close")));
    assert!(client.is_closed());
}

/// Two follow, one of them without reading; events come until that one is cut.
fn cut_who_does_not_read(port: &mut Port, mut stalled: impl Read + Write) {
    stalled.write_all(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut reader = port.connect().follow("/v1/events", "");
    reader.expect("snapshot");
    let until = Instant::now() + PATIENCE;
    let mut id = 0;
    loop {
        for _ in 0..100 {
            id += 1;
            port.push(event(id, EventKind::Late, State::Up));
        }
        for expected in id - 99..=id {
            assert_eq!(reader.expect("notice").json()["id"], expected);
        }
        let numbers = port.connect().get("/metrics").body;
        if numbers.contains("peermon_client_followers 1\n") {
            break;
        }
        assert!(Instant::now() < until, "the one that does not read is still there");
    }
    let mut rest = Vec::new();
    let _ = stalled.read_to_end(&mut rest);
    assert!(rest.len() < 1_000_000, "{} bytes were kept for it", rest.len());
}

#[test]
fn a_follower_that_does_not_read_is_cut_and_nobody_else_notices() {
    let mut port = Port::open(ClientPort { idle: Duration::from_millis(500), ..plan() });
    let address = port.bound.tcp(PATIENCE).unwrap();
    let stalled = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    stalled.set_recv_buffer_size(4096).unwrap();
    stalled.connect(&address.into()).unwrap();
    cut_who_does_not_read(&mut port, TcpStream::from(stalled));
}

#[test]
fn a_follower_by_the_unix_socket_that_does_not_read_is_cut_as_well() {
    let folder = Folder::new("http");
    let socket = Some(folder.join("socket"));
    let idle = Duration::from_millis(500);
    let mut port = Port::open(ClientPort { idle, socket, ..plan() });
    assert!(port.bound.unix(PATIENCE));
    let stalled = UnixStream::connect(folder.join("socket")).unwrap();
    cut_who_does_not_read(&mut port, stalled);
}

/// Set for the process that the test below starts of itself.
const FEW_FILES: &str = "PEERMON_TEST_FEW_FILES";

#[test]
fn the_server_of_few_files() {
    if std::env::var_os(FEW_FILES).is_none() {
        return;
    }
    let port = Port::open(plan());
    println!("\nlistens at {}", port.bound.tcp(PATIENCE).unwrap());
    for line in &port.lines {
        println!("\nlogged {}", line.text);
    }
}

#[test]
fn whoever_is_connected_notices_nothing_when_the_files_run_out() {
    let program = std::env::current_exe().unwrap();
    let mut command = std::process::Command::new("sh");
    let server = Process::start(
        command
            .args([
                "-c",
                "ulimit -n 40; exec \"$0\" --exact limits::the_server_of_few_files --nocapture",
            ])
            .arg(program)
            .env(FEW_FILES, "1"),
    );
    let said = |start: &str| loop {
        if let Some((_, rest)) = server.line().split_once(start) {
            return rest.to_owned();
        }
    };
    let address: std::net::SocketAddr = said("listens at ").parse().unwrap();
    let mut first = Client::connect(address);
    assert_eq!(first.get("/healthz").status, 200);
    let mut many: Vec<_> = (0..60).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert!(said("logged the client port cannot accept: ").contains("Too many open files"));
    assert_eq!(first.get("/healthz").status, 200);
    many.clear();
    assert_eq!(Client::connect(address).get("/healthz").status, 200);
    server.kill();
}

#[test]
fn a_unix_socket_is_for_its_group_and_goes_with_its_port() {
    let folder = Folder::new("http");
    let path = folder.join("socket");
    // What an earlier life left: nobody listens there any more.
    drop(UnixListener::bind(&path).unwrap());
    let mut port = Port::open(unix(path.clone()));
    assert!(port.bound.unix(PATIENCE));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let mut client = Client::over(Box::new(UnixStream::connect(&path).unwrap()));
    client.say("GET /v1/peers/billing HTTP/1.1\r\nHost: anything\r\n\r\n");
    assert_eq!(client.reply().json()["name"], "billing");
    client.follow("/v1/events", "").expect("snapshot");
    port.close();
    assert!(!path.exists());
}

#[test]
fn what_is_in_use_or_no_socket_is_left_alone_and_tried_again() {
    let folder = Folder::new("http");
    let (used, file) = (folder.join("used"), folder.join("file"));
    let other = UnixListener::bind(&used).unwrap();
    let number = std::fs::metadata(&used).unwrap().ino();
    std::fs::write(&file, "mine").unwrap();
    let mut waiting = Port::open(unix(used.clone()));
    let mut refused = Port::open(unix(file.clone()));
    for (port, says) in [(&waiting, "somebody else listens there"), (&refused, "no socket")] {
        let line = port.lines.recv_timeout(PATIENCE).unwrap();
        assert!(line.text.contains(says), "{}", line.text);
        assert_eq!(line.level, peermon::notify::log::WARN);
    }
    assert_eq!(std::fs::metadata(&used).unwrap().ino(), number);
    drop(other);
    assert!(waiting.bound.unix(PATIENCE), "it was not tried again");
    waiting.close();
    refused.close();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn a_socket_that_was_replaced_is_not_removed() {
    let folder = Folder::new("http");
    let path = folder.join("socket");
    let mut port = Port::open(unix(path.clone()));
    assert!(port.bound.unix(PATIENCE));
    std::fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    port.close();
    assert!(path.exists());
}

#[test]
fn an_address_that_is_taken_is_a_warning_and_tried_again() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let port = Port::open(ClientPort { listen: Some(Listen::At(address)), ..plan() });
    let line = port.lines.recv_timeout(PATIENCE).unwrap();
    assert!(line.text.contains("cannot listen at"), "{}", line.text);
    drop(other);
    assert_eq!(port.bound.tcp(PATIENCE), Some(address));
    assert_eq!(port.connect().get("/healthz").status, 200);
}
