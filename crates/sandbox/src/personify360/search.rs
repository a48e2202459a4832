//! Finding constituents by name, city, Master Customer ID or e-mail address.

use crate::names::{FIRST, LAST, PLACES};
use crate::personify360::people::Person;
use crate::personify360::state::State;

/// Longest text that is searched for.
pub(crate) const LONGEST: usize = 100;
/// Numbers looked at in one go, so that nobody else waits long.
const AT_ONCE: u64 = 300_000;

/// What is searched for.
pub(crate) enum Search {
    Everybody,
    /// A Master Customer ID.
    Master(u64),
    /// A part of an e-mail address, in lower case.
    Address(String),
    /// Each must be in the first name, the last name or the city.
    Words(Vec<Word>),
}

/// A word, and in which of the built-in names it is.
pub(crate) struct Word {
    text: String,
    first: Vec<bool>,
    last: Vec<bool>,
    place: Vec<bool>,
}

/// The people found, and from which number to search on.
pub(crate) struct Found {
    pub people: Vec<Person>,
    pub next: Option<u64>,
}

impl Search {
    pub(crate) fn parse(text: &str) -> Self {
        let text: String = text.trim().chars().take(LONGEST).collect();
        let master = text.split('-').next().filter(|master| (1..=12).contains(&master.len()) && master.bytes().all(|b| b.is_ascii_digit()));
        if let Some(number) = master.and_then(|master| master.parse().ok()) {
            return Self::Master(number);
        }
        let lower = text.to_lowercase();
        if lower.is_empty() {
            Self::Everybody
        } else if lower.contains(['@', '.']) {
            Self::Address(lower)
        } else {
            Self::Words(lower.split_whitespace().map(Word::new).collect())
        }
    }

    fn hits(&self, state: &State, index: u64) -> bool {
        let edited = state.overrides.get(&index);
        let contains = |email: Option<&str>, part: &str| email.is_some_and(|email| email.to_lowercase().contains(part));
        match (self, edited) {
            (Self::Everybody, _) => true,
            (Self::Master(number), _) => state.population.key(index).0 == *number,
            (Self::Address(part), Some(person)) => contains(person.email.as_deref(), part),
            (Self::Address(part), None) => contains(state.population.email(index).as_deref(), part),
            (Self::Words(words), Some(person)) => words.iter().all(|word| word.is_in(person)),
            (Self::Words(words), None) => {
                let (first, last, place) = state.population.picks(index, &state.changes);
                words.iter().all(|word| word.first[first] || word.last[last] || word.place[place])
            }
        }
    }
}

impl Word {
    fn new(text: &str) -> Self {
        let named =
            |names: &[(&str, &str)]| names.iter().map(|(name, plain)| name.to_lowercase().contains(text) || plain.contains(text)).collect();
        let place = PLACES.iter().map(|(city, ..)| city.to_lowercase().contains(text)).collect();
        Self { text: text.to_owned(), first: named(FIRST), last: named(LAST), place }
    }

    fn is_in(&self, person: &Person) -> bool {
        [&person.first_name, &person.last_name, &person.city].iter().any(|name| name.to_lowercase().contains(&self.text))
    }
}

impl State {
    /// The first people from a number on, in order of their ids.
    pub(crate) fn search(&self, search: &Search, from: u64, limit: usize) -> Found {
        let from = from.max(1);
        let (from, until) = match search {
            Search::Master(number) => (from.max(*number), number.saturating_add(1).min(self.end)),
            _ => (from, self.end.min(from.saturating_add(AT_ONCE - 1))),
        };
        let mut people = Vec::new();
        let mut next = (until < self.end && !matches!(search, Search::Master(_))).then_some(until + 1);
        for index in from..=until {
            if !self.exists(index) || !search.hits(self, index) {
                continue;
            }
            if people.len() >= limit {
                next = Some(index);
                break;
            }
            people.push(self.person_at(index));
        }
        Found { people, next }
    }
}
