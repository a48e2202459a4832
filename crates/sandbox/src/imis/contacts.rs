//! Contacts as a pure function of seed and index, and what can be changed about one.

use std::borrow::Cow;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize};

use crate::invented::{Invented, pick};
use crate::names::{COMPANIES, FIRST, LAST, PLACES, TITLES};

/// A text that is mostly one of the built-in words.
pub(crate) type Word = Cow<'static, str>;

/// Ids begin above this number.
const FIRST_ID: u64 = 100;

/// A kind of communication that people can opt out of, unless `cannot_opt_out`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommunicationType {
    /// GUID.
    pub id: String,
    /// Code of the reason.
    pub reason: String,
    /// Name as shown.
    pub name: String,
    /// Made by the system.
    pub system: bool,
    /// People cannot opt out of it.
    pub cannot_opt_out: bool,
}

/// The types there are from the start. The first decides about Do Not Email.
pub(crate) fn communication_types() -> Vec<CommunicationType> {
    let make = |number: u64, reason: &str, name: &str, fixed: bool| CommunicationType {
        id: guid(1, number),
        reason: reason.into(),
        name: name.into(),
        system: fixed,
        cannot_opt_out: fixed,
    };
    vec![
        make(1, "EMAIL", "Email", false),
        make(2, "EVENTS", "Events", false),
        make(3, "PUBS", "Publications", false),
        make(4, "STATEMENTS", "Statements", true),
    ]
}

/// A GUID made of two numbers.
pub(crate) fn guid(kind: u64, number: u64) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}

/// What a contact chose about one communication type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preference {
    /// GUID of the type.
    pub type_id: String,
    /// False: opted out.
    pub opt_in: bool,
}

/// A contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contact {
    /// The iMIS ID, as text.
    pub id: String,
    /// Given name.
    pub first_name: Word,
    /// Family name.
    pub last_name: Word,
    /// Primary e-mail address, as stored (it may be malformed).
    pub email: Option<String>,
    /// Company.
    pub company: Option<Word>,
    /// Job title.
    pub title: Option<Word>,
    /// City.
    pub city: Word,
    /// State or province.
    pub state: Option<Word>,
    /// Country code.
    pub country: Word,
    /// Work phone.
    pub phone: Option<String>,
    /// Customer type: M, STU or NM.
    pub member_type: Word,
    /// Whether a member at present.
    pub is_member: bool,
    /// Joined on.
    pub join_date: Option<Date>,
    /// What they owe, in hundredths.
    pub balance_cents: i64,
    /// Communication preferences; a type without one is allowed.
    pub preferences: Vec<Preference>,
}

impl Contact {
    /// Whether they opted out of a type.
    pub fn opted_out(&self, type_id: &str) -> bool {
        self.preferences.iter().any(|p| p.type_id == type_id && !p.opt_in)
    }

    /// Do Not Email: opted out of the type Email.
    pub fn do_not_email(&self) -> bool {
        self.opted_out(&guid(1, 1))
    }

    /// Opts in or out of a type; where that stands as it should, nothing changes.
    pub fn choose(&mut self, type_id: &str, opt_in: bool) {
        match self.preferences.iter_mut().find(|p| p.type_id == type_id) {
            Some(known) => known.opt_in = opt_in,
            None if opt_in => {}
            None => self.preferences.push(Preference { type_id: type_id.to_owned(), opt_in }),
        }
    }

    /// `First Last`.
    pub fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim().to_owned()
    }
}

/// A contact to be created.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewContact {
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Primary e-mail address.
    pub email: Option<String>,
    /// City.
    pub city: String,
    /// State or province.
    pub state: Option<String>,
    /// Whether a member.
    pub is_member: bool,
    /// Do Not Email.
    pub do_not_email: bool,
}

impl NewContact {
    /// Whether no text is longer than its column.
    pub(crate) fn fits(&self) -> bool {
        let optional = |text: &Option<String>, most: usize| text.as_ref().is_none_or(|text| text.chars().count() <= most);
        let texts = [(&self.first_name, 40), (&self.last_name, 60), (&self.city, 60)];
        texts.iter().all(|(text, most)| text.chars().count() <= *most) && optional(&self.email, 100) && optional(&self.state, 15)
    }

    pub(crate) fn with_id(self, id: String) -> Contact {
        let mut contact = Contact {
            id,
            first_name: Cow::Owned(self.first_name),
            last_name: Cow::Owned(self.last_name),
            email: self.email,
            company: None,
            title: None,
            city: Cow::Owned(self.city),
            state: self.state.map(Cow::Owned),
            country: Cow::Borrowed("USA"),
            phone: None,
            member_type: Cow::Borrowed(if self.is_member { "M" } else { "NM" }),
            is_member: self.is_member,
            join_date: None,
            balance_cents: 0,
            preferences: Vec::new(),
        };
        contact.choose(&guid(1, 1), !self.do_not_email);
        contact
    }
}

/// Changes to a contact; what is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContactPatch {
    /// New address, or null to take it away.
    #[serde(deserialize_with = "present")]
    pub email: Option<Option<String>>,
    /// New given name.
    pub first_name: Option<String>,
    /// New family name.
    pub last_name: Option<String>,
    /// New city.
    pub city: Option<String>,
    /// New state, or null.
    #[serde(deserialize_with = "present")]
    pub state: Option<Option<String>>,
    /// Whether a member.
    pub is_member: Option<bool>,
    /// Do Not Email.
    pub do_not_email: Option<bool>,
    /// Names of communication types and whether opted in.
    pub preferences: std::collections::BTreeMap<String, bool>,
}

/// Null is a value here, absence is not.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

impl ContactPatch {
    /// Changes the contact.
    pub fn apply(self, contact: &mut Contact, types: &[CommunicationType]) {
        let word = |to: &mut Word, new: Option<String>| {
            if let Some(new) = new {
                *to = Cow::Owned(new);
            }
        };
        word(&mut contact.first_name, self.first_name);
        word(&mut contact.last_name, self.last_name);
        word(&mut contact.city, self.city);
        if let Some(email) = self.email {
            contact.email = email;
        }
        if let Some(state) = self.state {
            contact.state = state.map(Cow::Owned);
        }
        if let Some(member) = self.is_member {
            contact.is_member = member;
        }
        if let Some(no) = self.do_not_email {
            contact.choose(&guid(1, 1), !no);
        }
        for (name, opt_in) in self.preferences {
            if let Some(kind) = types.iter().find(|t| t.name.eq_ignore_ascii_case(&name)) {
                contact.choose(&kind.id, opt_in);
            }
        }
    }
}

/// The generated contacts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Population {
    pub seed: u64,
}

impl Population {
    fn invented(self) -> Invented {
        Invented { seed: self.seed }
    }

    /// The iMIS ID at an index.
    pub(crate) fn id(index: u64) -> String {
        (FIRST_ID + index).to_string()
    }

    /// The index of an id, whether anybody has it or not.
    pub(crate) fn index(id: &str) -> Option<u64> {
        let plain = !id.is_empty() && id.len() <= 18 && !id.starts_with('0') && id.bytes().all(|b| b.is_ascii_digit());
        plain.then_some(())?;
        id.parse::<u64>().ok()?.checked_sub(FIRST_ID).filter(|index| *index > 0)
    }

    pub(crate) fn roll(self, salt: u64, index: u64) -> u64 {
        self.invented().roll(salt, index)
    }

    /// Which built-in first name, last name and place they have.
    pub(crate) fn picks(self, index: u64) -> (usize, usize, usize) {
        let (first, last) = self.invented().name(index);
        (first, last, pick(self.roll(21, index), PLACES.len()))
    }

    pub(crate) fn email(self, index: u64) -> Option<String> {
        self.invented().email(index)
    }

    /// Whether they are a member, of whichever type.
    pub(crate) fn member_type(self, index: u64) -> &'static str {
        match self.roll(22, index) % 100 {
            0..55 => "M",
            55..67 => "STU",
            _ => "NM",
        }
    }

    pub(crate) fn contact(self, index: u64) -> Contact {
        let (first, last, place) = self.picks(index);
        let (city, state, country) = PLACES[place];
        let member_type = self.member_type(index);
        let is_member = member_type != "NM";
        let chance = |salt: u64, percent: u64| self.roll(salt, index) % 100 < percent;
        let day = |salt: u64| Date::new(2005 + (self.roll(salt, index) % 20) as i16, 1 + (self.roll(salt + 1, index) % 12) as i8, 15).ok();
        Contact {
            id: Self::id(index),
            first_name: Cow::Borrowed(FIRST[first].0),
            last_name: Cow::Borrowed(LAST[last].0),
            email: self.email(index),
            company: chance(23, 70).then(|| Cow::Borrowed(COMPANIES[pick(self.roll(24, index), COMPANIES.len())])),
            title: chance(25, 60).then(|| Cow::Borrowed(TITLES[pick(self.roll(26, index), TITLES.len())])),
            city: Cow::Borrowed(city),
            state: state.map(Cow::Borrowed),
            country: Cow::Borrowed(country),
            phone: chance(27, 50).then(|| format!("555-01{:02}", self.roll(28, index) % 100)),
            member_type: Cow::Borrowed(member_type),
            is_member,
            join_date: if is_member { day(29) } else { None },
            balance_cents: if chance(31, 12) { (self.roll(32, index) % 40_000) as i64 } else { 0 },
            preferences: self.preferences(index),
        }
    }

    /// Most people never chose anything; some said yes to something, few said no.
    fn preferences(self, index: u64) -> Vec<Preference> {
        let of = |number: u64, opt_in: bool| Preference { type_id: guid(1, number), opt_in };
        match self.roll(33, index) % 100 {
            0..8 => vec![of(1, false)],
            8..12 => vec![of(1, false), of(2, true), of(3, false)],
            12..30 => vec![of(1, true), of(2, false)],
            30..40 => vec![of(3, false)],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_indexes_belong_together() {
        for index in [1, 7, 9_999, 1_000_000] {
            assert_eq!(Population::index(&Population::id(index)), Some(index));
        }
        for odd in ["", "100", "99", "0101", "x", "-5", "101 ", "99999999999999999999"] {
            assert_eq!(Population::index(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_choice_changes_only_its_type() {
        let mut contact = Population { seed: 1 }.contact(3);
        contact.preferences = vec![Preference { type_id: guid(1, 2), opt_in: false }];
        contact.choose(&guid(1, 1), true);
        assert_eq!(contact.preferences.len(), 1, "allowed is the default");
        contact.choose(&guid(1, 1), false);
        assert!(contact.do_not_email() && contact.opted_out(&guid(1, 2)) && contact.preferences.len() == 2);
    }
}
