//! How often a remote system is asked: one pace per address and user, as long as the process lives.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use url::Url;

/// Limits requests of all clients that hold it.
pub(super) type Pace = Arc<DefaultDirectRateLimiter>;

/// Paces in use beyond which those that nobody holds are dropped.
const MANY: usize = 256;

/// The paces of an installation, by address and user.
#[derive(Default)]
pub(super) struct Paces {
    known: Mutex<HashMap<(String, String), (NonZeroU32, Pace)>>,
}

impl Paces {
    /// The pace of an address and user. Another number of requests per second than last time makes a new one: the setting was
    /// changed.
    pub(super) fn of(&self, base: &Url, user: &str, per_second: NonZeroU32) -> Pace {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MANY {
            known.retain(|_, (_, pace)| Arc::strong_count(pace) > 1);
        }
        let fresh = || (per_second, Arc::new(RateLimiter::direct(Quota::per_second(per_second))));
        let entry = known.entry((base.as_str().to_owned(), user.to_owned())).or_insert_with(fresh);
        if entry.0 != per_second {
            *entry = fresh();
        }
        entry.1.clone()
    }
}

impl fmt::Debug for Paces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Paces")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_address_and_user_share_a_pace() {
        let paces = Paces::default();
        let of = |base: &str, user: &str, n: u32| paces.of(&Url::parse(base).unwrap(), user, NonZeroU32::new(n).unwrap());
        let first = of("https://crm.example/a.svc", "u", 20);
        assert!(Arc::ptr_eq(&first, &of("https://CRM.example/a.svc", "u", 20)));
        assert!(!Arc::ptr_eq(&first, &of("https://crm.example/a.svc", "v", 20)));
        assert!(!Arc::ptr_eq(&first, &of("https://crm.example/b.svc", "u", 20)));
        let changed = of("https://crm.example/a.svc", "u", 5);
        assert!(!Arc::ptr_eq(&first, &changed) && Arc::ptr_eq(&changed, &of("https://crm.example/a.svc", "u", 5)));
        for n in 0..2 * MANY {
            of(&format!("https://crm.example/{n}"), "u", 20);
        }
        assert!(paces.known.lock().unwrap().len() <= MANY + 1);
        assert!(Arc::ptr_eq(&changed, &of("https://crm.example/a.svc", "u", 5)), "what is held stays");
    }
}
