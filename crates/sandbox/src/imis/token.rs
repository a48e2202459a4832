//! Tokens: handed out for user name and password, good for a while.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::invented::mix;

/// Most tokens that are remembered; beyond, those that ran out go, then all.
const MOST: usize = 1_000;

/// The tokens in use.
#[derive(Default)]
pub(crate) struct Tokens {
    good: HashMap<String, Timestamp>,
    handed_out: u64,
}

impl Tokens {
    /// A new token that lives so many seconds.
    pub(crate) fn issue(&mut self, seed: u64, now: Timestamp, seconds: i64) -> String {
        if self.good.len() >= MOST {
            self.good.retain(|_, until| *until > now);
        }
        if self.good.len() >= MOST {
            self.good.clear();
        }
        self.handed_out += 1;
        let part = |salt: u64| format!("{:016x}", mix(seed, salt, self.handed_out));
        let token = [part(71), part(72), part(73)].concat();
        self.good.insert(token.clone(), now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now));
        token
    }

    pub(crate) fn is_good(&self, token: &str, now: Timestamp) -> bool {
        self.good.get(token).is_some_and(|until| *until > now)
    }

    /// How many were handed out so far.
    pub(crate) fn handed_out(&self) -> u64 {
        self.handed_out
    }

    /// None of those handed out is good any more.
    pub(crate) fn expire(&mut self) {
        self.good.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_until_its_time() {
        let mut tokens = Tokens::default();
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let token = tokens.issue(1, at(0), 10);
        assert!(tokens.is_good(&token, at(9)) && !tokens.is_good(&token, at(10)) && !tokens.is_good("x", at(0)));
        let other = tokens.issue(1, at(0), 10);
        assert_ne!(token, other);
        tokens.expire();
        assert!(!tokens.is_good(&other, at(1)) && tokens.handed_out() == 2);
    }
}
