//! MemberSuite by its SOAP API.

use std::collections::BTreeMap;

use rialto_core::consent::Flag;
use rialto_core::fields::Cell;
use rialto_core::person::RemotePerson;
use rialto_core::writeback::{InterestChange, InterestSource, What};
use rialto_sandbox::membersuite::{Options, Running, Sandbox, start};
use rialto_sandbox::{FaultRule, FaultStatus, Requests};

use super::subject::Subject;

pub struct MemberSuite(Running);

impl MemberSuite {
    fn sandbox(&self) -> &Sandbox {
        &self.0.sandbox
    }
}

impl Subject for MemberSuite {
    const KIND: &'static str = "membersuite";
    const COLUMN: &'static str = "MemberSuite";
    /// "correct-horse-battery-staple" in Base64.
    const SECRET: &'static str = "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ==";
    const PEOPLE: &'static str = "ExecuteSearch";
    const LISTS: &'static str = "ExecuteMSQL SavedSearch";
    const REQUIRED: &'static [&'static str] = &["ID", "EmailAddress", "DoNotEmail"];
    const FIELDS: &'static [&'static str] = &["EmailAddress", "FirstName", "LastName", "Title", "LocalID", "Region__c"];
    const PAGES: &'static [&'static str] = &["50", "399", "400"];
    const PAGE: &'static str = "100";
    const PLACES: &'static [&'static str] = &[
        "Get Individual",
        "Save Individual",
        "Save Activity",
        "ExecuteMSQL Activity",
        "ExecuteMSQL ActivityType",
        "DescribeObject Activity",
        "WhoAmI",
    ];
    const LAST: &'static str = "Save Activity";
    const NAMES: &'static [&'static str] = &["Description", "Entity", "DoNotEmail", "OptOuts", "ID"];

    async fn start(people: u64) -> Self {
        let options = Options { people, secret_access_key: Self::SECRET.into(), ..Options::default() };
        Self(start(options).await.expect("a free port"))
    }

    fn connection(root: &str) -> (BTreeMap<&'static str, String>, BTreeMap<&'static str, String>) {
        let options = Options::default();
        let settings = [
            ("base_url", root.to_owned()),
            ("association_id", options.association_id),
            ("access_key_id", options.access_key_id),
            ("individual_fields", "FirstName, LastName, Title, LocalID, Region__c".to_owned()),
        ];
        (settings.into(), [("secret_access_key", Self::SECRET.to_owned())].into())
    }

    fn root(&self) -> String {
        self.0.service_root()
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

    fn lists(&self) -> Vec<String> {
        let offered = self.sandbox().searches().into_iter().filter(|s| s.public && s.active && s.applicable_type == "Individual");
        offered.map(|s| s.id).collect()
    }

    fn everybody(&self) -> String {
        self.sandbox().search("All individuals").expect("a search").id
    }

    fn moving(&self) -> String {
        self.sandbox().search("Newsletter readers").expect("a search").id
    }

    fn members(&self, code: &str) -> Vec<RemotePerson> {
        let text = |t: &str| Cell::Text(t.to_owned());
        let optional = |t: &Option<String>| t.as_deref().map_or(Cell::Null, text);
        let people = self.sandbox().search_people(code);
        let read = people.iter().map(|p| RemotePerson {
            remote_id: Some(p.id.clone()),
            address: p.email.clone(),
            flag: if p.do_not_email { Flag::No } else { Flag::Yes },
            cells: vec![
                optional(&p.email),
                text(&p.first_name),
                text(&p.last_name),
                optional(&p.title),
                text(&p.local_id.to_string()),
                optional(&p.region),
            ],
        });
        read.collect()
    }

    fn id(&self, number: u64) -> String {
        self.sandbox().id(number)
    }

    fn nobody(&self) -> String {
        self.sandbox().id(999_999)
    }

    fn interests(&self) -> Vec<InterestChange> {
        let categories = self.sandbox().categories();
        let change = |at: usize, wanted| InterestChange {
            source: InterestSource::Area,
            code: categories[at].id.clone(),
            subcode: String::new(),
            name: categories[at].name.clone(),
            wanted,
        };
        vec![change(0, true), change(1, false), change(2, false)]
    }

    /// Out of the first category, which is to be taken, and of the fourth, which must stay so.
    fn oppose(&self, id: &str, what: &What) {
        let categories = self.sandbox().categories();
        self.sandbox().edit_person(id, |person| {
            person.do_not_email = matches!(what, What::Resubscribe { .. });
            person.opt_outs = vec![categories[0].id.clone(), categories[3].id.clone()];
        });
    }

    fn shows(&self, id: &str, what: &What) -> bool {
        let person = self.sandbox().person(id).expect("an individual");
        match what {
            What::Unsubscribe => person.do_not_email,
            What::Resubscribe { say_yes } => person.do_not_email != *say_yes,
            What::InvalidEmail { .. } | What::Persona { .. } => true,
            What::Interests { changes } => changes.iter().all(|c| person.opt_outs.contains(&c.code) != c.wanted),
        }
    }

    fn marks(&self, id: &str, _: &What, mark: &str) -> usize {
        self.sandbox().activities(id).iter().filter(|a| a.description.contains(mark)).count()
    }

    fn rest(&self, id: &str, what: &What) -> String {
        let mut person = self.sandbox().person(id).expect("an individual");
        person.last_modified = Default::default();
        match what {
            What::Interests { changes } => person.opt_outs.retain(|o| changes.iter().all(|c| c.code != *o)),
            What::Unsubscribe | What::Resubscribe { .. } => person.do_not_email = false,
            What::InvalidEmail { .. } | What::Persona { .. } => {}
        }
        format!("{person:?}")
    }

    fn activities(&self) -> usize {
        self.sandbox().activity_count()
    }
}
