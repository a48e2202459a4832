//! People as a pure function of seed and index.

use std::borrow::Cow;
use std::io::Write as _;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize};

use crate::invented::{Invented, mix, pick};
use crate::names::{COMPANIES, FIRST, LAST, PLACES, TITLES, WEST};

/// A text that is mostly one of the built-in words.
pub type Word = Cow<'static, str>;

/// A constituent as the data service knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Zero-padded id.
    pub master_customer_id: String,
    /// Second part of the id.
    pub sub_customer_id: u32,
    /// Primary e-mail address, as stored (it may be malformed).
    pub email: Option<String>,
    /// "Allow Email".
    pub allow_email: bool,
    /// "Allow Solicitation"; off implies that `allow_email` is off.
    pub allow_solicitation: bool,
    /// Given name.
    pub first_name: Word,
    /// Family name.
    pub last_name: Word,
    /// Name as on a label.
    pub label_name: String,
    /// Job title.
    pub job_title: Option<Word>,
    /// Company.
    pub company_name: Option<Word>,
    /// City.
    pub city: Word,
    /// State.
    pub state: Option<Word>,
    /// ISO 3166 alpha-3 code.
    pub country_code: Word,
    /// Member since.
    pub member_since: Option<Date>,
    /// Whether a member at present.
    pub member_flag: bool,
    /// Number of the membership.
    pub member_number: Option<i64>,
    /// What they owe, in hundredths.
    pub dues_balance_cents: i64,
}

impl Person {
    /// The id as Rialto writes it, for example `000000000101-0`.
    pub fn remote_id(&self) -> String {
        format!("{}-{}", self.master_customer_id, self.sub_customer_id)
    }

    /// Puts the rule "solicitation off implies e-mail off" into force.
    pub(crate) fn settle(&mut self) {
        self.allow_email &= self.allow_solicitation;
    }
}

/// A constituent to be created.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewPerson {
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Primary e-mail address.
    pub email: Option<String>,
    /// City.
    pub city: String,
    /// State.
    pub state: Option<String>,
    /// ISO 3166 alpha-3 code; empty means USA.
    pub country_code: String,
    /// Whether a member.
    pub member_flag: bool,
    /// "Allow Email"; Do Not Solicit by Email is its opposite.
    pub allow_email: bool,
    /// "Allow Solicitation".
    pub allow_solicitation: bool,
}

impl NewPerson {
    /// Whether no text is longer than its column.
    pub(crate) fn fits(&self) -> bool {
        let optional = |text: &Option<String>, most: usize| text.as_ref().is_none_or(|text| text.chars().count() <= most);
        let texts = [(&self.first_name, 40), (&self.last_name, 80), (&self.city, 60), (&self.country_code, 24)];
        texts.iter().all(|(text, most)| text.chars().count() <= *most) && optional(&self.email, 100) && optional(&self.state, 15)
    }

    pub(crate) fn with_id(self, master_customer_id: String) -> Person {
        let country = if self.country_code.is_empty() { "USA".to_owned() } else { self.country_code };
        Person {
            master_customer_id,
            sub_customer_id: 0,
            email: self.email,
            allow_email: self.allow_email,
            allow_solicitation: self.allow_solicitation,
            label_name: format!("{} {}", self.first_name, self.last_name).trim().to_owned(),
            first_name: Cow::Owned(self.first_name),
            last_name: Cow::Owned(self.last_name),
            job_title: None,
            company_name: None,
            city: Cow::Owned(self.city),
            state: self.state.map(Cow::Owned),
            country_code: Cow::Owned(country),
            member_since: None,
            member_flag: self.member_flag,
            member_number: None,
            dues_balance_cents: 0,
        }
    }
}

/// Changes to a person; what is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PersonPatch {
    /// New address, or null to take it away.
    #[serde(deserialize_with = "present")]
    pub email: Option<Option<String>>,
    /// New value of "Allow Email".
    pub allow_email: Option<bool>,
    /// New value of "Allow Solicitation".
    pub allow_solicitation: Option<bool>,
    /// New given name.
    pub first_name: Option<String>,
    /// New family name.
    pub last_name: Option<String>,
    /// New label name.
    pub label_name: Option<String>,
    /// New job title, or null.
    #[serde(deserialize_with = "present")]
    pub job_title: Option<Option<String>>,
    /// New company, or null.
    #[serde(deserialize_with = "present")]
    pub company_name: Option<Option<String>>,
    /// New city.
    pub city: Option<String>,
    /// New state, or null.
    #[serde(deserialize_with = "present")]
    pub state: Option<Option<String>>,
    /// Whether a member from now on.
    pub member_flag: Option<bool>,
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl PersonPatch {
    /// Applies the changes.
    pub fn apply(self, person: &mut Person) {
        if let Some(email) = self.email {
            person.email = email;
        }
        set(&mut person.allow_email, self.allow_email);
        set(&mut person.allow_solicitation, self.allow_solicitation);
        set(&mut person.first_name, self.first_name.map(Cow::Owned));
        set(&mut person.last_name, self.last_name.map(Cow::Owned));
        set(&mut person.label_name, self.label_name);
        set(&mut person.job_title, self.job_title.map(|v| v.map(Cow::Owned)));
        set(&mut person.company_name, self.company_name.map(|v| v.map(Cow::Owned)));
        set(&mut person.city, self.city.map(Cow::Owned));
        set(&mut person.state, self.state.map(|v| v.map(Cow::Owned)));
        set(&mut person.member_flag, self.member_flag);
    }
}

fn set<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

/// One bulk change to people: so many in a thousand moved to another city and job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChangeRound {
    pub round: u64,
    pub permille: u64,
}

impl ChangeRound {
    pub(crate) fn hits(self, seed: u64, index: u64) -> bool {
        mix(seed, 0x4000_0000 ^ self.round, index) % 1000 < self.permille
    }
}

/// The people there could be: everything follows from the seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Population {
    pub seed: u64,
}

impl Population {
    fn invented(self) -> Invented {
        Invented { seed: self.seed }
    }

    fn roll(self, salt: u64, index: u64) -> u64 {
        self.invented().roll(salt, index)
    }

    /// Whether this one is the second record (sub id 1) of the one before.
    pub(crate) fn is_second(self, index: u64) -> bool {
        let drawn = |i| self.roll(1, i).is_multiple_of(400);
        index > 1 && drawn(index) && !drawn(index - 1)
    }

    /// The two ids as numbers.
    pub(crate) fn key(self, index: u64) -> (u64, u32) {
        if self.is_second(index) { (index - 1, 1) } else { (index, 0) }
    }

    /// The index behind two ids.
    pub(crate) fn index(self, master: &str, sub: i64) -> Option<u64> {
        let number = parse_master(master)?;
        let index = match sub {
            0 => number,
            1 => number.checked_add(1)?,
            _ => return None,
        };
        let known = index > 0 && self.key(index) == (number, u32::try_from(sub).ok()?);
        known.then_some(index)
    }

    /// First index whose ids are greater than the given ones.
    pub(crate) fn after(self, master: u64, sub: i64) -> u64 {
        if sub < 0 {
            return master;
        }
        let next = master.saturating_add(1);
        if sub >= 1 && self.is_second(next) { next.saturating_add(1) } else { next }
    }

    fn place(self, index: u64) -> usize {
        (self.roll(2, index) % PLACES.len() as u64) as usize
    }

    /// Where they live after the bulk changes made so far.
    fn place_after(self, index: u64, changes: &[ChangeRound]) -> usize {
        changes.iter().filter(|change| change.hits(self.seed, index)).fold(self.place(index), |place, change| {
            let step = self.roll(0x5000_0000 ^ change.round, index);
            (place + 1 + pick(step, PLACES.len() - 1)) % PLACES.len()
        })
    }

    /// Whether they live in the West after the bulk changes made so far.
    pub(crate) fn is_west(self, index: u64, changes: &[ChangeRound]) -> bool {
        PLACES[self.place_after(index, changes)].1.is_some_and(|state| WEST.contains(&state))
    }

    /// Whether their membership has lapsed, as generated.
    pub(crate) fn is_lapsed(self, index: u64) -> bool {
        self.roll(3, index) % 100 < 9
    }

    /// The generated address.
    pub(crate) fn email(self, index: u64) -> Option<String> {
        self.invented().email(index)
    }

    /// Which of the built-in first names, last names and places they have.
    pub(crate) fn picks(self, index: u64, changes: &[ChangeRound]) -> (usize, usize, usize) {
        let (first, last) = self.invented().name(index);
        (first, last, self.place_after(index, changes))
    }

    /// The person, with the bulk changes made so far.
    pub(crate) fn person(self, index: u64, changes: &[ChangeRound]) -> Person {
        let (master, sub) = self.key(index);
        let (first, last, place) = self.picks(index, changes);
        let (first, last, (city, state, country)) = (FIRST[first].0, LAST[last].0, PLACES[place]);
        let consent = self.roll(9, index) % 1000;
        let misc = self.roll(10, index);
        let lapsed = self.is_lapsed(index);
        let hits = changes.iter().filter(|change| change.hits(self.seed, index)).count();
        let title = (pick(misc, TITLES.len()) + hits) % TITLES.len();
        Person {
            master_customer_id: format_master(master),
            sub_customer_id: sub,
            email: self.email(index),
            allow_email: consent >= 80,
            allow_solicitation: consent >= 30,
            first_name: first.into(),
            last_name: last.into(),
            label_name: [first, last].join(" "),
            job_title: (!(misc >> 16).is_multiple_of(10)).then(|| TITLES[title].into()),
            company_name: (!(misc >> 24).is_multiple_of(8)).then(|| COMPANIES[pick(misc >> 32, COMPANIES.len())].into()),
            city: city.into(),
            state: state.map(Cow::Borrowed),
            country_code: country.into(),
            member_since: joined(self.roll(11, index)),
            member_flag: !lapsed,
            member_number: (!lapsed).then_some(100_000 + index as i64),
            dues_balance_cents: dues(self.roll(12, index)),
        }
    }
}

fn joined(roll: u64) -> Option<Date> {
    let year = 1985 + (roll % 40) as i16;
    let month = 1 + ((roll >> 8) % 12) as i8;
    let day = 1 + ((roll >> 16) % 28) as i8;
    Date::new(year, month, day).ok()
}

fn dues(roll: u64) -> i64 {
    if roll.is_multiple_of(3) { ((roll >> 8) % 60_000) as i64 } else { 0 }
}

/// Twelve digits, zero-padded.
pub(crate) fn format_master(number: u64) -> String {
    let mut text = Vec::with_capacity(12);
    let _ = write!(text, "{number:012}");
    String::from_utf8(text).unwrap_or_default()
}

/// Reads a master id; exactly the form that `format_master` writes.
pub(crate) fn parse_master(text: &str) -> Option<u64> {
    let shaped = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    shaped.then(|| text.parse().ok()).flatten()
}
