//! The page in a real browser: it shows what happens within a second, and survives its server.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use peermon::config::plan::{ClientPort, Listen};
use peermon::notify::store::Store;
use peermon::proto::event::{Event, Reason};
use peermon::proto::peer::view::State;
use peermon::proto::time::Wall;

use super::lab::{PATIENCE, Port, down, made, plan, recovered, with_token};
use super::support::browser::{Browser, taken};

/// The page must have shown it by then.
const AT_ONCE: Duration = Duration::from_secs(1);

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn now() -> Wall {
    Wall(i64::try_from(now_ms()).unwrap() * 1_000_000)
}

fn goes_down(port: &mut Port, id: u64) {
    let at = now();
    port.made.put("billing", |view| {
        view.state = State::Down;
        view.reason = Reason::ProcessExit;
        view.since = at;
        view.record.on_down();
        view.outages += 1;
        view.evidence.misses = 1;
        view.evidence.round_trip = Duration::from_micros(214);
        (view.kept.last_event, view.kept.outage_event) = (id, id);
    });
    port.push(Event { reason: Reason::ProcessExit, judged: at, ..down(id) });
}

fn comes_back(port: &mut Port, id: u64) {
    let at = now();
    port.made.put("billing", |view| {
        view.state = State::Up;
        view.reason = Reason::Restarted;
        view.since = at;
        view.record.on_start();
        (view.kept.last_event, view.kept.outage_event) = (id, 0);
    });
    port.push(Event { reason: Reason::Restarted, judged: at, ..recovered(id) });
}

/// One peer in each state beside billing.
fn furnish(port: &Port) {
    let at = Wall(now().0 - 192_000_000_000);
    port.made.put("billing", |view| view.since = at);
    let others = [
        ("archive", State::Ended),
        ("import-night", State::Paused),
        ("mirror-oslo", State::Unknown),
        ("search", State::Overdue),
        (
            "a-name-that-is-as-long-as-a-name-of-a-server-may-be-and-has-no-place-to-break",
            State::Up,
        ),
    ];
    for (name, state) in others {
        port.made.put(name, |view| {
            (view.state, view.since) = (state, at);
            view.pause_remaining = Duration::from_secs(600);
        });
    }
}

#[test]
fn the_page_shows_a_down_within_a_second_and_outlives_its_server() {
    let Some(browser) = Browser::find() else { return };
    let mut port = Port::open(plan());
    furnish(&port);
    let address = port.bound.tcp(PATIENCE).unwrap();
    let page = browser.open(
        address,
        "",
        &[
            "state:billing=UP",
            "say=up",
            "state:billing=DOWN",
            "title=^1 down: billing",
            "text=ended without a graceful end",
            "say=down",
            "state:billing=UP",
            "say=back",
            "hear=go",
            "shot=page",
            "axe",
            "say=stop",
            "lost",
            "title=^not connected",
            "text=Not connected since .*: what you see is old",
            "shot=lost",
            "say=lost",
            "connected",
            "state:billing=DOWN",
            "say=again",
            "state:billing=UP",
        ],
    );
    taken(&page, "state:billing=UP");
    taken(&page, "say=up");
    let begun = now_ms();
    goes_down(&mut port, 1);
    let shown = taken(&page, "state:billing=DOWN");
    assert!(shown < begun + 1000, "DOWN was shown after {} ms", shown - begun);
    println!("DOWN was shown after {} ms", shown.saturating_sub(begun));
    for step in ["title=^1 down: billing", "text=ended without a graceful end", "say=down"] {
        taken(&page, step);
    }
    let begun = now_ms();
    comes_back(&mut port, 2);
    let shown = taken(&page, "state:billing=UP");
    assert!(shown < begun + u64::try_from(AT_ONCE.as_millis()).unwrap(), "{}", shown - begun);
    taken(&page, "say=back");
    // An outage that goes on, for the picture.
    goes_down(&mut port, 3);
    page.say("go");
    for step in ["hear=go", "shot=page", "axe", "say=stop"] {
        taken(&page, step);
    }
    port.close();
    for step in ["lost", "title=^not connected", "text=Not connected since .*: what you see is old"]
    {
        taken(&page, step);
    }
    taken(&page, "shot=lost");
    taken(&page, "say=lost");
    // Another life of the server, with another epoch.
    let again = ClientPort { listen: Some(Listen::At(address)), ..plan() };
    let made = made();
    made.about(|about| about.epoch = 0xf);
    let mut port = Port::start(again, made, (Store::default(), 0), vec![]);
    port.made.put("billing", |view| {
        (view.state, view.since) = (State::Down, now());
        view.kept.outage_event = 1;
    });
    taken(&page, "connected");
    taken(&page, "state:billing=DOWN");
    taken(&page, "say=again");
    port.made.put("billing", |view| {
        (view.state, view.since, view.kept.last_event) = (State::Up, now(), 2);
    });
    port.push(Event { epoch: 0xf, judged: now(), ..recovered(2) });
    taken(&page, "state:billing=UP");
    assert!(page.finish().success());
    for size in ["phone", "desktop"] {
        for theme in ["light", "dark"] {
            let shot = browser.shots.join(format!("page-{size}-{theme}.png"));
            assert!(fs::metadata(&shot).unwrap().len() > 10_000, "{}", shot.display());
        }
    }
}

#[test]
fn the_page_asks_for_the_token_and_tells_a_wrong_one() {
    let Some(browser) = Browser::find() else { return };
    let port = Port::open(with_token("secret"));
    let right = browser.open(
        port.bound.tcp(PATIENCE).unwrap(),
        "secret",
        &["state:billing=UP", "title=^all up"],
    );
    taken(&right, "state:billing=UP");
    assert!(right.finish().success());
    let wrong =
        browser.open(port.bound.tcp(PATIENCE).unwrap(), "guess", &["text=That was not the token"]);
    taken(&wrong, "text=That was not the token");
    assert!(wrong.finish().success());
}
