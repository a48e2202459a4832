//! The entity types and their properties.

use crate::personify360::options::EntitySetNames;

/// Primitive types used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edm {
    String,
    Int32,
    Boolean,
    DateTime,
    Decimal,
}

impl Edm {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::String => "Edm.String",
            Self::Int32 => "Edm.Int32",
            Self::Boolean => "Edm.Boolean",
            Self::DateTime => "Edm.DateTime",
            Self::Decimal => "Edm.Decimal",
        }
    }
}

/// The entity types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    CustomerInfo,
    CusCommunication,
    CusActivity,
    CusOptInOption,
    CusDemographic,
    MarketingList,
    MarketingListMember,
}

/// A property.
#[derive(Debug)]
pub(crate) struct Field {
    pub name: &'static str,
    pub edm: Edm,
    /// Greatest length of a text; 0 for other types.
    pub length: usize,
}

/// An entity type; its first `keys` fields are the key.
#[derive(Debug)]
pub(crate) struct Entity {
    pub kind: Kind,
    pub name: &'static str,
    pub keys: usize,
    pub fields: &'static [Field],
}

const fn text(name: &'static str, length: usize) -> Field {
    Field { name, edm: Edm::String, length }
}

const fn field(name: &'static str, edm: Edm) -> Field {
    Field { name, edm, length: 0 }
}

const MASTER: Field = text("MasterCustomerId", 12);
const SUB: Field = field("SubCustomerId", Edm::Int32);

const ENTITIES: &[Entity] = &[
    Entity {
        kind: Kind::CustomerInfo,
        name: "CustomerInfo",
        keys: 2,
        fields: &[
            MASTER,
            SUB,
            text("RecordType", 1),
            text("FirstName", 40),
            text("LastName", 80),
            text("LabelName", 120),
            text("CustomerClassCode", 24),
            text("PrimaryEmailAddress", 100),
            field("AllowEmailFlag", Edm::Boolean),
            field("AllowSolicitationFlag", Edm::Boolean),
            text("JobTitle", 80),
            text("CompanyName", 120),
            text("City", 60),
            text("State", 15),
            text("CountryCode", 24),
        ],
    },
    Entity {
        kind: Kind::CusCommunication,
        name: "CusCommunication",
        keys: 4,
        fields: &[
            MASTER,
            SUB,
            text("CommTypeCodeString", 24),
            text("CommLocationCodeString", 24),
            text("FormattedPhoneAddress", 100),
            text("CountryCode", 24),
            field("PrimaryFlag", Edm::Boolean),
            field("ActiveFlag", Edm::Boolean),
        ],
    },
    Entity {
        kind: Kind::CusActivity,
        name: "CusActivity",
        keys: 1,
        fields: &[
            field("ActivityId", Edm::Int32),
            MASTER,
            SUB,
            text("ActivityCode", 24),
            text("ActivityText", 4000),
            field("ActivityDate", Edm::DateTime),
            text("CallTopicCode", 24),
            text("CallTopicSubcode", 24),
            text("CallTypeCode", 24),
            text("Subsystem", 24),
            field("ResolvedFlag", Edm::Boolean),
            field("ResolvedDate", Edm::DateTime),
        ],
    },
    Entity {
        kind: Kind::CusOptInOption,
        name: "CusOptInOption",
        keys: 1,
        fields: &[
            field("OptInId", Edm::Int32),
            MASTER,
            SUB,
            text("OptInCode", 24),
            field("OptInFlag", Edm::Boolean),
            field("OptInDate", Edm::DateTime),
        ],
    },
    Entity {
        kind: Kind::CusDemographic,
        name: "CusDemographic",
        keys: 1,
        fields: &[
            field("DemographicId", Edm::Int32),
            MASTER,
            SUB,
            text("DemographicCode", 24),
            text("DemographicSubcode", 24),
            text("DemographicText", 255),
        ],
    },
    Entity {
        kind: Kind::MarketingList,
        name: "MarketingList",
        keys: 1,
        fields: &[
            text("ListCode", 24),
            text("ListName", 80),
            text("Description", 255),
            field("ActiveFlag", Edm::Boolean),
            text("RegenerationFrequency", 24),
            field("LastRefreshed", Edm::DateTime),
            field("ModifiedOn", Edm::DateTime),
            field("MemberCount", Edm::Int32),
        ],
    },
    Entity {
        kind: Kind::MarketingListMember,
        name: "MarketingListMember",
        keys: 3,
        fields: &[
            text("ListCode", 24),
            MASTER,
            SUB,
            text("PrimaryEmailAddress", 100),
            field("AllowEmailFlag", Edm::Boolean),
            field("AllowSolicitationFlag", Edm::Boolean),
            text("FirstName", 40),
            text("LastName", 80),
            text("LabelName", 120),
            text("JobTitle", 80),
            text("CompanyName", 120),
            text("City", 60),
            text("State", 15),
            text("CountryCode", 24),
            field("MemberSince", Edm::DateTime),
            field("MemberFlag", Edm::Boolean),
            field("MemberNumber", Edm::Int32),
            field("DuesBalance", Edm::Decimal),
        ],
    },
];

impl Entity {
    /// All entity types.
    pub(crate) fn all() -> &'static [Self] {
        ENTITIES
    }

    /// The type with this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        ENTITIES.iter().find(|entity| entity.name == name)
    }

    /// Position of a property.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// The key properties.
    pub(crate) fn key(&self) -> &'static [Field] {
        self.fields.get(..self.keys).unwrap_or_default()
    }

    /// The name of its entity set in this deployment.
    pub(crate) fn set<'n>(&self, names: &'n EntitySetNames) -> &'n str {
        match self.kind {
            Kind::CustomerInfo => &names.customer_infos,
            Kind::CusCommunication => &names.cus_communications,
            Kind::CusActivity => &names.cus_activities,
            Kind::CusOptInOption => &names.cus_opt_in_options,
            Kind::CusDemographic => &names.cus_demographics,
            Kind::MarketingList => &names.marketing_lists,
            Kind::MarketingListMember => &names.marketing_list_members,
        }
    }
}
