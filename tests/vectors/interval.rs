//! The classic rule.

use core::time::Duration;

use peermon::proto::detector::interval::{Interval, ticks_needed};

use super::cases;

#[test]
fn the_interval_detector_matches_every_patent_vector() {
    for case in cases("patent", 5) {
        let name = case["name"].as_str().unwrap();
        let mut rule = Interval::new(case["N"].as_u64().unwrap() as u32);
        let mut arrivals = case["arrivals"].as_array().unwrap().iter().peekable();
        let (mut a, mut b): (Option<i64>, Option<i64>) = (None, None);
        let mut up = None;
        let mut seen = Vec::new();
        let t1 = case["T1"].as_i64().unwrap();
        for tick in (t1..=case["end"].as_i64().unwrap()).step_by(t1 as usize) {
            while let Some(arrival) = arrivals.next_if(|a| a[0].as_i64().unwrap() <= tick) {
                if a.is_none() {
                    rule.arm();
                }
                a = a.max(arrival[1].as_i64());
            }
            let changed = a != b;
            b = a;
            let down = rule.on_tick(changed);
            let now_up = if changed {
                Some(true)
            } else if down {
                Some(false)
            } else {
                up
            };
            if now_up != up {
                up = now_up;
                seen.push((tick, if now_up == Some(true) { "UP" } else { "DOWN" }));
            }
        }
        let expected: Vec<(i64, &str)> = case["expect"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| (e[0].as_i64().unwrap(), e[1].as_str().unwrap()))
            .collect();
        assert_eq!(seen, expected, "{name}");
    }
}

#[test]
fn the_number_of_ticks_follows_its_formula() {
    let ms = Duration::from_millis;
    // ceil((3 * 100 + 50) / 40)
    assert_eq!(ticks_needed(2, ms(100), ms(40)), 9);
    assert_eq!(ticks_needed(2, ms(100), ms(120)), 3);
    assert_eq!(ticks_needed(0, ms(100), ms(1000)), 1);
    assert_eq!(ticks_needed(u32::MAX, Duration::MAX, ms(1)), u32::MAX);
}
