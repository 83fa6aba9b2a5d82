//! The text of the last error of each thread: a fixed buffer without a destructor, so that it can
//! be written by a panicking thread and read while a thread's other locals are being destroyed.

use core::cell::RefCell;
use core::fmt::{self, Write};

/// Longer texts are cut.
const CAPACITY: usize = 1024;

struct Detail {
    bytes: [u8; CAPACITY],
    length: usize,
}

thread_local! {
    static DETAIL: RefCell<Detail> =
        const { RefCell::new(Detail { bytes: [0; CAPACITY], length: 0 }) };
}

/// Replaces this thread's text. Allocates nothing.
pub fn set(text: &str) {
    set_args(format_args!("{text}"));
}

/// Replaces this thread's text by a formatted one. Allocates nothing.
pub fn set_args(text: fmt::Arguments<'_>) {
    // Neither failure can happen (no destructor, no borrow across a call of the host), and neither
    // may become a panic.
    let _ = DETAIL.try_with(|detail| {
        if let Ok(mut detail) = detail.try_borrow_mut() {
            detail.length = 0;
            let _ = detail.write_fmt(text);
        }
    });
}

/// Hands this thread's text to `use_it`.
pub fn read<T>(use_it: impl FnOnce(&[u8]) -> T) -> Option<T> {
    DETAIL
        .try_with(|detail| {
            let detail = detail.try_borrow().ok()?;
            Some(use_it(detail.bytes.get(..detail.length)?))
        })
        .ok()
        .flatten()
}

impl Write for Detail {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let room = CAPACITY - self.length;
        let fitting = floor_char_boundary(piece, room);
        let (start, end) = (self.length, self.length + fitting);
        match (self.bytes.get_mut(start..end), piece.as_bytes().get(..fitting)) {
            (Some(target), Some(source)) => target.copy_from_slice(source),
            _ => return Err(fmt::Error),
        }
        self.length = end;
        if fitting < piece.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// How many bytes of `text`, at most `most`, end at a character.
pub fn floor_char_boundary(text: &str, most: usize) -> usize {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        read(|bytes| String::from_utf8(bytes.to_vec()).unwrap()).unwrap()
    }

    #[test]
    fn a_text_replaces_the_former_one_and_is_not_consumed_by_reading() {
        set("the first, which is longer");
        set("the second");
        assert_eq!(text(), "the second");
        assert_eq!(text(), "the second");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        set(&format!("x{}", "\u{20ac}".repeat(CAPACITY)));
        let kept = text();
        assert!(kept.len() > CAPACITY - 3 && kept.len() <= CAPACITY);
        assert!(kept.ends_with('\u{20ac}'));
    }

    #[test]
    fn every_thread_has_a_text_of_its_own() {
        set("mine");
        std::thread::spawn(|| {
            assert_eq!(text(), "");
            set("theirs");
        })
        .join()
        .unwrap();
        assert_eq!(text(), "mine");
    }
}
