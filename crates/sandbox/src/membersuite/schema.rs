//! Classes of objects and their fields.

use crate::membersuite::value::Kind;

/// A field of a class.
#[derive(Debug)]
pub(crate) struct Field {
    pub name: &'static str,
    pub label: &'static str,
    pub kind: Kind,
    pub required: bool,
    /// Whether `Save` may set it.
    pub writable: bool,
}

/// A class of objects.
#[derive(Debug)]
pub(crate) struct Class {
    pub name: &'static str,
    /// Second block of the ids of its objects.
    pub code: u16,
    pub fields: &'static [Field],
}

const fn set(name: &'static str, label: &'static str, kind: Kind) -> Field {
    Field { name, label, kind, required: false, writable: true }
}

const fn needed(name: &'static str, label: &'static str, kind: Kind) -> Field {
    Field { required: true, ..set(name, label, kind) }
}

const fn shown(name: &'static str, label: &'static str, kind: Kind) -> Field {
    Field { writable: false, ..set(name, label, kind) }
}

pub(crate) static INDIVIDUAL: Class = Class {
    name: "Individual",
    code: 0x0006,
    fields: &[
        shown("ID", "ID", Kind::Reference),
        shown("LocalID", "Local ID", Kind::Integer),
        shown("Name", "Name", Kind::Text),
        set("Title", "Title", Kind::Text),
        set("FirstName", "First name", Kind::Text),
        needed("LastName", "Last name", Kind::Text),
        set("Nickname", "Nickname", Kind::Text),
        set("EmailAddress", "Email address", Kind::Text),
        set("DoNotEmail", "Do not email", Kind::Boolean),
        set("OptOuts", "Opt outs", Kind::List),
        shown("LastModifiedDate", "Last modified", Kind::DateTime),
        set("MemberType__c", "Member type", Kind::Text),
        set("Region__c", "Region", Kind::Text),
        set("Committee__c", "Committee", Kind::Text),
        set("Newsletter__c", "Reads the newsletter", Kind::Boolean),
        set("Conference__c", "Last conference", Kind::Text),
        set("MemberSince__c", "Member since", Kind::DateTime),
        set("DuesBalance__c", "Dues balance", Kind::Decimal),
    ],
};

pub(crate) static ORGANIZATION: Class = Class {
    name: "Organization",
    code: 0x0007,
    fields: &[
        shown("ID", "ID", Kind::Reference),
        shown("LocalID", "Local ID", Kind::Integer),
        shown("Name", "Name", Kind::Text),
        shown("EmailAddress", "Email address", Kind::Text),
        shown("LastModifiedDate", "Last modified", Kind::DateTime),
    ],
};

pub(crate) static ACTIVITY: Class = Class {
    name: "Activity",
    code: 0x0014,
    fields: &[
        shown("ID", "ID", Kind::Reference),
        needed("Name", "Name", Kind::Text),
        needed("Entity", "Entity", Kind::Reference),
        needed("Type", "Type", Kind::Reference),
        needed("Status", "Status", Kind::Reference),
        set("Date", "Date", Kind::DateTime),
        set("Description", "Description", Kind::Text),
        shown("LastModifiedDate", "Last modified", Kind::DateTime),
    ],
};

const CONFIGURABLE: &[Field] = &[
    shown("ID", "ID", Kind::Reference),
    shown("Name", "Name", Kind::Text),
    shown("Code", "Code", Kind::Text),
    shown("IsActive", "Is active?", Kind::Boolean),
];

pub(crate) static ACTIVITY_TYPE: Class = Class { name: "ActivityType", code: 0x0015, fields: CONFIGURABLE };
pub(crate) static ACTIVITY_STATUS: Class = Class { name: "ActivityStatus", code: 0x0016, fields: CONFIGURABLE };
pub(crate) static MESSAGE_CATEGORY: Class = Class { name: "MessageCategory", code: 0x0044, fields: CONFIGURABLE };

pub(crate) static SAVED_SEARCH: Class = Class {
    name: "SavedSearch",
    code: 0x0032,
    fields: &[
        shown("ID", "ID", Kind::Reference),
        shown("Name", "Name", Kind::Text),
        shown("Description", "Description", Kind::Text),
        shown("ApplicableType", "Applicable type", Kind::Text),
        shown("IsPublic", "Is public?", Kind::Boolean),
        shown("IsActive", "Is active?", Kind::Boolean),
        shown("Search", "Search", Kind::Search),
        shown("LastModifiedDate", "Last modified", Kind::DateTime),
    ],
};

static ALL: &[&Class] = &[&INDIVIDUAL, &ORGANIZATION, &ACTIVITY, &ACTIVITY_TYPE, &ACTIVITY_STATUS, &MESSAGE_CATEGORY, &SAVED_SEARCH];

impl Class {
    /// The class with this name, however it is written.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|class| class.name.eq_ignore_ascii_case(name.trim())).copied()
    }

    /// The class of objects with such ids.
    pub(crate) fn coded(code: u16) -> Option<&'static Self> {
        ALL.iter().find(|class| class.code == code).copied()
    }

    /// The place of a field, however its name is written.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name.eq_ignore_ascii_case(name.trim()))
    }
}
