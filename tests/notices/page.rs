//! The page of a real server in a real browser, while its peer and the server itself are killed.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::host::Host;
use super::lab::Lab;
use super::port;
use super::support::browser::{Browser, taken};

/// From kill -9 to the word on the page.
const AT_ONCE: Duration = Duration::from_secs(1);

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

#[test]
fn the_page_shows_a_killed_peer_within_a_second_and_outlives_its_own_server() {
    let (Some(lab), Some(browser)) = (Lab::new(), Browser::find()) else { return };
    let client: SocketAddr = format!("127.0.0.1:{}", port::free()).parse().unwrap();
    let lines = format!(
        "detect_within = \"1s\"\nclient_listen = \"{client}\"\nstatus_file = \"{}\"",
        lab.folder.join("orders.status").display()
    );
    let orders = lab.config("orders", 0, &lines, &[("billing", 1), ("shipping", 2)]);
    let plain = "detect_within = \"1s\"";
    let billing = lab.config("billing", 1, plain, &[("orders", 0)]);
    let shipping = lab.config("shipping", 2, plain, &[("orders", 0)]);
    let mut server = Host::start(&mut lab.command(&orders));
    let mut peer = Host::start(&mut lab.command(&billing));
    let _other = Host::start(&mut lab.command(&shipping));
    server.await_lifelines("billing");

    let page = browser.open(
        client,
        "",
        &[
            "state:billing=UP",
            "state:shipping=UP",
            "say=up",
            "state:billing=DOWN",
            "title=^1 down: billing",
            "shot=killed",
            "axe",
            "say=shot",
            "lost",
            "say=lost",
            "connected",
            "state:billing=DOWN",
            "say=again",
            "state:billing=UP",
            "title=^all up",
        ],
    );
    for step in ["state:billing=UP", "state:shipping=UP", "say=up"] {
        page.await_line(step);
    }
    let killed = now_ms();
    peer.kill();
    let shown = taken(&page, "state:billing=DOWN");
    println!("kill -9 to the word on the page: {} ms", shown.saturating_sub(killed));
    assert!(shown < killed + u64::try_from(AT_ONCE.as_millis()).unwrap(), "{}", shown - killed);
    for step in ["title=^1 down: billing", "shot=killed", "axe", "say=shot"] {
        page.await_line(step);
    }
    server.kill();
    page.await_line("say=lost");
    let mut server = Host::start(&mut lab.command(&orders));
    page.await_line("say=again");
    let _peer = Host::start(&mut lab.command(&billing));
    page.await_line("title=^all up");
    assert!(page.finish().success());
    server.end();
}
