//! Tries with links that nobody was given. They are counted in memory: a wrong link must not cost a write, and who sends right
//! ones, such as a mail provider for thousands of people from one address, is never counted at all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rialto_core::Instant;

/// Wrong links that a peer may send in a minute.
const FREE: u32 = 30;
const MINUTE: i64 = 60_000_000;
/// Peers kept in mind; when there are more, all are forgotten and counted afresh.
const MOST: usize = 10_000;

#[derive(Clone, Default)]
pub(crate) struct Wrong(Arc<Mutex<HashMap<String, (i64, u32)>>>);

impl Wrong {
    /// Counts one. `Some(seconds)` when the peer has sent too many and must wait.
    pub fn count(&self, peer: &str, now: Instant) -> Option<i64> {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.0.div_euclid(MINUTE);
        if peers.len() >= MOST && !peers.contains_key(peer) {
            peers.clear();
        }
        let (since, tries) = peers.entry(peer.to_owned()).or_insert((minute, 0));
        if *since != minute {
            (*since, *tries) = (minute, 0);
        }
        *tries = tries.saturating_add(1);
        (*tries > FREE).then(|| 60 - now.0.rem_euclid(MINUTE) / 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_waits_until_the_minute_is_over_and_the_others_do_not() {
        let (wrong, at) = (Wrong::default(), |second: i64| Instant(second * 1_000_000));
        assert!((0..FREE).all(|_| wrong.count("a", at(5)).is_none()));
        assert_eq!(wrong.count("a", at(20)), Some(40));
        assert_eq!(wrong.count("b", at(20)), None);
        assert_eq!(wrong.count("a", at(60)), None);
    }

    #[test]
    fn memory_stays_bounded() {
        let wrong = Wrong::default();
        for n in 0..MOST * 2 + 5 {
            wrong.count(&n.to_string(), Instant(1));
        }
        assert!(wrong.0.lock().unwrap().len() <= MOST);
    }
}
