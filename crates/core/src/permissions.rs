//! Permissions and role presets (`rules.md` section 6).

use serde::{Deserialize, Serialize};

macro_rules! permissions {
    ($($variant:ident = $text:literal),+ $(,)?) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Permission { $(#[serde(rename = $text)] $variant),+ }

        impl Permission {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

permissions! {
    GroupsSync = "groups.sync",
    GroupsApprove = "groups.approve",
    MailingsSend = "mailings.send",
    ListsEdit = "lists.edit",
    DataExchangeEdit = "data_exchange.edit",
    ProfileStream = "profile_stream",
    LabelsCreate = "labels.create",
    BridgesAdmin = "bridges.admin",
    WritebacksRetry = "writebacks.retry",
    UsersAdmin = "users.admin",
    AuditRead = "audit.read",
}

/// A preset of permissions. Reading is always allowed to whoever is signed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Viewer,
    Marketer,
    Integrator,
    Admin,
}

impl Role {
    pub const ALL: [Role; 4] = [Self::Viewer, Self::Marketer, Self::Integrator, Self::Admin];

    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Marketer => "marketer",
            Self::Integrator => "integrator",
            Self::Admin => "admin",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.name() == name)
    }

    pub fn allows(self, p: Permission) -> bool {
        use Permission as P;
        match self {
            Self::Viewer => false,
            Self::Marketer => matches!(p, P::GroupsSync | P::GroupsApprove | P::MailingsSend | P::ListsEdit | P::LabelsCreate),
            Self::Integrator => !matches!(p, P::UsersAdmin | P::AuditRead | P::MailingsSend),
            Self::Admin => true,
        }
    }
}

/// What one user or token may do: a role, adjusted by grants and denials. A denial wins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    pub role: Role,
    pub granted: Vec<Permission>,
    pub denied: Vec<Permission>,
}

impl Access {
    pub fn preset(role: Role) -> Self {
        Self { role, granted: Vec::new(), denied: Vec::new() }
    }

    pub fn allows(&self, p: Permission) -> bool {
        !self.denied.contains(&p) && (self.granted.contains(&p) || self.role.allows(p))
    }
}
