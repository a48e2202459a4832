//! A Remote ID taken apart: `MASTER_CUSTOMER_ID-SUB_CUSTOMER_ID`.

use rialto_core::person::MAX_REMOTE_ID;

use super::entity_set::quoted;

/// The two ids of a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Key<'a> {
    pub master: &'a str,
    pub sub: i64,
}

impl<'a> Key<'a> {
    /// `None` when it is no Remote ID of this kind of bridge.
    pub(super) fn of(remote_id: &'a str) -> Option<Self> {
        let (master, sub) = remote_id.rsplit_once('-')?;
        let odd = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
        let fits = !master.is_empty() && master.trim() == master && remote_id.len() <= MAX_REMOTE_ID && !master.chars().any(odd);
        let sub = sub.parse().ok().filter(|_| sub.bytes().all(|b| b.is_ascii_digit()))?;
        fits.then_some(Self { master, sub })
    }

    /// Narrows an entity set to what belongs to the person.
    pub(super) fn filter(&self) -> String {
        format!("MasterCustomerId eq {} and SubCustomerId eq {}", quoted(self.master), self.sub)
    }

    /// As parameters of a procedure; `sub` is the second id as text.
    pub(super) fn parameters<'k>(&'k self, sub: &'k str) -> [(&'static str, &'k str); 2] {
        [("MasterCustomerId", self.master), ("SubCustomerId", sub)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_taken_apart_at_the_last_dash() {
        assert_eq!(Key::of("000000000101-0"), Some(Key { master: "000000000101", sub: 0 }));
        assert_eq!(Key::of("A-7-12").unwrap().filter(), "MasterCustomerId eq 'A-7' and SubCustomerId eq 12");
        assert_eq!(Key::of("O'N-1").unwrap().filter(), "MasterCustomerId eq 'O''N' and SubCustomerId eq 1");
        for odd in ["", "-", "1", "-0", "1-", "1-x", "1-+0", "1--", " 1-0", "1\n-0", "1-99999999999999999999"] {
            assert_eq!(Key::of(odd), None, "{odd:?}");
        }
    }
}
