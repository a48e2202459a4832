//! Members: pure functions of seed and number, until something about them changes.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

use crate::invented::{Invented, pick};
use crate::loyalty::catalogue::{
    CATALOGUE, COUNT, EMAIL, FIRST_NAME, LAST_NAME, LAST_PURCHASE_AT, LIFETIME_POINTS, MEMBER_SINCE, POINTS, Section, TIER, TIER_SINCE,
    VISITS, place,
};
use crate::loyalty::value::Value;
use crate::names::{FIRST, LAST, PLACES};

/// The business units, as events name them in `source`.
pub const UNITS: [&str; 2] = ["/loyalty/north", "/loyalty/south"];

/// Tiers, each with the points of a lifetime from which it is reached.
pub const TIERS: [(&str, i64); 4] = [("Bronze", 0), ("Silver", 1_000), ("Gold", 5_000), ("Platinum", 20_000)];

const LANGUAGES: [&str; 5] = ["en", "de", "fr", "sv", "it"];
const CATEGORIES: [&str; 6] = ["Books", "Garden", "Kitchen", "Music", "Outdoor", "Tea & Coffee"];

/// A member as the loyalty system holds them.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The profileAltId.
    pub id: String,
    /// The business unit, one of [`UNITS`].
    pub unit: &'static str,
    pub(crate) values: [Value; COUNT],
}

impl Member {
    /// The value of a field of the catalogue; `None` of no such field.
    pub fn value(&self, field: &str) -> Option<&Value> {
        place(field).map(|at| &self.values[at])
    }

    /// First and last name.
    pub fn name(&self) -> String {
        [self.values[FIRST_NAME].shown(), self.values[LAST_NAME].shown()].join(" ").trim().to_owned()
    }

    /// Address.
    pub fn email(&self) -> Option<&str> {
        if let Value::Text(email) = &self.values[EMAIL] { Some(email) } else { None }
    }

    /// The points that are there to be spent.
    pub fn points(&self) -> i32 {
        self.values[POINTS].integer()
    }

    /// The tier.
    pub fn tier(&self) -> String {
        self.values[TIER].shown()
    }

    /// A visit that earned points; the tier rises with the points of a lifetime and never falls.
    pub(crate) fn earn(&mut self, points: u32, now: Timestamp) {
        let points = i32::try_from(points).unwrap_or(i32::MAX);
        let lifetime = self.values[LIFETIME_POINTS].long().saturating_add(i64::from(points));
        self.values[POINTS] = Value::Integer(self.points().saturating_add(points));
        self.values[LIFETIME_POINTS] = Value::Long(lifetime);
        self.values[VISITS] = Value::Integer(self.values[VISITS].integer().saturating_add(1));
        self.values[LAST_PURCHASE_AT] = Value::moment(now);
        let earned = tier(lifetime);
        let tier = self.tier();
        let present = TIERS.iter().position(|(name, _)| *name == tier);
        if present.is_none_or(|present| present < earned) {
            self.values[TIER] = Value::text(TIERS[earned].0);
            self.values[TIER_SINCE] = Value::Date(now.to_zoned(TimeZone::UTC).date());
        }
    }
}

/// The highest tier that so many points of a lifetime reach.
fn tier(lifetime: i64) -> usize {
    TIERS.iter().rposition(|(_, from)| lifetime >= *from).unwrap_or(0)
}

impl Serialize for Member {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(5))?;
        map.serialize_entry("profile_alt_id", &self.id)?;
        map.serialize_entry("unit", self.unit)?;
        for section in Section::ALL {
            map.serialize_entry(section.name(), &Fields { section, values: &self.values, take: |_| true })?;
        }
        map.end()
    }
}

/// The fields of one section, those that are to be taken.
pub(crate) struct Fields<'v, F: Fn(usize) -> bool> {
    pub section: Section,
    pub values: &'v [Value; COUNT],
    pub take: F,
}

impl<F: Fn(usize) -> bool> Serialize for Fields<'_, F> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for (at, field) in CATALOGUE.iter().enumerate().filter(|(at, field)| field.section == self.section && (self.take)(*at)) {
            map.serialize_entry(field.name, &self.values[at])?;
        }
        map.end()
    }
}

/// What is needed for a new member.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewMember {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Address; not checked for its form, real systems hold malformed ones too.
    pub email: Option<String>,
    /// One of [`UNITS`]; the first one if nobody says.
    pub unit: Option<String>,
}

/// `LOY-000123`.
pub(crate) fn id(number: u64) -> String {
    format!("LOY-{number:06}")
}

/// The number behind a profileAltId.
pub(crate) fn number(text: &str) -> Option<u64> {
    let number = text.strip_prefix("LOY-")?.parse().ok()?;
    // One spelling each.
    (id(number) == text).then_some(number)
}

/// The members there could be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Population {
    pub seed: u64,
    pub start: Timestamp,
}

impl Population {
    fn roll(self, salt: u64, number: u64) -> u64 {
        Invented { seed: self.seed }.roll(0x4C4F_5900 ^ salt, number)
    }

    pub(crate) fn unit(self, number: u64) -> &'static str {
        UNITS[pick(self.roll(1, number), UNITS.len())]
    }

    pub(crate) fn member(self, number: u64) -> Member {
        let invented = Invented { seed: self.seed };
        let (first, last) = invented.name(number);
        let ago = |salt: u64, days: u64| {
            let seconds = (self.roll(salt, number) % (days * 86_400)) as i64;
            self.start.saturating_sub(seconds.seconds()).unwrap_or(self.start)
        };
        let lifetime = match self.roll(2, number) % 100 {
            0..55 => self.roll(3, number) % 1_000,
            55..85 => 1_000 + self.roll(3, number) % 4_000,
            85..97 => 5_000 + self.roll(3, number) % 15_000,
            _ => 20_000 + self.roll(3, number) % 80_000,
        };
        let points = lifetime / (1 + self.roll(4, number) % 5);
        let birth = self.roll(8, number);
        let birthday = Date::new(1940 + (birth % 66) as i16, 1 + ((birth >> 8) % 12) as i8, 1 + ((birth >> 16) % 28) as i8);
        let place = PLACES[pick(self.roll(7, number), PLACES.len())].0;
        let values = [
            Value::text(FIRST[first].0),
            Value::text(LAST[last].0),
            invented.email(number).map_or(Value::Null, Value::Text),
            Value::text(TIERS[tier(lifetime as i64)].0),
            Value::Date(ago(5, 700).to_zoned(TimeZone::UTC).date()),
            Value::text(place),
            if self.roll(9, number).is_multiple_of(5) { Value::Null } else { birthday.map_or(Value::Null, Value::Date) },
            Value::moment(ago(6, 5_000).saturating_sub((700 * 24).hours()).unwrap_or(self.start)),
            Value::text(LANGUAGES[pick(self.roll(10, number), LANGUAGES.len())]),
            Value::text(CATEGORIES[pick(self.roll(11, number), CATEGORIES.len())]),
            Value::Boolean(self.roll(12, number).is_multiple_of(3)),
            Value::Integer(points as i32),
            Value::Long(lifetime as i64),
            Value::Float((500 + self.roll(13, number) % 15_000) as f64 / 100.0),
            Value::moment(ago(14, 400)),
            Value::Integer((1 + lifetime / 40) as i32),
        ];
        Member { id: id(number), unit: self.unit(number), values }
    }

    /// Somebody who has joined just now: of the lowest tier, without points.
    pub(crate) fn joined(number: u64, unit: &'static str, now: Timestamp) -> Member {
        let mut values = [const { Value::Null }; COUNT];
        values[TIER] = Value::text(TIERS[0].0);
        values[TIER_SINCE] = Value::Date(now.to_zoned(TimeZone::UTC).date());
        values[MEMBER_SINCE] = Value::moment(now);
        values[POINTS] = Value::Integer(0);
        values[LIFETIME_POINTS] = Value::Long(0);
        values[VISITS] = Value::Integer(0);
        Member { id: id(number), unit, values }
    }
}
