//! How people and programs are told: the status file, the client port, mail, the command.

use std::os::unix::fs::PermissionsExt;

use peermon::config::plan::{Relay, Security, StatusFile};
use peermon::proto::event::EventKind;

use super::*;

const NAME: &str = "name = \"orders\"\n";

/// A server with these lines, from line 2 on.
fn server(lines: &str) -> Result<Plan, Error> {
    loaded(&format!("{NAME}{lines}\n")).and_then(|config| config.check())
}

#[track_caller]
fn wrong(lines: &str, code: Code, text: &str) {
    refused(server(lines).map(|_| ()), code, text);
}

#[test]
fn unless_it_is_written_nobody_is_told() {
    let channels = server("").unwrap().channels;
    assert_eq!(
        format!("{channels:?}"),
        format!("{:?}", peermon::config::plan::Channels::default())
    );
}

#[test]
fn a_status_file_lies_in_a_folder_that_exists_and_its_path_is_made_absolute() {
    let directory = Directory::new("status");
    let path = directory.file("orders.toml", format!("{NAME}status_file = \"a.status\"\n"));
    let mut config = Config::new();
    config.load(&path).unwrap();
    let wanted = StatusFile { path: directory.0.join("a.status"), journal_wait: ms(100) };
    assert_eq!(config.check().unwrap().channels.status_file, Some(wanted));
    config.set("journal_wait", "0s").unwrap();
    let file = config.check().unwrap().channels.status_file.unwrap();
    assert_eq!(file.journal_wait, Duration::ZERO);
    for (lines, text) in [
        (
            "status_file = \"/nowhere/at/all\"",
            "orders.toml:2: status_file = \"/nowhere/at/all\": there is no such folder; make it first",
        ),
        (
            "status_file = \"/tmp\"",
            "orders.toml:2: status_file = \"/tmp\": this is a folder; write the name of a file in it",
        ),
        (
            "journal_wait = \"1s\"",
            "orders.toml:2: journal_wait = \"1s\": there is no status file; write status_file",
        ),
    ] {
        wrong(lines, Code::Config, text);
    }
}

#[cfg(feature = "http")]
mod client {
    use super::*;

    #[test]
    fn a_client_port_has_an_address_a_socket_or_both() {
        let directory = Directory::new("client");
        let token = directory.file("token", "0123456789abcdef\n");
        let socket = directory.0.join("s");
        let plan = server(&format!(
            "client_listen = \":28180\"\nclient_socket = {socket:?}\nclient_token_file = {token:?}\n\
             client_connections = 10\nclient_connections_per_address = 2\nclient_idle = \"5s\""
        ));
        let port = plan.unwrap().channels.client.unwrap();
        assert_eq!((port.listen, &port.socket), (Some(Listen::Any(28180)), &Some(socket.clone())));
        assert_eq!(port.token.as_ref().unwrap().0, b"0123456789abcdef");
        assert!(!format!("{port:?}").contains("0123456789abcdef"));
        assert_eq!((port.connections, port.connections_per_address), (10, 2));
        assert_eq!((port.idle, port.tls), (Duration::from_secs(5), None));
        let quiet =
            server(&format!("client_socket = {socket:?}")).unwrap().channels.client.unwrap();
        assert_eq!((quiet.listen, quiet.token), (None, None));
        assert_eq!((quiet.connections, quiet.connections_per_address), (1024, 64));
        assert_eq!(quiet.idle, Duration::from_secs(60));
    }

    #[test]
    fn no_stranger_gets_in_unless_it_is_wished_in_so_many_words() {
        const WHY: &str = "without a token only this machine may ask; write client_token_file, or a \
             loopback address such as \"127.0.0.1:28180\", or client_allow_anonymous = true if \
             anybody on this network may read the state of the servers";
        for listen in [":28180", "0.0.0.0:28180", "10.0.0.1:28180", "[::]:28180"] {
            let text = format!("orders.toml:2: client_listen = \"{listen}\": {WHY}");
            wrong(&format!("client_listen = \"{listen}\""), Code::Config, &text);
            let open = format!("client_listen = \"{listen}\"\nclient_allow_anonymous = true");
            assert!(server(&open).is_ok());
        }
        for listen in ["127.0.0.1:28180", "[::1]:0", "127.1.2.3:80"] {
            assert!(server(&format!("client_listen = \"{listen}\"")).is_ok(), "{listen}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_client_port_is_told_with_what_would_be_right() {
        let long = format!("/tmp/{}", "x".repeat(103));
        let rows = [
            (
                "client_listen = \"127.0.0.1\"",
                "client_listen = \"127.0.0.1\": client_listen needs an IP address of this server and \
                 a port, for example \"127.0.0.1:28180\", or \":28180\" for all of its addresses",
            ),
            (
                "client_listen = \"127.0.0.1:28170\"",
                "client_listen = \"127.0.0.1:28170\": the lifelines listen at this TCP port already; \
                 write another port",
            ),
            (
                "client_listen = \"127.0.0.1:5\"\ntwin_port = 5",
                "client_listen = \"127.0.0.1:5\": the lifelines listen at this TCP port already; \
                 write another port",
            ),
            (
                "client_idle = \"5s\"",
                "client_idle = \"5s\": there is no client port; write client_listen or client_socket",
            ),
            (
                "client_socket = \"/tmp/s\"\nclient_tls_key = \"/k\"",
                "client_tls_key = \"/k\": TLS is for the TCP port; write client_listen",
            ),
            (
                "client_listen = \"127.0.0.1:5\"\nclient_tls_key = \"/k\"",
                "client_tls_key = \"/k\": client_tls_certificate and client_tls_key belong together; \
                 write both or none",
            ),
            (
                &format!("client_socket = \"{long}\""),
                &format!(
                    "client_socket = \"{}...\": the path of a socket has at most 107 bytes",
                    &long[..80]
                ),
            ),
        ];
        for (lines, why) in rows {
            let error = server(lines).unwrap_err();
            assert_eq!(error.code, Code::Config);
            let (place, told) = error.text.split_once(": ").unwrap();
            assert!(place.starts_with("orders.toml:"), "{place}");
            assert_eq!(told, why);
        }
        let same = "client_listen = \"127.0.0.1:28170\"\nlifeline_max_peers = 0";
        assert!(server(same).is_ok(), "without lifelines the port is free");
    }

    #[test]
    fn a_token_is_one_line_and_never_shown() {
        let directory = Directory::new("token");
        let spaced = "0123456789 abcdef hunter2";
        let long = "hunter2".repeat(40);
        let rows = [
            ("", "the file is empty; it holds one line"),
            ("\n", "the file is empty; it holds one line"),
            ("hunter2hunter2hunter2\nhunter2\n", "the file has more than one line"),
            ("hunter2", "a token has 16 to 256 visible ASCII characters"),
            (spaced, "a token has 16 to 256 visible ASCII characters"),
            (&*long, "a token has 16 to 256 visible ASCII characters"),
        ];
        for (content, why) in rows {
            let path = directory.file("token", content);
            let lines = format!("client_listen = \"127.0.0.1:5\"\nclient_token_file = {path:?}");
            let error = server(&lines).unwrap_err();
            let begin = format!("orders.toml:3: client_token_file = {path:?}: {why}");
            assert!(error.text.starts_with(&begin), "{error}");
            assert!(!error.text.contains("hunter2"), "{error}");
        }
        let missing = "client_listen = \"127.0.0.1:5\"\nclient_token_file = \"/missing\"";
        wrong(
            missing,
            Code::Io,
            "orders.toml:3: client_token_file = \"/missing\": cannot read /missing: No such file or \
             directory (os error 2)",
        );
    }

    #[test]
    fn a_certificate_and_its_key_are_read_when_the_monitor_is_made() {
        let directory = Directory::new("tls");
        let block = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        let certificate = directory.file("crt", block("CERTIFICATE"));
        let of = |key: &str| {
            let key = directory.file("key", key);
            server(&format!(
                "client_listen = \"127.0.0.1:5\"\nclient_tls_certificate = {certificate:?}\n\
                 client_tls_key = {key:?}"
            ))
        };
        for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"] {
            let tls = of(&block(label)).unwrap().channels.client.unwrap().tls.unwrap();
            assert_eq!(tls.certificate, block("CERTIFICATE").into_bytes());
            assert_eq!(tls.key.0, block(label).into_bytes());
            assert!(!format!("{tls:?}").contains(&format!("{:?}", block(label).as_bytes())));
        }
        for (content, why) in [
            (block("CERTIFICATE"), "there is no PEM block of a private key in it"),
            (block("ENCRYPTED PRIVATE KEY"), "this key is encrypted"),
            ("-----BEGIN PRIVATE KEY-----".into(), "there is no PEM block of a private key in it"),
        ] {
            let error = of(&content).unwrap_err();
            assert!(error.text.contains(why), "{error}");
        }
    }
}

#[cfg(feature = "http")]
mod control {
    use super::*;

    fn own() -> u32 {
        use std::os::unix::fs::MetadataExt;
        fs::metadata("/proc/self").unwrap().uid()
    }

    #[test]
    fn unless_it_is_written_root_and_the_user_of_the_host_steer() {
        let directory = Directory::new("control");
        let socket = directory.0.join("c");
        let control = server(&format!("control_socket = {socket:?}"));
        let control = control.unwrap().channels.control.unwrap();
        let numbers: Vec<_> = control.users.iter().map(|user| user.uid).collect();
        let wanted = if own() == 0 { vec![0] } else { vec![0, own()] };
        assert_eq!((numbers, control.mode, control.socket), (wanted, 0o600, socket.clone()));
        assert_eq!(control.users[0].name, "root");
        let named = |users: &str| {
            let lines = format!("control_socket = {socket:?}\ncontrol_users = {users}");
            server(&lines).unwrap().channels.control.unwrap()
        };
        let several = named("[\"root\", \"0\", \"4242424\"]");
        let several: Vec<_> = several.users.iter().map(|user| (user.uid, &*user.name)).collect();
        assert_eq!(several, [(0, "root"), (4_242_424, "4242424")]);
        assert_eq!(named("\"4242424\"").mode, 0o666, "the kernel says who somebody is");
        assert_eq!(named("\"root\"").mode, 0o600);
    }

    #[test]
    fn what_is_wrong_with_a_control_socket_is_told_with_its_line() {
        let long = format!("/tmp/{}", "x".repeat(103));
        let rows = [
            (
                "control_users = \"root\"",
                "2: control_users = \"root\": there is no control socket; write control_socket",
            ),
            (
                "control_socket = \"/nowhere/c\"",
                "2: control_socket = \"/nowhere/c\": there is no such folder; make it first",
            ),
            (
                &format!("control_socket = \"{long}\""),
                &format!(
                    "2: control_socket = \"{}...\": the path of a socket has at most 107 bytes",
                    &long[..80]
                ),
            ),
            (
                "client_socket = \"/tmp/s\"\ncontrol_socket = \"/tmp/s\"",
                "3: control_socket = \"/tmp/s\": clients ask at this socket (client_socket); write \
                 another path",
            ),
            (
                "control_socket = \"/tmp/s\"\ncontrol_users = [\"root\", \"no-such-user\"]",
                "3: control_users = [\"root\", \"no-such-user\"]: there is no user \"no-such-user\" on \
                 this machine; \"getent passwd\" lists those that there are",
            ),
            (
                "control_socket = \"/tmp/s\"\ncontrol_users = \"root, deploy\"",
                "3: control_users = \"root, deploy\": a user is a name such as \"root\" or a number \
                 such as \"0\"; several are written as [\"root\", \"deploy\"]",
            ),
            (
                "control_socket = \"/tmp/s\"\ncontrol_users = \"4294967295\"",
                "3: control_users = \"4294967295\": the number of a user is at most 4294967294",
            ),
        ];
        for (lines, text) in rows {
            wrong(lines, Code::Config, &format!("orders.toml:{text}"));
        }
    }
}

#[cfg(not(feature = "http"))]
#[test]
fn a_library_that_cannot_be_steered_refuses_to_be() {
    wrong(
        "control_socket = \"/tmp/s\"",
        Code::Config,
        "orders.toml:2: control_socket = \"/tmp/s\": this library was built without it (cargo feature \
         \"http\")",
    );
}

#[cfg(feature = "mail")]
mod mail {
    use super::*;

    const MAIL: &str = "mail_to = \"ops@example.com\"\nmail_from = \"peermon@example.com\"\n";

    #[test]
    fn every_wish_about_mail_reaches_the_plan() {
        let directory = Directory::new("mail");
        let password = directory.file("password", "hunter2\n");
        let lines = format!(
            "mail_to = [\"a@example.com\", \"b@example.com\"]\nmail_from = \"p@example.com\"\n\
             mail_relay = [\"starttls://Mail.example.com\", \"smtp://[::1]:2525\"]\n\
             mail_user = \"orders\"\nmail_password_file = {password:?}\nmail_hold = \"1min\"\n\
             mail_reminder = \"4h\"\nmail_per_hour = 3\nmail_timeout = \"5s\"\n"
        );
        let mail = server(&lines).unwrap().channels.mail.unwrap();
        assert_eq!(mail.to, ["a@example.com", "b@example.com"]);
        assert_eq!(mail.from, "p@example.com");
        let relay = |host: &str, port, security| Relay { host: host.into(), port, security };
        assert_eq!(
            mail.relays,
            [
                relay("mail.example.com", 587, Security::StartTls),
                relay("::1", 2525, Security::None)
            ]
        );
        let login = mail.login.as_ref().unwrap();
        assert_eq!((&*login.user, &*login.password.0), ("orders", &b"hunter2"[..]));
        assert!(!format!("{mail:?}").contains("hunter2"));
        assert_eq!((mail.hold, mail.reminder), (ms(60_000), Some(Duration::from_secs(4 * 3600))));
        assert_eq!((mail.per_hour, mail.timeout, mail.authority), (3, ms(5000), None));
        let plain = server(&format!("{MAIL}mail_relay = \"smtp://mail\"")).unwrap();
        let plain = plain.channels.mail.unwrap();
        assert_eq!((plain.hold, plain.reminder), (ms(10_000), None));
        assert_eq!((plain.per_hour, plain.timeout), (10, ms(30_000)));
    }

    #[test]
    fn a_call_writes_lists_too() {
        let mut config = loaded(NAME).unwrap();
        for (key, value) in [
            ("mail_to", "[\"a@x\", \"b@x\"]"),
            ("mail_from", "c@x"),
            ("mail_relay", "smtp://localhost"),
        ] {
            config.set(key, value).unwrap();
        }
        assert_eq!(config.check().unwrap().channels.mail.unwrap().to, ["a@x", "b@x"]);
        refused(
            config.set("mail_to", "[\"a@x\", \"b\"]"),
            Code::Invalid,
            "monitor_config_set: mail_to = \"[\\\"a@x\\\", \\\"b\\\"]\": character 9: \"b\": an address \
             is NAME@HOST, for example \"ops@example.com\"",
        );
    }

    #[test]
    fn a_password_does_not_cross_a_network_in_the_clear() {
        let directory = Directory::new("clear");
        let password = directory.file("password", "hunter2");
        let with = |relay: &str| {
            let login = format!("mail_user = \"u\"\nmail_password_file = {password:?}");
            server(&format!("{MAIL}mail_relay = {relay}\n{login}"))
        };
        for relay in
            ["\"smtp://localhost\"", "\"smtp://127.0.0.2\"", "\"smtp://[::1]\"", "\"smtps://a\""]
        {
            assert!(with(relay).is_ok(), "{relay}");
        }
        let error = with("[\"smtps://a\", \"smtp://b\"]").unwrap_err();
        assert!(error.text.contains("in the clear on its way to b; write starttls://"), "{error}");
        assert!(!error.text.contains("hunter2"));
    }

    #[test]
    fn what_is_wrong_with_mail_is_told_with_its_line() {
        let rows = [
            (
                "mail_hold = \"1s\"",
                "2: mail_hold = \"1s\": there is nobody to mail to; write mail_to",
            ),
            (
                "mail_to = \"a@x\"",
                "2: mail_to = \"a@x\": mail needs a sender; write mail_from, for example \
                 \"peermon@example.com\"",
            ),
            (
                "mail_to = \"a@x\"\nmail_from = \"a@x\"",
                "2: mail_to = \"a@x\": mail needs a relay; write mail_relay, for example \
                 \"starttls://mail.example.com:587\"",
            ),
            (
                "mail_to = [\n\"a@x\",\n\"b\",\n]",
                "4: mail_to = \"b\": an address is NAME@HOST, for example \"ops@example.com\"",
            ),
            (
                "mail_to = []",
                "2: mail_to = []: the list is empty; leave the line out, or write at least one",
            ),
            ("mail_to = 5", "2: mail_to = 5: write a string in quotation marks, not a number"),
            ("mail_to = [5]", "2: mail_to = 5: write strings in quotation marks, not a number"),
            (
                "mail_from = [\"a@x\"]",
                "2: mail_from = [\"a@x\"]: write a string in quotation marks, not a list",
            ),
            (
                "mail_relay = \"smtp://u:hunter2@mail\"",
                "2: mail_relay: no name and no password in a relay: those are mail_user and \
                 mail_password_file",
            ),
            (
                "mail_to = \"a@x\"\nmail_from = \"a@x\"\nmail_relay = \"smtp://a\"\nmail_user = \"u\"",
                "5: mail_user = \"u\": mail_user and mail_password_file belong together; write both \
                 or none",
            ),
            (
                "mail_to = \"a@x\"\nmail_from = \"a@x\"\nmail_relay = \"smtp://a\"\nmail_reminder = \"59s\"",
                "5: mail_reminder = \"59s\": out of range: \"0s\" (never), or at least \"1min\"",
            ),
        ];
        for (lines, text) in rows {
            wrong(lines, Code::Config, &format!("orders.toml:{text}"));
        }
    }
}

#[test]
fn a_command_is_a_program_with_its_whole_path_and_its_arguments() {
    let command =
        server("on_event_command = [\"/bin/sh\", \"-c\", \"\"]").unwrap().channels.command;
    let command = command.unwrap();
    assert_eq!(command.argv, ["/bin/sh", "-c", ""]);
    use EventKind::{Down, Ended, Recovered, Started};
    let bits = |kinds: &[EventKind]| kinds.iter().fold(0, |bits, kind| bits | kind.bit());
    assert_eq!(command.kinds, bits(&[Down, Recovered, Ended, Started]));
    assert_eq!((command.timeout, command.concurrency), (ms(30_000), 4));
    let wishes = "on_event_command = \"/bin/sh\"\ncommand_events = [\"DOWN\", \"LATE\"]\n\
                  command_timeout = \"100ms\"\ncommand_concurrency = 64";
    let command = server(wishes).unwrap().channels.command.unwrap();
    assert_eq!(
        (command.argv, command.kinds),
        (vec!["/bin/sh".into()], bits(&[Down, EventKind::Late]))
    );
    assert_eq!((command.timeout, command.concurrency), (ms(100), 64));
    let all = server("on_event_command = \"/bin/sh\"\ncommand_events = \"ALL\"").unwrap();
    assert_eq!(all.channels.command.unwrap().kinds, u32::MAX);
}

#[test]
fn a_command_that_could_never_run_is_refused_at_once() {
    let directory = Directory::new("command");
    let file = directory.file("tell", "#!/bin/sh\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let shown = file.display();
    let rows = [
        (
            "on_event_command = [\"logger\", \"x\"]".to_owned(),
            "2: on_event_command = [\"logger\", \"x\"]: the program is written with its whole path, \
             for example [\"/usr/local/bin/tell\", \"--now\"]; no shell looks for it"
                .to_owned(),
        ),
        (
            "on_event_command = \"/missing\"".to_owned(),
            "2: on_event_command = \"/missing\": cannot find /missing: No such file or directory (os \
             error 2)"
                .to_owned(),
        ),
        (
            "on_event_command = \"/tmp\"".to_owned(),
            "2: on_event_command = \"/tmp\": /tmp is no file".to_owned(),
        ),
        (
            format!("on_event_command = \"{shown}\""),
            format!(
                "2: on_event_command = \"{shown}\": {shown} cannot be executed; make it so with chmod \
                 +x"
            ),
        ),
        (
            "on_event_command = \"/bin/s\\u0000h\"".to_owned(),
            "2: on_event_command = \"/bin/s\\u{0}h\": a program cannot be given the character 0"
                .to_owned(),
        ),
        (
            "command_timeout = \"1s\"".to_owned(),
            "2: command_timeout = \"1s\": there is no command; write on_event_command".to_owned(),
        ),
        (
            "command_events = [\"DOWN\", \"RECOVERD\"]".to_owned(),
            "2: command_events = \"RECOVERD\": there is no such kind of event; did you mean \
             \"RECOVERED\"?"
                .to_owned(),
        ),
    ];
    for (lines, text) in rows {
        wrong(&lines, Code::Config, &format!("orders.toml:{text}"));
    }
}

#[cfg(not(feature = "http"))]
#[test]
fn a_library_without_the_client_port_says_so() {
    wrong(
        "client_listen = \"127.0.0.1:28180\"",
        Code::Config,
        "orders.toml:2: client_listen = \"127.0.0.1:28180\": this library was built without it (cargo \
         feature \"http\")",
    );
}

#[cfg(not(feature = "mail"))]
#[test]
fn a_library_without_mail_says_so() {
    wrong(
        "mail_to = \"a@x\"",
        Code::Config,
        "orders.toml:2: mail_to = \"a@x\": this library was built without it (cargo feature \"mail\")",
    );
}
