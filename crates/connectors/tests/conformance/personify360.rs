//! Personify360 by its data services.

use std::collections::BTreeMap;

use rialto_core::consent::Flag;
use rialto_core::fields::Cell;
use rialto_core::person::RemotePerson;
use rialto_core::writeback::{InterestChange, InterestSource, What};
use rialto_sandbox::{FaultRule, FaultStatus, Options, Requests, Running, Sandbox};

use super::subject::Subject;

pub struct Personify360(Running);

impl Personify360 {
    fn sandbox(&self) -> &Sandbox {
        &self.0.sandbox
    }

    fn key(id: &str) -> (String, i64) {
        Sandbox::split_remote_id(id).expect("a Remote ID")
    }

    fn has(&self, id: &str, change: &InterestChange) -> bool {
        let (master, sub) = Self::key(id);
        match change.source {
            InterestSource::Area => self.sandbox().opt_ins(&master, sub).iter().any(|(code, yes)| *code == change.code && *yes),
            InterestSource::Demographic => {
                self.sandbox().demographics(&master, sub).iter().any(|(code, sub)| (code, sub) == (&change.code, &change.subcode))
            }
        }
    }
}

impl Subject for Personify360 {
    const KIND: &'static str = "personify360";
    const COLUMN: &'static str = "Personify360";
    const SECRET: &'static str = "correct-horse-battery";
    const PEOPLE: &'static str = "usr_Rialto_ListMembers";
    const LISTS: &'static str = "usr_Rialto_Lists";
    const REQUIRED: &'static [&'static str] =
        &["MASTER_CUSTOMER_ID", "SUB_CUSTOMER_ID", "PRIMARY_EMAIL_ADDRESS", "ALLOW_EMAIL_FLAG", "ALLOW_SOLICITATION_FLAG"];
    const FIELDS: &'static [&'static str] = &["FIRST_NAME", "LAST_NAME", "JOB_TITLE", "STATE", "CITY"];
    const PAGES: &'static [&'static str] = &["100", "997", "20000"];
    const PAGE: &'static str = "100";
    const PLACES: &'static [&'static str] = &[
        "CustomerInfos",
        "Save CustomerInfo",
        "Create CusActivity",
        "Save CusActivity",
        "CusOptInOptions",
        "Save CusOptInOption",
        "CusDemographics",
        "Save CusDemographic",
        "Delete CusDemographic",
        "usr_Rialto_Activities",
    ];
    const LAST: &'static str = "Save CusActivity";
    const NAMES: &'static [&'static str] =
        &["ActivityText", "ActivityCode", "AllowEmailFlag", "OptInFlag", "DemographicSubcode", "MasterCustomerId", "ACTIVITY_TEXT"];

    async fn start(people: u64) -> Self {
        let options = Options { people, password: Self::SECRET.into(), ..Options::default() };
        Self(rialto_sandbox::start(options).await.expect("a free port"))
    }

    fn connection(root: &str) -> (BTreeMap<&'static str, String>, BTreeMap<&'static str, String>) {
        ([("base_url", root.to_owned())].into(), [("username", "rialto".to_owned()), ("password", Self::SECRET.to_owned())].into())
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
        self.sandbox().lists().into_iter().map(|list| list.code).collect()
    }

    fn everybody(&self) -> String {
        "ALL_MEMBERS".into()
    }

    fn moving(&self) -> String {
        "NEWSLETTER".into()
    }

    fn members(&self, code: &str) -> Vec<RemotePerson> {
        let text = |t: &str| Cell::Text(t.to_owned());
        let people = self.sandbox().list_members(code);
        let read = people.iter().map(|p| RemotePerson {
            remote_id: Some(p.remote_id()),
            address: p.email.clone(),
            flag: if p.allow_email && p.allow_solicitation { Flag::Yes } else { Flag::No },
            cells: vec![
                text(&p.first_name),
                text(&p.last_name),
                p.job_title.as_deref().map_or(Cell::Null, text),
                p.state.as_deref().map_or(Cell::Null, text),
                text(&p.city),
            ],
        });
        read.collect()
    }

    fn id(&self, number: u64) -> String {
        let (master, sub) = self.sandbox().ids(number);
        format!("{master}-{sub}")
    }

    fn nobody(&self) -> String {
        "000000999999-0".into()
    }

    fn interests(&self) -> Vec<InterestChange> {
        let change = |source, code: &str, subcode: &str, wanted| InterestChange {
            source,
            code: code.into(),
            subcode: subcode.into(),
            name: code.into(),
            wanted,
        };
        vec![
            change(InterestSource::Area, "NEWS", "", true),
            change(InterestSource::Area, "EVENTS", "", false),
            change(InterestSource::Demographic, "INTEREST", "BIRDS", true),
            change(InterestSource::Demographic, "INTEREST", "WOODS", false),
        ]
    }

    fn oppose(&self, id: &str, what: &What) {
        let (master, sub) = Self::key(id);
        // On puts Allow Solicitation on as well: a yes is possible.
        self.sandbox().set_allow_email(&master, sub, true);
        self.sandbox().set_allow_email(&master, sub, !matches!(what, What::Resubscribe { .. }));
    }

    fn shows(&self, id: &str, what: &What) -> bool {
        let (master, sub) = Self::key(id);
        let allows = self.sandbox().person(&master, sub).expect("a person").allow_email;
        match what {
            What::Unsubscribe => !allows,
            What::Resubscribe { say_yes } => allows == *say_yes,
            What::InvalidEmail { .. } | What::Persona { .. } => true,
            What::Interests { changes } => changes.iter().all(|change| self.has(id, change) == change.wanted),
        }
    }

    fn marks(&self, id: &str, _: &What, mark: &str) -> usize {
        let (master, sub) = Self::key(id);
        self.sandbox().activities(&master, sub).iter().filter(|a| a.text.contains(mark)).count()
    }

    fn rest(&self, id: &str, what: &What) -> String {
        let (master, sub) = Self::key(id);
        let mut person = self.sandbox().person(&master, sub).expect("a person");
        if matches!(what, What::Unsubscribe | What::Resubscribe { .. }) {
            person.allow_email = false;
        }
        let told: Vec<&str> = match what {
            What::Interests { changes } => changes.iter().map(|c| c.code.as_str()).collect(),
            _ => Vec::new(),
        };
        let mut areas = self.sandbox().opt_ins(&master, sub);
        areas.retain(|(code, _)| !told.contains(&code.as_str()));
        format!("{person:?} {areas:?} {}", self.sandbox().is_address_inactive(&master, sub))
    }

    fn activities(&self) -> usize {
        self.sandbox().activity_count()
    }
}
