//! What a monitor with a status file leaves in it.

use std::fs::{self, File};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process;

use super::Monitor;
use crate::config::Config;
use crate::status::file::{Clock, Image, inspect};

/// A folder with a status file; gone with the test.
struct Place(PathBuf);

impl Place {
    fn new(label: &str) -> Self {
        let path = std::env::temp_dir().join(format!("peermon-kept-{label}-{}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("a.status")
    }

    fn monitor(&self, more: impl FnOnce(&mut Config)) -> Monitor {
        let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut config = Config::new();
        config.set("name", "a").unwrap();
        config.set("listen", &free.to_string()).unwrap();
        config.set("status_file", self.file().to_str().unwrap()).unwrap();
        more(&mut config);
        Monitor::new(config.check().unwrap()).unwrap()
    }

    fn image(&self) -> Image {
        inspect(&File::open(self.file()).unwrap(), Clock::default()).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_channel_that_was_killed_in_its_first_event_is_known_and_gets_that_again() {
    let place = Place::new("channel");
    let monitor = place.monitor(|_| ());
    monitor.start().unwrap();
    // Whatever the life was told, the file knew before.
    monitor.end().unwrap();
    assert_eq!(place.image().cursors, [("callback".to_owned(), 0)]);
    monitor.close().unwrap();
}

#[test]
fn a_file_that_a_monitor_closed_is_there_for_the_next_one_at_once() {
    let place = Place::new("next");
    for _ in 0..50 {
        let monitor = place.monitor(|_| ());
        monitor.start().unwrap();
        // The recorder has just asked for a sync.
        monitor.close().unwrap();
    }
}
