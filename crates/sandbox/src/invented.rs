//! Who is invented: names and addresses as pure functions of seed and number, so that the same number is the same person in every
//! simulated system of a seed.

use crate::names::{DOMAINS, FIRST, LAST};

/// A well-mixed number from seed, purpose and index.
pub(crate) fn mix(seed: u64, salt: u64, index: u64) -> u64 {
    let mut z = seed
        .wrapping_mul(0xA24B_AED4_963E_E407)
        .wrapping_add(salt.wrapping_mul(0x9FB2_1C65_1E98_DF25))
        .wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// One of so many, by a roll.
pub(crate) fn pick(roll: u64, len: usize) -> usize {
    (roll % len as u64) as usize
}

/// The people there could be, as far as every system knows them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invented {
    pub seed: u64,
}

impl Invented {
    pub(crate) fn roll(self, salt: u64, index: u64) -> u64 {
        mix(self.seed, salt, index)
    }

    /// Which of the built-in first and last names they have.
    pub(crate) fn name(self, index: u64) -> (usize, usize) {
        (pick(self.roll(5, index), FIRST.len()), pick(self.roll(6, index), LAST.len()))
    }

    fn own_email(self, index: u64) -> Option<String> {
        let kind = self.roll(4, index) % 1000;
        if kind < 30 {
            return None;
        }
        let first = FIRST[pick(self.roll(5, index), FIRST.len())].1;
        let last = LAST[pick(self.roll(6, index), LAST.len())].1;
        let domain = DOMAINS[pick(self.roll(7, index), DOMAINS.len())];
        Some(match kind {
            30..34 => format!("{first}.{last}{index}.{domain}"),
            34..37 => format!("{first} {last}{index}@{domain}"),
            37..40 => format!("{first}@@{last}{index}.{domain}"),
            40..50 => format!("{}.{last}{index}@{domain}", first.to_ascii_uppercase()),
            _ => format!("{first}.{last}{index}@{domain}"),
        })
    }

    /// The generated address.
    pub(crate) fn email(self, index: u64) -> Option<String> {
        let shares = index > 1 && self.roll(8, index) % 100 < 1;
        let shared = if shares { self.own_email(index - 1) } else { None };
        shared.or_else(|| self.own_email(index))
    }
}
