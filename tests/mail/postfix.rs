//! From an event to a mailbox, by a mail server as Debian has it. It runs from a folder of its own, on
//! loopback, and does not touch the mail of the machine.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::lab::{Life, PATIENCE, Record, down, mail, recovered};
use crate::support::folder::Folder;
use crate::support::{run, tool};

const LIMIT: Duration = Duration::from_secs(60);
/// nobody and nogroup: whose the mailbox is.
const NOBODY: u32 = 65_534;

/// A running postfix; stopped when dropped.
struct Postfix {
    program: PathBuf,
    folder: Folder,
    port: u16,
}

impl Postfix {
    /// Starts one; `None`, after a line that says so, where that is not possible.
    fn start() -> Option<Self> {
        let program = tool::find("postfix")?;
        // SAFETY: it has no arguments and cannot fail.
        if unsafe { libc::geteuid() } != 0 {
            assert!(!tool::all_are_wanted(), "postfix is started by root only");
            println!("skipped: postfix is started by root only");
            return None;
        }
        let folder = Folder::new("postfix");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        for name in ["conf", "queue", "data", "mail"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        for path in [folder.path().to_owned(), folder.join("conf"), folder.join("mail")] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
        let postfix = fs::read_to_string("/etc/passwd").unwrap();
        let postfix = postfix.lines().find_map(|line| line.strip_prefix("postfix:x:")).unwrap();
        let owner = postfix.split(':').next().unwrap().parse().unwrap();
        chown(folder.join("data"), Some(owner), None).unwrap();
        chown(folder.join("mail"), Some(NOBODY), Some(NOBODY)).unwrap();
        let root = folder.path().display();
        let settings = format!(
            "compatibility_level = 3.6\n\
             queue_directory = {root}/queue\n\
             data_directory = {root}/data\n\
             maillog_file = {root}/queue/log\n\
             maillog_file_prefixes = {root}\n\
             inet_interfaces = 127.0.0.1\n\
             inet_protocols = ipv4\n\
             myhostname = relay.test\n\
             mydestination =\n\
             mynetworks = 127.0.0.0/8\n\
             alias_maps =\n\
             alias_database =\n\
             smtpd_relay_restrictions = permit_mynetworks, reject\n\
             smtpd_helo_restrictions = reject_invalid_helo_hostname\n\
             smtpd_helo_required = yes\n\
             virtual_mailbox_domains = example.com\n\
             virtual_mailbox_base = {root}/mail\n\
             virtual_mailbox_maps = inline:{{admin@example.com=admin/}}\n\
             virtual_uid_maps = static:{NOBODY}\n\
             virtual_gid_maps = static:{NOBODY}\n"
        );
        let services = format!(
            "127.0.0.1:{port} inet n - n - - smtpd\n\
             cleanup unix n - n - 0 cleanup\n\
             qmgr unix n - n 300 1 qmgr\n\
             rewrite unix - - n - - trivial-rewrite\n\
             bounce unix - - n - 0 bounce\n\
             defer unix - - n - 0 bounce\n\
             trace unix - - n - 0 bounce\n\
             proxymap unix - - n - - proxymap\n\
             error unix - - n - - error\n\
             retry unix - - n - - error\n\
             virtual unix - n n - - virtual\n\
             anvil unix - - n - 1 anvil\n\
             postlog unix-dgram n - n - 1 postlogd\n"
        );
        fs::write(folder.join("conf/main.cf"), settings).unwrap();
        fs::write(folder.join("conf/master.cf"), services).unwrap();
        let started = Self { program, folder, port };
        let outcome = started.ask("start");
        assert!(outcome.is_success(), "{}\n{}", outcome.describe(), started.log());
        Some(started)
    }

    fn ask(&self, what: &str) -> run::Outcome {
        // Its children keep what they were given open.
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" -c \"$1\" \"$2\" >/dev/null 2>&1"]);
        command.arg(&self.program).arg(self.folder.join("conf")).arg(what);
        run::run(&mut command, LIMIT)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("queue/log")).unwrap_or_default()
    }

    /// Waits for `count` mails in the mailbox; the oldest first.
    fn mails(&self, count: usize) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let entries = fs::read_dir(self.folder.join("mail/admin/new"));
            let mut paths: Vec<_> = entries.into_iter().flatten().flatten().collect();
            if paths.len() >= count {
                paths.sort_by_key(|entry| entry.metadata().unwrap().modified().unwrap());
                return paths.iter().map(|it| fs::read_to_string(it.path()).unwrap()).collect();
            }
            assert!(Instant::now() < deadline, "{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // The one of this folder, by the number that it wrote there.
        self.ask("stop");
    }
}

#[test]
fn a_down_and_its_recovery_come_to_a_mailbox_by_postfix() {
    let Some(postfix) = Postfix::start() else { return };
    let mut life = Life::new(&mail(&[postfix.port]), Record::default());
    life.give(&down(1, "billing", 1));
    postfix.mails(1);
    life.give(&recovered(2, "billing", 1));
    let mails = postfix.mails(2);
    life.await_record("all is done", |record| record.cursor == 2 && record.spool.is_empty());
    let header = |mail: &str, name: &str| {
        let head = mail.split("\n\n").next().unwrap().replace("\n ", " ");
        let line = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("{name} in {mail}")).to_owned()
    };
    assert!(header(&mails[0], "Subject").starts_with("[peermon] billing is DOWN"));
    assert!(header(&mails[1], "Subject").starts_with("[peermon] billing RECOVERED"));
    assert_eq!(header(&mails[1], "In-Reply-To"), header(&mails[0], "Message-ID"));
    for mail in &mails {
        assert_eq!(header(mail, "Delivered-To"), "admin@example.com");
        assert_eq!(header(mail, "Return-Path"), "<peermon@example.com>");
        assert!(header(mail, "Received").contains("from orders "), "{mail}");
    }
}
