//! Where a page ended, and whether the next one got on.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use rialto_core::person::MAX_REMOTE_ID;

/// The two ids of a page's last row that has both.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub(super) struct Position {
    pub master: String,
    pub sub: String,
}

impl Position {
    /// Whether the ids could be a Remote ID. Anything else cannot be asked from again.
    pub(super) fn is_key(&self) -> bool {
        let odd = |t: &str| t.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER);
        self.master.len() + 1 + self.sub.len() <= MAX_REMOTE_ID && !odd(&self.master) && !odd(&self.sub)
    }

    /// Whether it stands at `before` or ahead of it, in whatever order the remote sorts: only ids of equally many digits,
    /// which all orders sort alike, are compared.
    fn goes_back(&self, before: &Self) -> bool {
        let digits = |a: &str, b: &str| a.len() == b.len() && [a, b].iter().all(|t| t.bytes().all(|c| c.is_ascii_digit()));
        if !digits(&self.master, &before.master) {
            return false;
        }
        match self.master.cmp(&before.master) {
            std::cmp::Ordering::Equal => digits(&self.sub, &before.sub) && self.sub <= before.sub,
            order => order.is_lt(),
        }
    }
}

/// The way of a read through a list.
#[derive(Default)]
pub(super) struct Course {
    pub at: Position,
    /// Hashes of the positions that were passed: ids that are no digits have no order known here.
    passed: HashSet<u64>,
}

impl Course {
    /// Goes on to the next position; false if that is no progress.
    pub(super) fn advance(&mut self, next: Position) -> bool {
        let mut hasher = DefaultHasher::new();
        next.hash(&mut hasher);
        let new = self.passed.insert(hasher.finish());
        let on = new && !next.goes_back(&self.at);
        self.at = next;
        on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(master: &str, sub: &str) -> Position {
        Position { master: master.into(), sub: sub.into() }
    }

    #[test]
    fn a_course_only_goes_on() {
        let on = |steps: &[(&str, &str)]| {
            let mut course = Course::default();
            steps.iter().all(|(master, sub)| course.advance(at(master, sub)))
        };
        assert!(on(&[("001", "0"), ("001", "1"), ("002", "0"), ("010", "9"), ("010", "10")]));
        assert!(on(&[("b", "0"), ("A", "0"), ("ä", "0"), ("9", "0"), ("10", "0")]), "orders that are not known");
        assert!(!on(&[("002", "0"), ("001", "0")]) && !on(&[("001", "1"), ("001", "0")]) && !on(&[("001", "0"), ("001", "0")]));
        assert!(!on(&[("a", "0"), ("b", "0"), ("a", "0")]));
    }
}
