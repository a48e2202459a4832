//! Ids shaped like GUIDs: the first block is the same for all, the second encodes the class, the last is the object's number, so that
//! the order of ids is the order of numbers.

use crate::invented::mix;
use crate::membersuite::schema::Class;

const FIRST: &str = "6faf90e4";

fn middle(seed: u64, code: u16) -> (u16, u16) {
    let roll = mix(seed, 0x1D00, u64::from(code));
    ((roll & 0xFFFF) as u16, (roll >> 16 & 0xFFFF) as u16)
}

/// The id of an object.
pub(crate) fn id(seed: u64, class: &Class, number: u64) -> String {
    let (a, b) = middle(seed, class.code);
    format!("{FIRST}-{:04x}-{a:04x}-{b:04x}-{number:012x}", class.code)
}

/// The class that an id is of, and the object's number.
pub(crate) fn read(seed: u64, text: &str) -> Option<(&'static Class, u64)> {
    let text = text.trim().to_ascii_lowercase();
    let mut blocks = text.split('-');
    let code = blocks.nth(1).and_then(|block| u16::from_str_radix(block, 16).ok())?;
    let class = Class::coded(code)?;
    let number = blocks.next_back().and_then(|block| u64::from_str_radix(block, 16).ok())?;
    (id(seed, class, number) == text).then_some((class, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membersuite::schema::{ACTIVITY, INDIVIDUAL};

    #[test]
    fn ids_lead_back_to_their_objects() {
        for class in [&INDIVIDUAL, &ACTIVITY] {
            let text = id(7, class, 1_000);
            let (found, number) = read(7, &text.to_ascii_uppercase()).unwrap();
            assert_eq!((found.name, number, text.len()), (class.name, 1_000, 36));
            assert!(read(8, &text).is_none());
        }
        for odd in ["", "x", "6faf90e4-0006", "6faf90e4-ffff-0000-0000-000000000001", "6faf90e4-0006-0000-0000-zz"] {
            assert!(read(7, odd).is_none(), "{odd}");
        }
    }
}
