//! iMIS by its REST interface, of both generations.

use std::collections::BTreeMap;

use rialto_core::consent::Flag;
use rialto_core::fields::Cell;
use rialto_core::person::RemotePerson;
use rialto_core::writeback::{InterestChange, What};
use rialto_sandbox::imis::{Generation, Options, Running, Sandbox, start};
use rialto_sandbox::{FaultRule, FaultStatus, Requests};

use super::subject::Subject;

const FOLDER: &str = "$/HigherLogic/MailingLists";
const TABLE: &str = "INFORMZ_PERSONA";

/// `OLD`: the generation of 2017.
pub struct Imis<const OLD: bool>(Running);

impl<const OLD: bool> Imis<OLD> {
    fn sandbox(&self) -> &Sandbox {
        &self.0.sandbox
    }

    /// Names in the rows of a person: of ours, or of others.
    fn rows(&self, id: &str, name: &str, ours: bool) -> Vec<String> {
        let rows = self.sandbox().rows(TABLE, Some(id), 100).into_iter();
        rows.filter_map(|row| row.values.get("SCORE_NAME").cloned()).filter(|n| (n == name) == ours).collect()
    }
}

impl<const OLD: bool> Subject for Imis<OLD> {
    const KIND: &'static str = "imis";
    const COLUMN: &'static str = if OLD { "iMIS 2017" } else { "iMIS EMS" };
    const SECRET: &'static str = "correct-horse-battery";
    const PEOPLE: &'static str = if OLD { "GET iqa" } else { "GET query" };
    const LISTS: &'static str = "QueryDefinition";
    const REQUIRED: &'static [&'static str] = &["ID", "Email", "DoNotEmail"];
    const FIELDS: &'static [&'static str] = &["FirstName", "LastName", "IsMember", "City", "Title"];
    const PAGES: &'static [&'static str] = &["50", "97", "500"];
    const PAGE: &'static str = "100";
    const PLACES: &'static [&'static str] = &[
        "POST token",
        "GET Party",
        "PUT Party",
        "GET CommunicationType",
        "POST Activity",
        "GET Activity",
        "GET BoEntityDefinition",
        "GET INFORMZ_PERSONA",
        "POST INFORMZ_PERSONA",
        "PUT INFORMZ_PERSONA",
    ];
    const LAST: &'static str = "POST Activity";
    const NAMES: &'static [&'static str] = &[
        "DESCRIPTION",
        "ACTIVITY_TYPE",
        "OptInFlag",
        "CommunicationTypeId",
        "Properties",
        "Items",
        "SCORE_NAME",
        "SCORE_DESC",
        "Identity",
    ];

    async fn start(people: u64) -> Self {
        let generation = if OLD { Generation::Y2017 } else { Generation::Ems };
        Self(start(Options { people, generation, password: Self::SECRET.into(), ..Options::default() }).await.expect("a free port"))
    }

    fn connection(root: &str) -> (BTreeMap<&'static str, String>, BTreeMap<&'static str, String>) {
        let generation = if OLD { "2017" } else { "ems" };
        let settings = [("base_url", root.to_owned()), ("generation", generation.to_owned())];
        (settings.into(), [("username", "rialto".to_owned()), ("password", Self::SECRET.to_owned())].into())
    }

    fn root(&self) -> String {
        self.0.site_root()
    }

    fn inject(&self, rule: FaultRule) {
        self.sandbox().inject(rule);
    }

    fn clear_faults(&self) {
        self.sandbox().clear_faults();
    }

    fn faults(&self) -> Vec<FaultStatus> {
        self.sandbox().faults()
    }

    fn requests(&self) -> Requests {
        self.sandbox().requests()
    }

    /// Queries that show the columns which are asked for, besides those that a list has to have.
    fn lists(&self) -> Vec<String> {
        let wanted = |q: &rialto_sandbox::imis::Query| {
            let shows = |name: &str| q.columns.contains(&name);
            q.folder == FOLDER && q.shared && q.prompt.is_none() && q.members > 0 && shows("ID") && shows("Email")
        };
        self.sandbox().queries().into_iter().filter(wanted).map(|q| q.path).collect()
    }

    fn everybody(&self) -> String {
        format!("{FOLDER}/All Contacts")
    }

    fn moving(&self) -> String {
        format!("{FOLDER}/Members")
    }

    /// A list that does not show a column leaves it.
    fn members(&self, code: &str) -> Vec<RemotePerson> {
        let columns = self.sandbox().query(code).expect("a query").columns;
        let text = |t: &str| Cell::Text(t.to_owned());
        let people = self.sandbox().members(code);
        let read = people.iter().map(|c| {
            let cell = |name: &str| match name {
                name if !columns.contains(&name) => Cell::Absent,
                "FirstName" => text(&c.first_name),
                "LastName" => text(&c.last_name),
                "IsMember" => text(if c.is_member { "true" } else { "false" }),
                "City" => text(&c.city),
                _ => c.title.as_deref().map_or(Cell::Null, text),
            };
            RemotePerson {
                remote_id: Some(c.id.clone()),
                address: c.email.clone(),
                flag: if c.do_not_email() { Flag::No } else { Flag::Yes },
                cells: Self::FIELDS.iter().map(|name| cell(name)).collect(),
            }
        });
        read.collect()
    }

    fn id(&self, number: u64) -> String {
        (100 + number).to_string()
    }

    fn nobody(&self) -> String {
        "999999".into()
    }

    fn interests(&self) -> Vec<InterestChange> {
        Vec::new()
    }

    /// Somebody else's row stands in the table, too.
    fn oppose(&self, id: &str, what: &What) {
        self.sandbox().set_do_not_email(id, matches!(what, What::Resubscribe { .. }));
        if self.rows(id, "Board member", true).is_empty() {
            self.sandbox().add_row(TABLE, id, &[("SCORE_NAME", "Board member"), ("SCORE_DESC", "By hand.")]).expect("a row");
        }
    }

    fn shows(&self, id: &str, what: &What) -> bool {
        let contact = self.sandbox().contact(id).expect("a contact");
        match what {
            What::Unsubscribe => contact.do_not_email(),
            What::Resubscribe { say_yes } => contact.do_not_email() != *say_yes,
            What::InvalidEmail { .. } | What::Interests { .. } => true,
            What::Persona { name, .. } => self.rows(id, name, true).len() == 1 && self.rows(id, "Board member", true).len() == 1,
        }
    }

    fn marks(&self, id: &str, what: &What, mark: &str) -> usize {
        match what {
            What::Persona { name, .. } => self.rows(id, name, true).len(),
            _ => self.sandbox().activities(id).iter().filter(|a| a.description.contains(mark)).count(),
        }
    }

    fn rest(&self, id: &str, what: &What) -> String {
        let mut contact = self.sandbox().contact(id).expect("a contact");
        if matches!(what, What::Unsubscribe | What::Resubscribe { .. }) {
            let email = self.sandbox().communication_types()[0].id.clone();
            contact.preferences.retain(|p| p.type_id != email);
        }
        format!("{contact:?} {:?}", self.rows(id, "Student", false))
    }

    fn activities(&self) -> usize {
        self.sandbox().activity_count()
    }
}
