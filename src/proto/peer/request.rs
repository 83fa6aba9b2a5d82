//! The receiver's part of rule R23: how often we would like to hear from a peer.
//!
//! The wish stands in every datagram. What a sender grants depends on the wish and on its own
//! configuration alone, so a wish that stands is no repetition: it changes nothing that was granted.
//! What would set two monitors against each other is a wish that grows with every refusal, so after
//! a smaller grant it stays what it is for a minute.

use core::time::Duration;

use crate::proto::time::Time;

/// After a smaller grant the wish does not change for so long.
const REPEAT_AFTER: Duration = Duration::from_secs(60);
/// A peer changes at most every 10 s, so an answer may take that long and a little.
const ANSWER: Duration = Duration::from_secs(12);

/// The interval of one direction, at its receiver.
#[derive(Clone, Debug)]
pub struct Request {
    wish: Duration,
    /// What the peer announced last.
    granted: Option<Duration>,
    /// Since when it is known to announce something else than the wish.
    differs_since: Option<Time>,
    /// Until when another answer is taken for final.
    rests_until: Option<Time>,
}

impl Request {
    /// A request for `wish`.
    pub fn new(wish: Duration) -> Self {
        Self { wish, granted: None, differs_since: None, rests_until: None }
    }

    /// What we would like.
    pub fn wish(&self) -> Duration {
        self.wish
    }

    /// Whether the peer was asked for the wish and grants something else.
    pub fn is_refused(&self) -> bool {
        self.rests_until.is_some()
    }

    /// Another wish; returns whether it may be made, a minute after a smaller grant at the earliest.
    pub fn set_wish(&mut self, wish: Duration, now: Time) -> bool {
        if self.rests_until.is_some_and(|until| now < until) {
            return false;
        }
        *self = Self { granted: self.granted, ..Self::new(wish) };
        true
    }

    /// Another life of the peer may have other bounds.
    pub fn begin_anew(&mut self) {
        *self = Self::new(self.wish);
    }

    /// The peer announced `announced` at `now`; it hears us within `hears` at the latest.
    pub fn on_announced(&mut self, announced: Duration, hears: Duration, now: Time) {
        let changed = self.granted.replace(announced).is_some_and(|before| before != announced);
        if announced.as_micros() == self.wish.as_micros() {
            self.rests_until = None;
            self.differs_since = None;
            return;
        }
        let since = *self.differs_since.get_or_insert(now);
        let answered = changed && now != since || now.since(since) > ANSWER + hears;
        if answered && self.rests_until.is_none() {
            self.rests_until = Some(now + REPEAT_AFTER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    #[test]
    fn what_is_granted_in_time_is_no_refusal() {
        let mut request = Request::new(ms(100));
        for seconds in 0..12 {
            request.on_announced(ms(200), ms(200), at(seconds));
            assert!(!request.is_refused(), "{seconds}");
        }
        request.on_announced(ms(100), ms(200), at(12));
        request.on_announced(ms(100), ms(200), at(100));
        assert!(!request.is_refused());
    }

    #[test]
    fn after_a_smaller_grant_the_wish_rests_for_a_minute() {
        let mut request = Request::new(ms(100));
        request.on_announced(ms(200), ms(200), at(0));
        assert!(!request.is_refused());
        request.on_announced(ms(150), ms(200), at(1));
        assert!(request.is_refused());
        assert!(!request.set_wish(ms(80), at(60)));
        assert_eq!(request.wish(), ms(100));
        assert!(request.set_wish(ms(80), at(61)));
        assert_eq!(request.wish(), ms(80));
        assert!(!request.is_refused());
    }

    #[test]
    fn no_answer_is_an_answer_after_a_while() {
        let mut request = Request::new(ms(100));
        for seconds in 0..=12 {
            request.on_announced(ms(200), ms(200), at(seconds));
            assert!(!request.is_refused(), "{seconds}");
        }
        request.on_announced(ms(200), ms(200), at(13));
        assert!(request.is_refused());
        request.begin_anew();
        assert!(!request.is_refused());
    }

    #[test]
    fn a_late_grant_ends_the_refusal() {
        let mut request = Request::new(ms(100));
        for seconds in [0, 13, 14] {
            request.on_announced(ms(200), ms(200), at(seconds));
        }
        assert!(request.is_refused());
        request.on_announced(ms(100), ms(200), at(20));
        assert!(!request.is_refused() && request.set_wish(ms(80), at(20)));
    }
}
