//! The demo's bridges to the simulated systems.

use rialto_sandbox::Served;
use rialto_store::bridges::Entered;

use crate::cli::System;

/// A bridge as a person enters it.
pub struct Wanted {
    pub kind: &'static str,
    pub name: &'static str,
    settings: Vec<(&'static str, String)>,
    secrets: Vec<(&'static str, String)>,
}

impl Wanted {
    pub fn entered(&self) -> Entered {
        let map = |pairs: &[(&str, String)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        Entered { name: self.name.into(), settings: map(&self.settings), secrets: map(&self.secrets), enabled: true }
    }
}

pub fn of(system: System, remote: &Served) -> Wanted {
    match system {
        System::Personify360 => {
            let options = remote.all.personify360.options();
            Wanted {
                kind: "personify360",
                name: "Personify360 (sandbox)",
                settings: vec![("base_url", remote.personify360())],
                secrets: vec![("username", options.user.clone()), ("password", options.password.clone())],
            }
        }
        System::Membersuite => {
            let options = remote.all.membersuite.options();
            Wanted {
                kind: "membersuite",
                name: "MemberSuite (sandbox)",
                settings: vec![
                    ("base_url", remote.membersuite()),
                    ("association_id", options.association_id.clone()),
                    ("access_key_id", options.access_key_id.clone()),
                ],
                secrets: vec![("secret_access_key", options.secret_access_key.clone())],
            }
        }
        System::Imis => {
            let options = remote.all.imis.options();
            Wanted {
                kind: "imis",
                name: "iMIS (sandbox)",
                settings: vec![("base_url", remote.imis())],
                secrets: vec![("username", options.user.clone()), ("password", options.password.clone())],
            }
        }
    }
}
