//! Whom a monitor watches, and what may be asked of them.

use peermon::config::MAX_PEERS;
use peermon::error::Code;
use peermon::proto::peer::view::State;
use peermon::runtime::Monitor;

use super::{config, events, monitor, pair, port, turn, until};

#[test]
fn peers_come_and_go_before_while_and_after_it_runs() {
    let _turn = turn();
    let (port_a, port_b) = (port::free(), port::free());
    let a = monitor("a", port_a, &[]);
    let b = monitor("b", port_b, &[("a", port_a)]);
    let address = format!("127.0.0.1:{port_b}");
    a.add_peer("b", &address).unwrap();
    assert_eq!(a.add_peer("b", &address).unwrap_err().code, Code::Invalid);
    assert_eq!(a.peer_status("b").unwrap().state, State::Unknown);
    a.remove_peer("b").unwrap();
    assert_eq!(a.peer_status("b").unwrap_err().code, Code::UnknownPeer);
    let seen = events(&a);
    a.start().unwrap();
    b.start().unwrap();
    a.add_peer("b", "localhost:1").unwrap();
    until("the name is looked up", || a.peer_status("b").unwrap().address.is_some());
    a.remove_peer("b").unwrap();
    assert_eq!(a.remove_peer("b").unwrap_err().code, Code::UnknownPeer);
    a.add_peer("c", &address).unwrap();
    assert_eq!(a.peers().len(), 1);
    a.end().unwrap();
    a.remove_peer("c").unwrap();
    assert!(a.peers().is_empty());
    drop(seen);
    a.close().unwrap();
    assert_eq!(a.add_peer("d", &address).unwrap_err().code, Code::State);
    b.close().unwrap();
}

#[test]
fn the_status_can_be_read_at_any_speed_while_it_changes() {
    let _turn = turn();
    let (a, b) = pair();
    a.start().unwrap();
    b.start().unwrap();
    until("up", || a.peer_status("b").unwrap().state == State::Up);
    let first = a.peer_status("b").unwrap().record.running_a;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    assert_eq!(a.peers().len(), 1);
                }
            });
        }
    });
    until("heartbeats are shown", || a.peer_status("b").unwrap().record.running_a != first);
    assert_eq!(a.peer_status("b").unwrap().outages, 0);
    a.close().unwrap();
    b.close().unwrap();
}

#[test]
fn the_most_peers_that_there_may_be_are_watched_and_not_one_more() {
    let _turn = turn();
    let mut config = config("a", port::free(), &[]);
    for number in 0..MAX_PEERS {
        let address = format!("127.1.{}.{}:9", number / 250, number % 250 + 1);
        config.add_peer(&format!("peer{number}"), &address).unwrap();
    }
    let monitor = Monitor::new(config.check().unwrap()).unwrap();
    let refused = || monitor.add_peer("too-many", "127.2.0.1:9").unwrap_err().code;
    assert_eq!(refused(), Code::Limit);
    monitor.start().unwrap();
    assert_eq!(refused(), Code::Limit);
    monitor.remove_peer("peer7").unwrap();
    monitor.add_peer("one-more", "127.2.0.1:9").unwrap();
    assert_eq!(refused(), Code::Limit);
    assert_eq!(monitor.peers().len(), MAX_PEERS);
    monitor.close().unwrap();
}
