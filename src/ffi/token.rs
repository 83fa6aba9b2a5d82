//! What a handle is: a number that names a slot, a generation of it and a kind. It is never
//! dereferenced, so that NULL, stale, freed and foreign handles are errors and not crashes.
//!
//! The lowest bit is set, which no address of an object has that is aligned at all; on 64-bit
//! machines the top bits make it an address that no process can have, so that whoever dereferences
//! it after all learns that at once.

/// How many handles of both kinds may live at the same time.
pub const SLOTS: usize = 1024;

const SLOT_SHIFT: u32 = 6;
const GENERATION_SHIFT: u32 = 16;
const KIND_MASK: usize = 0b1_1111;
const SLOT_MASK: usize = SLOTS - 1;

/// A third of the address on 64-bit machines would do; half of it is easy to read in a debugger.
const GENERATION_BITS: u32 = usize::BITS / 2;

#[cfg(target_pointer_width = "64")]
const MARK: usize = 0x7ee7 << 48;
#[cfg(not(target_pointer_width = "64"))]
const MARK: usize = 0;

#[cfg(target_pointer_width = "64")]
const MARK_MASK: usize = 0xffff << 48;
#[cfg(not(target_pointer_width = "64"))]
const MARK_MASK: usize = 0;

/// The generations of one slot; after the last one the first comes again.
pub const GENERATION_MASK: u32 =
    if GENERATION_BITS >= 32 { u32::MAX } else { (1_u32 << (GENERATION_BITS & 31)) - 1 };

/// What a handle stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A configuration in the making.
    Config = 1,
    /// A monitor.
    Monitor = 2,
}

/// A handle, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Which slot.
    pub slot: usize,
    /// Which life of the slot.
    pub generation: u32,
    /// What kind of handle.
    pub kind: Kind,
}

impl Token {
    /// The number that C gets.
    pub fn encode(self) -> usize {
        // On 32-bit machines a generation has 16 bits, so nothing is cut off.
        let generation = (self.generation & GENERATION_MASK) as usize;
        MARK | generation << GENERATION_SHIFT
            | (self.slot & SLOT_MASK) << SLOT_SHIFT
            | (self.kind as usize) << 1
            | 1
    }

    /// The token of a number; `None` if this library cannot have made it.
    pub fn decode(number: usize) -> Option<Self> {
        if number & 1 == 0 || number & MARK_MASK != MARK {
            return None;
        }
        let kind = match (number >> 1) & KIND_MASK {
            1 => Kind::Config,
            2 => Kind::Monitor,
            _ => return None,
        };
        let slot = (number >> SLOT_SHIFT) & SLOT_MASK;
        let generation = ((number & !MARK_MASK) >> GENERATION_SHIFT) as u32 & GENERATION_MASK;
        Some(Self { slot, generation, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_number() {
        for slot in [0, 1, 511, SLOTS - 1] {
            for generation in [0, 1, 77, GENERATION_MASK] {
                for kind in [Kind::Config, Kind::Monitor] {
                    let token = Token { slot, generation, kind };
                    assert_eq!(Token::decode(token.encode()), Some(token));
                }
            }
        }
    }

    #[test]
    fn an_address_of_an_object_is_no_token() {
        let local = 7_u64;
        let heap = Box::new(7_u64);
        for foreign in [
            0,
            core::ptr::from_ref(&local) as usize,
            core::ptr::from_ref::<u64>(&heap) as usize,
            SLOTS,
            usize::MAX,
            usize::MAX - 1,
        ] {
            assert_eq!(Token::decode(foreign), None, "{foreign:#x}");
        }
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_token_is_no_address_that_a_process_can_have() {
        let number = Token { slot: 0, generation: 0, kind: Kind::Config }.encode();
        assert!(number >> 47 != 0 && number >> 47 != 0x1_ffff);
        assert!(number >> 56 != 0 && number >> 56 != 0xff);
    }
}
