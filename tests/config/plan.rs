//! What comes of settings: defaults, precedence, derived numbers.

use super::*;

#[test]
fn a_name_alone_is_a_configuration_and_stays_on_loopback() {
    let plan = plan("name = \"orders\"");
    assert_eq!(plan.listen, Listen::At("127.0.0.1:28170".parse().unwrap()));
    assert!(!plan.may_leave_loopback);
    let settings = &plan.settings;
    assert_eq!((&*settings.name, &*settings.group), ("orders", "default"));
    assert_eq!(settings.key, None);
    assert_eq!(settings.judge_interval, ms(240));
    assert_eq!(settings.watchdog_timeout, None);
    assert_eq!(settings.end_linger, ms(200));
    assert_eq!(settings.max_interval, Duration::from_secs(60));
    assert_eq!(settings.pause_max, Duration::from_secs(3600));
    assert!(settings.peers.is_empty());
    assert_eq!(plan.log, LogTarget::Callback);
    assert_eq!(plan.event_queue, 1024);
    assert_eq!(plan.resolve_interval, Duration::from_secs(30));
}

#[test]
fn a_peer_without_settings_has_those_of_the_profile_lan() {
    let plan = plan(&pair("", ""));
    assert_eq!(plan.listen, Listen::Any(28170));
    assert!(plan.may_leave_loopback);
    let peer = &plan.settings.peers[0];
    assert_eq!(timing(peer), (200, 1000, 250));
    assert_eq!(peer.detection.rule, Rule::Adaptive);
    assert_eq!(peer.first_contact, Duration::from_secs(30));
    assert!(!peer.roaming);
    assert_eq!(peer.addresses, ["10.0.0.2:28170".parse().unwrap()]);
    assert_eq!(*plan.endpoints[0].name, *peer.name);
}

#[test]
fn every_key_reaches_the_plan() {
    let server = "group = \"test\"\nlisten = \"[::]:4000\"\nwatchdog_timeout = \"10s\"\n\
                  end_linger = \"0s\"\nmax_interval = \"10s\"\npause_max = \"15min\"\n\
                  log = \"env\"\nevent_queue = 16\nresolve_interval = \"5min\"\nroaming = true\n\
                  first_contact = \"1min\"\njudge_interval = \"1s\"\n";
    let plan = plan(&pair(server, "roaming = false\nfirst_contact = \"2min\""));
    let settings = &plan.settings;
    assert_eq!(settings.group, "test");
    assert_eq!(plan.listen, Listen::At("[::]:4000".parse().unwrap()));
    assert_eq!(settings.watchdog_timeout, Some(Duration::from_secs(10)));
    assert_eq!(settings.end_linger, Duration::ZERO);
    assert_eq!(settings.max_interval, Duration::from_secs(10));
    assert_eq!(settings.pause_max, Duration::from_secs(900));
    assert_eq!(settings.judge_interval, Duration::from_secs(1));
    assert_eq!((plan.log, plan.event_queue), (LogTarget::Env, 16));
    assert_eq!(plan.resolve_interval, Duration::from_secs(300));
    assert_eq!(settings.key.as_deref().map(<[u8]>::len), Some(16));
    let peer = &settings.peers[0];
    assert_eq!((peer.roaming, peer.first_contact), (false, Duration::from_secs(120)));
    assert_eq!(settings.packet_budget, 1000);
    assert_eq!((plan.defaults.roaming, plan.defaults.first_contact), (true, ms(60_000)));
}

#[test]
fn intervals_by_hand_beat_detect_within_which_beats_the_profile() {
    let rows = [
        ("profile = \"wan\"", "", (500, 3000, 1000)),
        ("profile = \"wireless\"", "", (1000, 10_000, 3000)),
        ("profile = \"wan\"\ndetect_within = \"2s\"", "", (400, 2000, 500)),
        ("detect_within = \"60ms\"", "", (20, 60, 15)),
        ("profile = \"wan\"\nheartbeat_interval = \"100ms\"", "", (100, 500, 125)),
        ("heartbeat_interval = \"100ms\"\ndetect_within = \"300ms\"", "", (100, 300, 75)),
        // A peer's own settings.
        ("", "profile = \"wan\"", (500, 3000, 1000)),
        ("", "detect_within = \"5s\"", (1000, 5000, 1250)),
        ("", "heartbeat_interval = \"1s\"", (1000, 5000, 1250)),
        ("", "heartbeat_interval = \"1s\"\ndetect_within = \"4s\"", (1000, 4000, 1000)),
        ("detect_within = \"9s\"", "profile = \"lan\"", (200, 1000, 250)),
        // The server's interval serves a peer's detection time if three fit into it.
        ("heartbeat_interval = \"300ms\"", "detect_within = \"5s\"", (300, 5000, 1250)),
        ("heartbeat_interval = \"300ms\"", "detect_within = \"500ms\"", (100, 500, 125)),
        ("heartbeat_interval = \"300ms\"", "profile = \"wan\"", (300, 3000, 1000)),
        ("heartbeat_interval = \"300ms\"", "profile = \"lan\"", (300, 1000, 250)),
        ("heartbeat_interval = \"400ms\"", "profile = \"lan\"", (200, 1000, 250)),
        // The server's detection time stands for a peer's interval, unless a profile replaces it.
        ("detect_within = \"9s\"", "heartbeat_interval = \"1s\"", (1000, 9000, 2250)),
        (
            "detect_within = \"9s\"",
            "heartbeat_interval = \"1s\"\nprofile = \"wan\"",
            (1000, 5000, 1250),
        ),
    ];
    for (server, peer, expected) in rows {
        let plan = plan(&pair(server, peer));
        assert_eq!(timing(&plan.settings.peers[0]), expected, "{server} / {peer}");
    }
}

#[test]
fn the_judge_timer_follows_the_heartbeat_unless_it_is_set() {
    assert_eq!(plan(&pair("heartbeat_interval = \"1s\"", "")).settings.judge_interval, ms(1200));
    // A peer of its own pace does not move it.
    assert_eq!(plan(&pair("", "heartbeat_interval = \"1s\"")).settings.judge_interval, ms(240));
}

#[test]
fn a_server_that_speaks_rarely_believes_as_much_of_its_peers() {
    let rare = plan(&pair("heartbeat_interval = \"2min\"", ""));
    assert_eq!(rare.settings.max_interval, Duration::from_secs(120));
    let one = plan(&pair("", "heartbeat_interval = \"3min\""));
    assert_eq!(one.settings.max_interval, Duration::from_secs(180));
    let by_hand = plan(&pair("heartbeat_interval = \"2min\"\nmax_interval = \"1s\"", ""));
    assert_eq!(by_hand.settings.max_interval, Duration::from_secs(1));
}

#[test]
fn the_interval_rule_takes_losses_or_ticks_and_the_peer_comes_first() {
    let interval = "detector = \"interval\"\n";
    let rule =
        |server: &str, peer: &str| plan(&pair(server, peer)).settings.peers[0].detection.rule;
    let rule_of = |losses, ticks| Rule::Interval { losses, ticks };
    assert_eq!(rule(interval, ""), rule_of(2, None));
    assert_eq!(rule(&format!("{interval}losses_tolerated = 0"), ""), rule_of(0, None));
    assert_eq!(rule(&format!("{interval}unchanged_ticks = 3"), ""), rule_of(2, Some(3)));
    assert_eq!(
        rule(&format!("{interval}unchanged_ticks = 3"), "losses_tolerated = 4"),
        rule_of(4, None)
    );
    assert_eq!(
        rule(&format!("{interval}losses_tolerated = 4"), "unchanged_ticks = 3"),
        rule_of(4, Some(3))
    );
    assert_eq!(rule(interval, "detector = \"adaptive\""), Rule::Adaptive);
    assert_eq!(rule("losses_tolerated = 4", interval), rule_of(4, None));
}

#[test]
fn ticks_by_hand_may_be_shorter_or_longer_than_the_heartbeat_but_not_hasty() {
    let text = |judge: &str, ticks: u32| {
        pair(
            &format!(
                "detector = \"interval\"\nheartbeat_interval = \"200ms\"\n\
                 judge_interval = \"{judge}\"\nunchanged_ticks = {ticks}"
            ),
            "",
        )
    };
    let check = |judge, ticks| loaded(&text(judge, ticks)).unwrap().check();
    assert!(check("50ms", 6).is_ok());
    assert!(check("50ms", 5).unwrap_err().text.ends_with("write at least 6"));
    assert!(check("300ms", 1).is_ok());
    assert!(check("299ms", 1).is_err());
}

/// The sending interval, the bounds of what peers may ask for, and what they are asked for.
fn paces(server: &str, peer: &str) -> (u64, u64, u64, u64) {
    let plan = plan(&pair(server, peer));
    let peer = &plan.settings.peers[0];
    let ms = |span: Duration| span.as_millis() as u64;
    let Pacing { least, most, wish } = peer.pacing;
    (ms(peer.heartbeat_interval), ms(least), ms(most), ms(wish))
}

#[test]
fn an_interval_by_hand_is_kept_to_and_any_other_may_be_asked_for() {
    let rows = [
        ("", "", (200, 20, 60_000, 200)),
        ("profile = \"wan\"", "", (500, 20, 60_000, 500)),
        ("detect_within = \"5s\"", "", (1000, 20, 60_000, 1000)),
        ("heartbeat_interval = \"300ms\"", "", (300, 300, 300, 300)),
        ("", "heartbeat_interval = \"1s\"", (1000, 1000, 1000, 1000)),
        ("heartbeat_interval = \"300ms\"", "detect_within = \"9s\"", (300, 300, 300, 300)),
        // The server's interval does not fit the peer's demand, so it is not the peer's.
        ("heartbeat_interval = \"300ms\"", "detect_within = \"500ms\"", (100, 20, 60_000, 100)),
        // The bounds by hand open the range again, or narrow it.
        ("heartbeat_interval = \"300ms\"\nmin_interval = \"50ms\"", "", (300, 50, 300, 300)),
        ("heartbeat_interval = \"300ms\"\nmax_interval = \"2s\"", "", (300, 300, 2000, 300)),
        ("min_interval = \"500ms\"\nmax_interval = \"2s\"", "", (500, 500, 2000, 200)),
        ("max_interval = \"100ms\"", "", (200, 20, 200, 200)),
    ];
    for (server, peer, expected) in rows {
        assert_eq!(paces(server, peer), expected, "{server} / {peer}");
    }
}

#[test]
fn the_packet_budget_has_room_for_what_is_configured() {
    let budget = |server: &str| plan(&pair(server, "")).settings.packet_budget;
    assert_eq!(budget(""), 1000);
    assert_eq!(budget("packet_budget = 7"), 7);
    let mut many = format!("name = \"orders\"\nkey = \"{KEY}\"\ndetect_within = \"100ms\"\n");
    for peer in 0..20 {
        many += &format!(
            "[[peer]]\nname = \"p{peer}\"\naddress = [\"10.1.0.{peer}\", \"10.2.0.{peer}\"]\n"
        );
    }
    assert_eq!(plan(&many).settings.packet_budget, 2 * 20 * 2 * 50);
}

#[test]
fn tolerated_mistakes_are_a_demand_on_the_interval_or_on_the_margin() {
    let demand = |server: &str, peer: &str| {
        let plan = plan(&pair(server, peer));
        let peer = &plan.settings.peers[0];
        let demand = peer.detection.demand.map(|demand| (demand.every.as_secs(), demand.within));
        (peer.pacing.wish.as_millis(), peer.detection.detect_within.as_millis(), demand)
    };
    let monthly = "mistakes_at_most = \"1 per 30 days\"\n";
    let month = 30 * 24 * 3600;
    assert_eq!(demand("", ""), (200, 1000, None));
    assert_eq!(demand(monthly, ""), (200, 1000, Some((month, false))));
    assert_eq!(demand(monthly, "profile = \"wan\""), (500, 3000, Some((month, false))));
    assert_eq!(demand(monthly, "mistakes_at_most = \"2 per hour\"").2, Some((1800, false)));
    // Chen's procedure for 1 % of loss and 20 ms of deviation.
    let chen = |server: &str, peer: &str| {
        let (wish, within, demand) = demand(server, peer);
        assert_eq!((within, demand), (1000, Some((month, true))), "{server} / {peer}");
        wish
    };
    let within = "detect_within = \"1s\"";
    let first = chen(&format!("{monthly}{within}"), "");
    assert!((100..=333).contains(&first), "{first}");
    assert_eq!(chen(monthly, within), first);
    assert_eq!(chen(within, monthly), first);
    // An interval by hand is where it begins.
    assert_eq!(chen(&format!("{monthly}{within}\nheartbeat_interval = \"50ms\""), ""), 50);
    // The tighter the demand, the more often.
    let harsh = demand("detect_within = \"1s\"\nmistakes_at_most = \"1 per 10 years\"", "").0;
    let mild = demand("detect_within = \"1s\"\nmistakes_at_most = \"1 per minute\"", "").0;
    assert!(harsh < first && first < mild && mild <= 333, "{harsh} {first} {mild}");
    // However tight: the shortest interval there is.
    assert_eq!(demand("detect_within = \"60ms\"\nmistakes_at_most = \"1 per 10 years\"", "").0, 20);
}

#[test]
fn phi_has_a_threshold_and_the_peer_comes_first() {
    let rule =
        |server: &str, peer: &str| plan(&pair(server, peer)).settings.peers[0].detection.rule;
    let phi = "detector = \"phi\"\n";
    assert_eq!(rule(phi, ""), Rule::Phi { threshold: 8000 });
    assert_eq!(rule(&format!("{phi}phi_threshold = 10.5"), ""), Rule::Phi { threshold: 10_500 });
    assert_eq!(
        rule("phi_threshold = 6", &format!("{phi}phi_threshold = 12.125")),
        Rule::Phi { threshold: 12_125 }
    );
    assert_eq!(rule("phi_threshold = 6", phi), Rule::Phi { threshold: 6000 });
    // One peer is judged by another rule than the demand of the server is for.
    let plan = plan(&pair("mistakes_at_most = \"1 per day\"", phi));
    assert_eq!(plan.settings.peers[0].detection.demand, None);
}
