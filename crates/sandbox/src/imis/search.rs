//! Finding contacts by name, city, iMIS ID or e-mail address.

use crate::imis::contacts::{Contact, Population};
use crate::imis::state::State;

/// Longest text that is searched for.
pub(crate) const LONGEST: usize = 100;
/// Numbers looked at in one go, so that nobody else waits long.
const AT_ONCE: u64 = 100_000;

/// The contacts found, and from which number to search on.
pub(crate) struct Found {
    pub contacts: Vec<Contact>,
    pub next: Option<u64>,
}

impl State {
    /// The first contacts from a number on, in order of their ids.
    pub(crate) fn search(&self, text: &str, from: u64, limit: usize) -> Found {
        let text: String = text.trim().to_lowercase().chars().take(LONGEST).collect();
        if let Some(index) = Population::index(&text) {
            let contacts = (1..=self.end).contains(&index).then(|| self.contact_at(index)).into_iter().collect();
            return Found { contacts, next: None };
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let from = from.max(1);
        let until = self.end.min(from.saturating_add(AT_ONCE - 1));
        let mut contacts = Vec::new();
        for index in from..=until {
            let contact = self.contact_at(index);
            if !words.iter().all(|word| is_in(word, &contact)) {
                continue;
            }
            if contacts.len() >= limit {
                return Found { contacts, next: Some(index) };
            }
            contacts.push(contact);
        }
        Found { contacts, next: (until < self.end).then_some(until + 1) }
    }
}

fn is_in(word: &str, contact: &Contact) -> bool {
    let texts = [&*contact.first_name, &*contact.last_name, &*contact.city, contact.email.as_deref().unwrap_or_default()];
    texts.iter().any(|text| text.to_lowercase().contains(word))
}
