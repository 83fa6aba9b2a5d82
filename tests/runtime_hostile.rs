//! Hosts and kernels that refuse: no private table, descriptors taken away, a fork, no /dev.
//!
//! The tests that look at the whole process take turns.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect, in its helpers too"
)]

#[path = "support/port.rs"]
mod port;

use std::io;
use std::net::UdpSocket;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use peermon::config::Config;
use peermon::proto::event::Event;
use peermon::proto::peer::view::State;
use peermon::runtime::{Monitor, TableKind};

const LONG: Duration = Duration::from_secs(20);

static TURN: Mutex<()> = Mutex::new(());

fn turn() -> std::sync::MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn monitor(name: &str, port: u16, peers: &[(&str, u16)]) -> Monitor {
    let mut config = Config::new();
    config.set("name", name).unwrap();
    config.set("listen", &format!("127.0.0.1:{port}")).unwrap();
    config.set("heartbeat_interval", "50ms").unwrap();
    config.set("detect_within", "1s").unwrap();
    for (peer, port) in peers {
        config.add_peer(peer, &format!("127.0.0.1:{port}")).unwrap();
    }
    Monitor::new(config.check().unwrap()).unwrap()
}

fn pair() -> (Monitor, Monitor) {
    let (a, b) = (port::free(), port::free());
    (monitor("a", a, &[("b", b)]), monitor("b", b, &[("a", a)]))
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let limit = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < limit, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn is_up(monitor: &Monitor, peer: &str) -> bool {
    monitor.peer_status(peer).unwrap().state == State::Up
}

/// From now on the system calls fail with EPERM on this thread and on those that it starts.
fn refuse(calls: &[libc::c_long]) {
    let statement = |code: u32, k: u32| libc::sock_filter {
        code: u16::try_from(code).unwrap(),
        jt: 0,
        jf: 0,
        k,
    };
    // The number of the call is the first word of what the filter sees.
    let mut filter = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    for call in calls {
        let mut compare =
            statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, u32::try_from(*call).unwrap());
        compare.jf = 1;
        filter.push(compare);
        let refusal = libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs();
        filter.push(statement(libc::BPF_RET | libc::BPF_K, refusal));
    }
    filter.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
    let program =
        libc::sock_fprog { len: u16::try_from(filter.len()).unwrap(), filter: filter.as_mut_ptr() };
    // SAFETY: the program lives across the call; both settings concern this thread and its children.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        let code = libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program);
        assert_eq!(code, 0, "{}", io::Error::last_os_error());
    }
}

/// The numbers in the host's table that are sockets, high ones first.
fn socket_numbers() -> Vec<RawFd> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let mut numbers: Vec<RawFd> = entries
        .filter(|entry| {
            std::fs::read_link(entry.path())
                .is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
        })
        .filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()))
        .collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers
}

#[test]
fn without_close_range_the_table_is_private_all_the_same() {
    let _turn = turn();
    let (a, b) = pair();
    let before = socket_numbers();
    std::thread::scope(|scope| {
        let started = scope.spawn(|| {
            refuse(&[libc::SYS_close_range]);
            a.start().unwrap();
        });
        started.join().unwrap();
    });
    assert_eq!(a.descriptor_table(), Some(TableKind::PrivateByUnshare));
    assert_eq!(socket_numbers(), before);
    let lifeline = std::net::TcpStream::connect(a.local_address().unwrap()).unwrap();
    assert!(std::fs::read_dir("/proc/self/task").unwrap().flatten().any(|task| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm == "peermon-twin\n")
    }));
    drop(lifeline);
    b.start().unwrap();
    until("both are up", || is_up(&a, "b") && is_up(&b, "a"));
    a.close().unwrap();
    b.close().unwrap();
}

#[test]
fn in_the_hosts_table_descriptors_lie_high_and_are_opened_anew_when_the_host_takes_them() {
    let _turn = turn();
    let (a, b) = pair();
    let (sender, lines) = unbounded();
    a.on_log(2, Some(Arc::new(move |_, text: &str| _ = sender.send(text.to_owned())))).unwrap();
    std::thread::scope(|scope| {
        let started = scope.spawn(|| {
            refuse(&[libc::SYS_close_range, libc::SYS_unshare]);
            a.start().unwrap();
        });
        started.join().unwrap();
    });
    assert_eq!(a.descriptor_table(), Some(TableKind::Shared));
    assert!(lines.recv_timeout(LONG).unwrap().contains("were refused"));
    b.start().unwrap();
    until("both are up", || is_up(&a, "b") && is_up(&b, "a"));
    let number = socket_numbers()[0];
    assert!(number >= 256, "{number}");
    // In a table that children of the host inherit, the end of a lifeline would prove nothing.
    let at = a.local_address().unwrap();
    assert!(std::net::TcpStream::connect(at).is_err(), "it listens for lifelines");
    // As a host does that closes everything and opens its own: our number is its socket now.
    let host = UdpSocket::bind("127.0.0.1:0").unwrap();
    host.set_nonblocking(true).unwrap();
    // SAFETY: the library's number is replaced on purpose.
    let code = unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&host), number) };
    assert_eq!(code, number);
    while !lines.recv_timeout(LONG).unwrap().contains("opened anew") {}
    let beat = || b.peer_status("a").unwrap().record.running_a;
    let first = beat();
    until("heartbeats go on", || beat() != first);
    assert_eq!(b.peer_status("a").unwrap().outages, 0);
    assert_eq!(host.recv(&mut [0; 16]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    a.close().unwrap();
    // What the host has under that number is still there.
    // SAFETY: the duplicate that this test made.
    assert_eq!(unsafe { libc::close(number) }, 0);
    b.close().unwrap();
}

#[test]
fn a_lack_of_descriptors_costs_lifelines_and_never_the_start() {
    let _turn = turn();
    // In a child process: the limit is that of the whole process.
    // SAFETY: the child leaves by _exit, and glibc's allocator survives a fork.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: SIGALRM ends a child that hangs.
        unsafe { libc::alarm(60) };
        let (a, b) = pair();
        b.start().unwrap();
        // From what heartbeats need to what everything needs: null devices, socket, poller, waker.
        let good = (6..=14).all(|limit| {
            let limit = libc::rlimit { rlim_cur: limit, rlim_max: 4096 };
            // SAFETY: the structure lives across the call.
            unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
            if a.start().is_err() {
                return false;
            }
            let patience = Instant::now() + LONG;
            while !is_up(&a, "b") && Instant::now() < patience {
                std::thread::sleep(Duration::from_millis(1));
            }
            is_up(&a, "b") && a.end().is_ok()
        });
        // SAFETY: ends the child without running anything of the parent's.
        unsafe { libc::_exit(i32::from(!good)) };
    }
    assert_eq!(exit_code(child), Some(0));
}

#[test]
fn a_refused_thread_is_an_error_and_leaves_nothing_behind() {
    let _turn = turn();
    let a = monitor("a", port::free(), &[]);
    std::thread::scope(|scope| {
        let started = scope.spawn(|| {
            refuse(&[libc::SYS_clone, libc::SYS_clone3]);
            a.start()
        });
        let error = started.join().unwrap().unwrap_err();
        assert_eq!(error.code, peermon::error::Code::Io, "{error}");
    });
    a.start().unwrap();
    a.close().unwrap();
}

#[test]
fn a_host_that_closes_everything_cuts_nothing_off() {
    let _turn = turn();
    // In a child process: it closes the descriptors of the whole test run.
    // SAFETY: the child leaves by _exit, and glibc's allocator survives a fork.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: SIGALRM ends a child that hangs.
        unsafe { libc::alarm(20) };
        let (a, b) = pair();
        a.start().unwrap();
        b.start().unwrap();
        let limit = Instant::now() + LONG;
        let wait = |condition: &dyn Fn() -> bool| {
            while !condition() && Instant::now() < limit {
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        wait(&|| is_up(&a, "b") && is_up(&b, "a"));
        for number in 0..4096 {
            // SAFETY: what a daemonising host does.
            unsafe { libc::close(number) };
        }
        let beat = || a.peer_status("b").unwrap().record.running_a;
        let first = beat();
        wait(&|| beat() != first);
        let second = beat();
        wait(&|| beat() != second);
        let good = beat() != first && is_up(&a, "b") && a.peer_status("b").unwrap().outages == 0;
        // SAFETY: ends the child without running anything of the parent's.
        unsafe { libc::_exit(i32::from(!good)) };
    }
    assert_eq!(exit_code(child), Some(0));
}

#[test]
fn a_forked_child_starts_a_copy_with_the_same_peers_and_callbacks() {
    let _turn = turn();
    let (port_a, port_b) = (port::free(), port::free());
    let a = monitor("a", port_a, &[]);
    a.add_peer("b", &format!("127.0.0.1:{port_b}")).unwrap();
    let b = monitor("b", port_b, &[("a", port_a)]);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let count = Arc::new(move |_: &Event| _ = counted.fetch_add(1, Ordering::SeqCst));
    a.on_event(u32::MAX, Some(count)).unwrap();
    let number = a.event_fd().unwrap();
    a.start().unwrap();
    b.start().unwrap();
    until("both are up", || is_up(&a, "b") && is_up(&b, "a"));
    let first = b.peer_status("a").unwrap().incarnation;
    // The path of a server that becomes a daemon: the child goes on, the parent is gone.
    let (mut tell, mut hear) = ([0; 2], [0; 1]);
    // SAFETY: the array holds two descriptors.
    assert_eq!(unsafe { libc::pipe(tell.as_mut_ptr()) }, 0);
    // SAFETY: the child leaves by _exit, and glibc's allocator survives a fork.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: SIGALRM ends a child that hangs; the pipe tells that the parent has closed.
        unsafe {
            libc::alarm(20);
            libc::read(tell[0], hear.as_mut_ptr().cast(), 1);
        }
        let copy = a.fork_copy().unwrap();
        copy.take_over_event_fd(&a);
        let same = copy.event_fd().unwrap() == number && copy.peers().len() == 1;
        copy.start().unwrap();
        let before = calls.load(Ordering::SeqCst);
        let limit = Instant::now() + LONG;
        while calls.load(Ordering::SeqCst) == before && Instant::now() < limit {
            copy.dispatch(0).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
        let good = same && calls.load(Ordering::SeqCst) > before && is_up(&copy, "b");
        copy.close().unwrap();
        // SAFETY: ends the child without running anything of the parent's.
        unsafe { libc::_exit(i32::from(!good)) };
    }
    a.close().unwrap();
    // SAFETY: writes one byte to the test's own pipe.
    assert_eq!(unsafe { libc::write(tell[1], [1_u8].as_ptr().cast(), 1) }, 1);
    until("the child is another life", || {
        let status = b.peer_status("a").unwrap();
        status.incarnation != first && status.incarnation != 0
    });
    assert_eq!(exit_code(child), Some(0));
    b.close().unwrap();
    for number in tell {
        // SAFETY: the test's own pipe.
        unsafe { libc::close(number) };
    }
}

fn exit_code(child: libc::pid_t) -> Option<i32> {
    let mut status = 0;
    // SAFETY: waits for a child of this test.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status))
}
