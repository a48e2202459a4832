//! The fields that a member has: each in its section, with its type.

use serde::Serialize;

/// Where a field stands in an event's `data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Who the member is.
    Attributes,
    /// What the member wants.
    Preferences,
    /// What is counted about the member.
    Metrics,
}

impl Section {
    /// All of them, in the order of `data`.
    pub const ALL: [Self; 3] = [Self::Attributes, Self::Preferences, Self::Metrics];

    /// Its key in `data`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attributes => "attributes",
            Self::Preferences => "preferences",
            Self::Metrics => "metrics",
        }
    }

    /// As pages call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Attributes => "Attributes",
            Self::Preferences => "Preferences",
            Self::Metrics => "Metrics",
        }
    }
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// 32 bits.
    Integer,
    /// 64 bits.
    Long,
    /// A number with a fraction.
    Float,
    /// At most 200 characters.
    Text,
    /// `2026-03-02`.
    Date,
    /// `2026-03-02T08:00:00Z`.
    Datetime,
    /// Yes or no.
    Boolean,
}

impl Type {
    /// As pages call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Long => "long",
            Self::Float => "float",
            Self::Text => "text",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Boolean => "boolean",
        }
    }
}

/// A field of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Where it stands.
    pub section: Section,
    /// Its key there; no name stands in two sections.
    pub name: &'static str,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: Type,
    /// As people call it.
    pub label: &'static str,
    /// Whether it is shared from the start.
    #[serde(skip)]
    pub(crate) shared: bool,
}

const fn field(section: Section, name: &'static str, kind: Type, label: &'static str, shared: bool) -> Field {
    Field { section, name, kind, label, shared }
}

/// How many fields there are.
pub(crate) const COUNT: usize = 16;

/// Places of the fields that acts change.
pub(crate) const FIRST_NAME: usize = 0;
pub(crate) const LAST_NAME: usize = 1;
pub(crate) const EMAIL: usize = 2;
pub(crate) const TIER: usize = 3;
pub(crate) const TIER_SINCE: usize = 4;
pub(crate) const MEMBER_SINCE: usize = 7;
pub(crate) const POINTS: usize = 11;
pub(crate) const LIFETIME_POINTS: usize = 12;
pub(crate) const LAST_PURCHASE_AT: usize = 14;
pub(crate) const VISITS: usize = 15;

/// Every field of a member, besides the profileAltId. The address is an attribute, so that a receiver can tell whom a profile belongs to.
pub const CATALOGUE: [Field; COUNT] = [
    field(Section::Attributes, "firstName", Type::Text, "First name", true),
    field(Section::Attributes, "lastName", Type::Text, "Last name", true),
    field(Section::Attributes, "email", Type::Text, "E-mail address", true),
    field(Section::Attributes, "tier", Type::Text, "Tier", true),
    field(Section::Attributes, "tierSince", Type::Date, "In this tier since", true),
    field(Section::Attributes, "homeStore", Type::Text, "Home store", false),
    field(Section::Attributes, "birthday", Type::Date, "Birthday", false),
    field(Section::Attributes, "memberSince", Type::Datetime, "Member since", true),
    field(Section::Preferences, "language", Type::Text, "Language", true),
    field(Section::Preferences, "favouriteCategory", Type::Text, "Favourite category", true),
    field(Section::Preferences, "smsOptIn", Type::Boolean, "Wants text messages", false),
    field(Section::Metrics, "points", Type::Integer, "Points", true),
    field(Section::Metrics, "lifetimePoints", Type::Long, "Points of a lifetime", true),
    field(Section::Metrics, "averageBasket", Type::Float, "Average basket", false),
    field(Section::Metrics, "lastPurchaseAt", Type::Datetime, "Last purchase", true),
    field(Section::Metrics, "visits", Type::Integer, "Visits", false),
];

/// Where a field stands in the catalogue.
pub(crate) fn place(name: &str) -> Option<usize> {
    CATALOGUE.iter().position(|field| field.name == name)
}

/// Which fields are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shared(u32);

impl Shared {
    pub(crate) fn at_first() -> Self {
        Self::of(|place| CATALOGUE[place].shared)
    }

    pub(crate) fn of(shared: impl Fn(usize) -> bool) -> Self {
        Self((0..COUNT).filter(|place| shared(*place)).fold(0, |bits, place| bits | 1 << place))
    }

    pub(crate) fn has(self, place: usize) -> bool {
        self.0 & (1 << place) != 0
    }

    pub(crate) fn names(self) -> Vec<&'static str> {
        (0..COUNT).filter(|place| self.has(*place)).map(|place| CATALOGUE[place].name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_catalogue_and_names_are_unique() {
        let named = [
            (FIRST_NAME, "firstName"),
            (LAST_NAME, "lastName"),
            (EMAIL, "email"),
            (TIER, "tier"),
            (TIER_SINCE, "tierSince"),
            (MEMBER_SINCE, "memberSince"),
            (POINTS, "points"),
            (LIFETIME_POINTS, "lifetimePoints"),
            (LAST_PURCHASE_AT, "lastPurchaseAt"),
            (VISITS, "visits"),
        ];
        for (at, name) in named {
            assert_eq!(CATALOGUE[at].name, name);
        }
        assert!((0..COUNT).all(|at| place(CATALOGUE[at].name) == Some(at)));
    }
}
