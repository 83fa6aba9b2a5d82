//! A peer: what anybody may see of it, and what a later life of this monitor needs to know.

use core::time::Duration;

use super::bytes::{
    get_i64, get_id, get_text, get_u16, get_u32, get_u64, put, put_i64, put_text, put_u8, put_u16,
    put_u32, put_u64,
};
use super::event::{ACTIVITY_TEXT, reason};
use super::header::TEXT;
use super::layout::{MOST, PEER};
use super::life::Clock;
use crate::proto::memory::{Kept, PeerMemory, RETIRED, Starts};
use crate::proto::peer::view::{State, View};
use crate::proto::record::StatusRecord;
use crate::proto::settings::MAX_PATHS;
use crate::proto::time::{Time, Wall, nanos};

const USED: usize = 8;
const STATE: usize = 9;
const FLAGS: usize = 10;
const NAME: usize = 200;
const ACTIVITY_NAME: usize = NAME + TEXT;

// Another number of them is another layout, and another version.
const _: () = assert!(RETIRED == 4 && MAX_PATHS == 4 && TEXT == 65);

const START: u16 = 1 << 0;
const RUNNING_A: u16 = 1 << 1;
const RUNNING_B: u16 = 1 << 2;
const END: u16 = 1 << 3;
const RECOVERY_WAIT: u16 = 1 << 4;
const HEARD: u16 = 1 << 5;
const ACTIVITY: u16 = 1 << 6;
const OUTAGE: u16 = 1 << 7;
const APPROXIMATE: u16 = 1 << 8;
const WITHHELD: u16 = 1 << 9;
/// What stands in the place of the activity is how the process ended.
const DETAIL: u16 = 1 << 10;

/// What is remembered of a peer. Here the beginning of an outage is a point and not an age, so that it
/// stays what it is however often it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remembered {
    /// Everything else; the age in it means nothing.
    pub(super) memory: PeerMemory,
    /// When the present outage began, on both clocks (rule R16).
    pub(super) began: Option<Clock>,
}

impl Remembered {
    /// A peer of which nothing is known.
    pub(super) fn bare(name: &str) -> Self {
        Self::of(&View::bare(name.into()), None, &Clock::default())
    }

    /// What is to be remembered of a view. `former` knows when the present outage began, if it is the
    /// same one.
    pub(super) fn of(view: &View, former: Option<&Self>, now: &Clock) -> Self {
        let same = former.filter(|former| former.memory.outages == view.outages);
        let began = view
            .kept
            .outage_age
            .map(|age| same.and_then(|former| former.began).unwrap_or_else(|| began(now, age)));
        let memory = PeerMemory {
            name: view.name.clone(),
            state: view.state,
            reason: view.reason,
            activity: view.activity.clone(),
            detail: view.detail.clone(),
            record: view.record,
            since: view.since,
            last_heard: view.last_heard,
            incarnation: view.incarnation,
            outages: view.outages,
            pause_remaining: view.pause_remaining,
            kept: Kept { outage_age: None, ..view.kept.clone() },
        };
        Self { memory, began }
    }

    /// As a machine takes it over at `now`.
    pub(super) fn at(&self, now: &Clock) -> PeerMemory {
        let mut memory = self.memory.clone();
        memory.kept.outage_age = self.began.map(|began| {
            if now.is_boot(&began.boot_id) {
                return now.boot.since(began.boot);
            }
            memory.kept.outage_approximate = true;
            let passed = now.wall.0.saturating_sub(began.wall.0);
            Duration::from_nanos(u64::try_from(passed).unwrap_or(0))
        });
        memory
    }

    /// Everything but the number of the slot and its sum; `None` if a name is too long.
    pub(super) fn encode(&self) -> Option<[u8; PEER]> {
        let (memory, kept) = (&self.memory, &self.memory.kept);
        let began = self.began.unwrap_or_default();
        let mut record = [0; PEER];
        let to = &mut record;
        put_u8(to, USED, 1);
        put_u8(to, STATE, memory.state as u8);
        put_u16(to, FLAGS, self.flags());
        put_u32(to, 12, memory.reason.code());
        put_u64(to, 16, memory.record.running_a.unwrap_or(0));
        put_u64(to, 24, memory.record.running_b.unwrap_or(0));
        put_u64(to, 32, memory.incarnation);
        put_i64(to, 40, memory.since.0);
        put_i64(to, 48, memory.last_heard.unwrap_or_default().0);
        put_u64(to, 56, memory.outages);
        put_u64(to, 64, nanos(memory.pause_remaining));
        put_u64(to, 72, kept.beat);
        put_u64(to, 80, kept.last_event);
        put_u64(to, 88, kept.outage_event);
        put_i64(to, 96, began.wall.0);
        put_u64(to, 104, began.boot.as_nanos());
        put(to, 112, began.boot_id);
        put_u32(to, 128, kept.starts.count);
        put_u32(to, 132, kept.starts.last_ungraceful);
        for (index, value) in kept.retired.iter().chain(&kept.sequences).enumerate() {
            put_u64(to, 136 + 8 * index, *value);
        }
        // One place for both: at most one of them says why it is down.
        let activity = memory.activity.as_deref().or(memory.detail.as_deref()).unwrap_or_default();
        let fits = put_text(to, NAME, TEXT, &memory.name)
            & put_text(to, ACTIVITY_NAME, ACTIVITY_TEXT, activity);
        fits.then_some(record)
    }

    fn flags(&self) -> u16 {
        let memory = &self.memory;
        [
            (START, memory.record.start),
            (RUNNING_A, memory.record.running_a.is_some()),
            (RUNNING_B, memory.record.running_b.is_some()),
            (END, memory.record.end),
            (RECOVERY_WAIT, memory.record.recovery_wait),
            (HEARD, memory.last_heard.is_some()),
            (ACTIVITY, memory.activity.is_some()),
            (DETAIL, memory.activity.is_none() && memory.detail.is_some()),
            (OUTAGE, self.began.is_some()),
            (APPROXIMATE, memory.kept.outage_approximate),
            (WITHHELD, memory.kept.withheld),
        ]
        .into_iter()
        .fold(0, |flags, (flag, set)| if set { flags | flag } else { flags })
    }

    /// Reads a record whose sum is right; `None` if it is free.
    pub(super) fn decode(from: &[u8]) -> Result<Option<Self>, &'static str> {
        if from[USED] == 0 {
            return Ok(None);
        }
        let flags = get_u16(from, FLAGS);
        let has = |flag: u16| flags & flag != 0;
        let text = |at, room| get_text(from, at, room).ok_or("a text that is none");
        let (name, activity) = (text(NAME, TEXT)?, text(ACTIVITY_NAME, ACTIVITY_TEXT)?);
        if name.is_empty() {
            return Err("a peer without a name");
        }
        if [56, 80, 88].into_iter().any(|at| get_u64(from, at) >= MOST) {
            return Err("a count that nobody reaches");
        }
        let kept = Kept {
            last_event: get_u64(from, 80),
            outage_event: get_u64(from, 88),
            outage_age: None,
            outage_approximate: has(APPROXIMATE),
            withheld: has(WITHHELD),
            starts: Starts { count: get_u32(from, 128), last_ungraceful: get_u32(from, 132) },
            retired: core::array::from_fn(|index| get_u64(from, 136 + 8 * index)),
            sequences: core::array::from_fn(|index| get_u64(from, 168 + 8 * index)),
            beat: get_u64(from, 72),
        };
        let record = StatusRecord {
            start: has(START),
            running_a: has(RUNNING_A).then(|| get_u64(from, 16)),
            running_b: has(RUNNING_B).then(|| get_u64(from, 24)),
            end: has(END),
            recovery_wait: has(RECOVERY_WAIT),
        };
        let memory = PeerMemory {
            name: name.into(),
            state: State::from_code(from[STATE]).ok_or("a state that does not exist")?,
            reason: reason(get_u32(from, 12))?,
            activity: has(ACTIVITY).then(|| activity.into()),
            detail: has(DETAIL).then(|| activity.into()),
            record,
            since: Wall(get_i64(from, 40)),
            last_heard: has(HEARD).then(|| Wall(get_i64(from, 48))),
            incarnation: get_u64(from, 32),
            outages: get_u64(from, 56),
            pause_remaining: Duration::from_nanos(get_u64(from, 64)),
            kept,
        };
        let boot = Time::from_nanos(get_u64(from, 104));
        let clock = Clock { wall: Wall(get_i64(from, 96)), boot, boot_id: get_id(from, 112) };
        Ok(Some(Self { memory, began: has(OUTAGE).then_some(clock) }))
    }
}

/// The point that lies `age` before `now`. If that was before the machine was booted, only the wall
/// clock knows it.
pub(super) fn began(now: &Clock, age: Duration) -> Clock {
    let known = Time::ZERO + age <= now.boot;
    let wall = Wall(now.wall.0.saturating_sub_unsigned(nanos(age)));
    let boot_id = if known { now.boot_id } else { [0; 16] };
    Clock { wall, boot: now.boot - age, boot_id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::event::Reason;

    const NOW: Clock =
        Clock { wall: Wall(1_000_000), boot: Time::from_nanos(5_000), boot_id: [1; 16] };

    /// Every field has a value of its own.
    fn full() -> View {
        View {
            state: State::Down,
            reason: Reason::AppStalled,
            activity: Some("writer".into()),
            record: StatusRecord {
                start: true,
                running_a: Some(1),
                running_b: Some(2),
                end: true,
                recovery_wait: true,
            },
            since: Wall(-3),
            last_heard: Some(Wall(4)),
            incarnation: 5,
            outages: 6,
            pause_remaining: Duration::from_nanos(7),
            kept: Kept {
                last_event: 8,
                outage_event: 9,
                outage_age: Some(Duration::from_nanos(1_000)),
                outage_approximate: false,
                withheld: true,
                starts: Starts { count: 10, last_ungraceful: 11 },
                retired: [12, 13, 14, 15],
                sequences: [16, 17, 18, 19],
                beat: 20,
            },
            ..View::bare("p".repeat(64).as_str().into())
        }
    }

    #[test]
    fn every_field_of_a_peer_is_read_as_it_was_written() {
        for view in [full(), View::bare("a".into())] {
            let remembered = Remembered::of(&view, None, &NOW);
            let record = remembered.encode().unwrap();
            let found = Remembered::decode(&record).unwrap().unwrap();
            assert_eq!(found, remembered);
            let memory = found.at(&NOW);
            assert_eq!(memory.kept, view.kept);
            assert_eq!((memory.record, memory.since), (view.record, view.since));
        }
        assert_eq!(Remembered::decode(&[0; PEER]), Ok(None));
    }

    #[test]
    fn an_outage_is_measured_by_the_clock_that_knows_it() {
        let remembered = Remembered::of(&full(), None, &NOW);
        let later = Clock { boot: Time::from_nanos(9_000), wall: Wall(0), ..NOW };
        let kept = remembered.at(&later).kept;
        assert_eq!(kept.outage_age, Some(Duration::from_nanos(5_000)));
        assert!(!kept.outage_approximate, "a step of the wall clock does not matter");
        for boot_id in [[2; 16], [0; 16]] {
            let booted = Clock { boot: Time::ZERO, wall: Wall(1_004_000), boot_id };
            let kept = remembered.at(&booted).kept;
            assert_eq!(kept.outage_age, Some(Duration::from_nanos(5_000)));
            assert!(kept.outage_approximate);
            let stepped = Clock { wall: Wall(0), ..booted };
            assert_eq!(remembered.at(&stepped).kept.outage_age, Some(Duration::ZERO));
        }
    }

    #[test]
    fn an_outage_from_before_the_boot_is_known_by_the_date_alone() {
        let age = Duration::from_nanos(6_000);
        let mut view = full();
        view.kept.outage_age = Some(age);
        let memory = Remembered::of(&view, None, &NOW).at(&NOW);
        assert_eq!(memory.kept.outage_age, Some(age));
        assert!(memory.kept.outage_approximate);
    }

    #[test]
    fn the_beginning_of_an_outage_stays_where_it_was_written_first() {
        let first = Remembered::of(&full(), None, &NOW);
        let later = Clock { boot: Time::from_nanos(70_000), ..NOW };
        assert_eq!(Remembered::of(&full(), Some(&first), &later), first);
        let next = View { outages: 7, ..full() };
        let next = Remembered::of(&next, Some(&first), &later);
        assert_eq!(next.began.unwrap().boot, Time::from_nanos(69_000));
    }

    #[test]
    fn numbers_that_do_not_exist_and_names_that_are_none_are_refused() {
        let record = Remembered::of(&full(), None, &NOW).encode().unwrap();
        for (at, value) in
            [(STATE, 6), (12, 14), (63, 0xff), (87, 0xff), (NAME, 0), (NAME, 65), (NAME + 1, 0xff)]
        {
            let mut bad = record;
            bad[at] = value;
            assert!(Remembered::decode(&bad).is_err(), "{at}");
        }
    }
}
