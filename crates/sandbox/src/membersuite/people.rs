//! Individuals: pure functions of seed and number, until they are edited.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use crate::invented::{Invented, pick};
use crate::membersuite::ids;
use crate::membersuite::schema::{INDIVIDUAL, ORGANIZATION};
use crate::membersuite::value::{Object, Value};
use crate::names::{COMPANIES, FIRST, LAST};

/// An individual as the service holds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Individual {
    /// The record's ID, which is the Remote ID.
    pub id: String,
    /// The number that people see.
    pub local_id: i64,
    /// Such as `Dr.`.
    pub title: Option<String>,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// What friends say.
    pub nickname: Option<String>,
    /// Address.
    pub email: Option<String>,
    /// Do Not Email; yes for new records.
    pub do_not_email: bool,
    /// Ids of the message categories that they opted out of.
    pub opt_outs: Vec<String>,
    /// `Regular`, `Student`, `Lapsed`; none for contacts who are no members.
    pub member_type: Option<String>,
    /// Where they live.
    pub region: Option<String>,
    /// Where they serve.
    pub committee: Option<String>,
    /// Whether they read the newsletter.
    pub newsletter: bool,
    /// The year of their last conference.
    pub conference: Option<String>,
    /// Since when they are a member.
    pub member_since: Option<Date>,
    /// What they owe, in hundredths.
    pub dues_balance_cents: i64,
    /// When the record was last changed.
    pub last_modified: Timestamp,
}

/// What is needed for a new individual.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewIndividual {
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Address.
    pub email: Option<String>,
    /// Do Not Email; yes if nobody says otherwise.
    pub do_not_email: Option<bool>,
    /// `Regular`, `Student`, …
    pub member_type: Option<String>,
    /// Where they live.
    pub region: Option<String>,
    /// Whether they read the newsletter.
    pub newsletter: bool,
}

/// Greatest number of characters in a text of an individual.
pub(crate) const TEXT: usize = 200;

impl NewIndividual {
    pub(crate) fn fits(&self) -> bool {
        let all = [Some(&self.first_name), Some(&self.last_name), self.email.as_ref(), self.member_type.as_ref(), self.region.as_ref()];
        !self.last_name.trim().is_empty() && all.into_iter().flatten().all(|text| text.chars().count() <= TEXT)
    }

    pub(crate) fn with_id(self, id: String, number: u64, now: Timestamp) -> Individual {
        Individual {
            id,
            local_id: local_id(number),
            title: None,
            first_name: self.first_name,
            last_name: self.last_name,
            nickname: None,
            email: self.email,
            do_not_email: self.do_not_email.unwrap_or(true),
            opt_outs: Vec::new(),
            member_type: self.member_type,
            region: self.region,
            committee: None,
            newsletter: self.newsletter,
            conference: None,
            member_since: None,
            dues_balance_cents: 0,
            last_modified: now,
        }
    }
}

fn local_id(number: u64) -> i64 {
    20_000 + number as i64
}

impl Individual {
    /// First and family name.
    pub fn name(&self) -> String {
        [self.first_name.as_str(), self.last_name.as_str()].join(" ").trim().to_owned()
    }

    /// As an object, in the order of the class's fields.
    pub(crate) fn object(&self) -> Object {
        let optional = |text: &Option<String>| Value::optional(text.as_deref());
        let since = self.member_since.and_then(|date| date.to_zoned(TimeZone::UTC).ok()).map(|zoned| zoned.timestamp());
        let values = vec![
            Value::Text(self.id.clone()),
            Value::Int(self.local_id),
            Value::Text(self.name()),
            optional(&self.title),
            Value::Text(self.first_name.clone()),
            Value::Text(self.last_name.clone()),
            optional(&self.nickname),
            optional(&self.email),
            Value::Bool(self.do_not_email),
            Value::List(self.opt_outs.clone()),
            Value::Date(self.last_modified),
            optional(&self.member_type),
            optional(&self.region),
            optional(&self.committee),
            Value::Bool(self.newsletter),
            optional(&self.conference),
            since.map_or(Value::Nil, Value::Date),
            Value::Cents(self.dues_balance_cents),
        ];
        Object { class: &INDIVIDUAL, values }
    }

    /// Sets a field; what cannot be set stays.
    pub(crate) fn set(&mut self, field: &str, value: Value) {
        let text = || value.text().filter(|text| !text.is_empty());
        let plain = || value.text().unwrap_or_default();
        match field {
            "Title" => self.title = text(),
            "FirstName" => self.first_name = plain(),
            "LastName" => self.last_name = plain(),
            "Nickname" => self.nickname = text(),
            "EmailAddress" => self.email = text(),
            "DoNotEmail" => self.do_not_email = value == Value::Bool(true),
            "OptOuts" => self.opt_outs = if let Value::List(ids) = value { ids } else { Vec::new() },
            "MemberType__c" => self.member_type = text(),
            "Region__c" => self.region = text(),
            "Committee__c" => self.committee = text(),
            "Newsletter__c" => self.newsletter = value == Value::Bool(true),
            "Conference__c" => self.conference = text(),
            "MemberSince__c" => {
                self.member_since = if let Value::Date(at) = value { Some(at.to_zoned(TimeZone::UTC).date()) } else { None };
            }
            "DuesBalance__c" => self.dues_balance_cents = if let Value::Cents(cents) = value { cents } else { 0 },
            _ => {}
        }
    }
}

const REGIONS: &[&str] = &["West", "North", "Midwest", "South", "Abroad"];
const TITLES: &[&str] = &["Dr.", "Prof.", "Rev."];

/// The individuals there could be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Population {
    pub seed: u64,
    /// How many are generated: 24 of them, evenly spread, are the board.
    pub people: u64,
    pub start: Timestamp,
}

impl Population {
    fn roll(self, salt: u64, number: u64) -> u64 {
        Invented { seed: self.seed }.roll(0x4D53_0000 ^ salt, number)
    }

    fn on_board(self, number: u64) -> bool {
        let step = (self.people / 24).max(1);
        (number - 1).is_multiple_of(step) && (number - 1) / step < 24
    }

    pub(crate) fn person(self, number: u64) -> Individual {
        let invented = Invented { seed: self.seed };
        let (first, last) = invented.name(number);
        let chance = |salt, permille: u64| self.roll(salt, number) % 1000 < permille;
        let first_name = FIRST[first].0.to_owned();
        let member_type = match self.roll(1, number) % 100 {
            0..70 => Some("Regular"),
            70..82 => Some("Student"),
            82..91 => Some("Lapsed"),
            _ => None,
        };
        let ago = (self.roll(2, number) % (700 * 24)) as i64;
        Individual {
            id: ids::id(self.seed, &INDIVIDUAL, number),
            local_id: local_id(number),
            title: chance(3, 150).then(|| TITLES[pick(self.roll(4, number), TITLES.len())].to_owned()),
            nickname: chance(5, 120).then(|| first_name.chars().take(3).collect()),
            first_name,
            last_name: LAST[last].0.to_owned(),
            email: invented.email(number),
            do_not_email: chance(6, 180),
            opt_outs: Vec::new(),
            member_type: member_type.map(str::to_owned),
            region: (!chance(7, 60)).then(|| REGIONS[pick(self.roll(8, number), REGIONS.len())].to_owned()),
            committee: self.on_board(number).then(|| "Board".to_owned()),
            newsletter: chance(9, 600),
            conference: chance(10, 150).then(|| "2025".to_owned()),
            member_since: member_type.and_then(|_| {
                let roll = self.roll(11, number);
                Date::new(1985 + (roll % 40) as i16, 1 + ((roll >> 8) % 12) as i8, 1 + ((roll >> 16) % 28) as i8)
                    .ok()
                    .or(Date::new(2001, 1, 1).ok())
            }),
            dues_balance_cents: if chance(12, 300) { (self.roll(13, number) % 60_000) as i64 } else { 0 },
            last_modified: self.start.saturating_sub(ago.hours()).unwrap_or(self.start),
        }
    }

    /// Whether somebody generated has opted out of the category with this number.
    pub(crate) fn opted_out(self, number: u64, category: u64) -> bool {
        self.roll(0x100 + category, number) % 1000 < 90
    }
}

/// Organizations: accounts that are no people.
pub(crate) fn organization(seed: u64, number: u64, start: Timestamp) -> Option<Object> {
    let name = COMPANIES.get(usize::try_from(number.checked_sub(1)?).ok()?)?;
    let values = vec![
        Value::Text(ids::id(seed, &ORGANIZATION, number)),
        Value::Int(90_000 + number as i64),
        Value::Text((*name).to_owned()),
        Value::Text(format!("office{number}@orvane.example")),
        Value::Date(start),
    ];
    Some(Object { class: &ORGANIZATION, values })
}
