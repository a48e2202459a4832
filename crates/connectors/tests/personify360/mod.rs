//! The Personify360 connector against the simulated data service: what is particular to it. What every connector has to do is in
//! `conformance`.

mod wire;
mod writing;

use crate::support::{self, Remote, all_people};
use rialto_connectors::personify360;
use rialto_core::consent::Flag;
use rialto_core::fields::{Cell, FieldType};
use rialto_core::person::RemotePerson;
use rialto_sandbox::{Fault, FaultRule, Options, Person, ProcedureNames};

const MEMBERS: &str = "usr_Rialto_ListMembers";
const LISTS: &str = "usr_Rialto_Lists";

/// What the connector should yield for a person.
fn expected(person: &Person) -> RemotePerson {
    let text = |t: &str| Cell::Text(t.to_owned());
    let flag = if person.allow_email && person.allow_solicitation { Flag::Yes } else { Flag::No };
    let cells = vec![
        text(&person.first_name),
        text(&person.last_name),
        person.job_title.as_deref().map_or(Cell::Null, text),
        text(&person.city),
        person.state.as_deref().map_or(Cell::Null, text),
    ];
    RemotePerson { remote_id: Some(person.remote_id()), address: person.email.clone(), flag, cells }
}

fn truth(remote: &Remote, code: &str) -> Vec<RemotePerson> {
    remote.sandbox().list_members(code).iter().map(expected).collect()
}

#[tokio::test]
async fn lists_and_fields_are_as_the_remote_has_them() {
    let remote = Remote::start(500).await;
    let bridge = remote.bridge(&[]);
    let lists = bridge.lists().await.unwrap();
    let known = remote.sandbox().lists();
    assert_eq!(lists.len(), known.len());
    for (list, known) in lists.iter().zip(&known) {
        assert_eq!((&list.code, &list.name, &list.description, list.active), (&known.code, &known.name, &known.description, known.active));
        assert_eq!(list.members, Some(known.member_count));
        assert_eq!(list.refreshed_at.unwrap().timestamp(), known.last_refreshed);
        assert_eq!(list.regeneration, known.regeneration_frequency);
    }
    let board = bridge.list("BOARD").await.unwrap().unwrap();
    assert_eq!(board.members, Some(24));
    assert_eq!(bridge.list("board").await.unwrap(), None);
    let fields = bridge.fields().await.unwrap();
    let of = |name: &str| fields.iter().find(|f| f.name == name).map(|f| (f.kind, f.length));
    assert_eq!(of("FIRST_NAME"), Some((FieldType::Text, Some(40))));
    assert_eq!(of("MEMBER_SINCE"), Some((FieldType::DateTime, None)));
    assert_eq!(of("MEMBER_FLAG"), Some((FieldType::Boolean, None)));
    assert_eq!(of("DUES_BALANCE"), Some((FieldType::Decimal, None)));
}

#[tokio::test]
async fn entity_sets_give_the_same_people() {
    let remote = Remote::start(3_000).await;
    let bridge = remote.bridge(&[("lists_via", "entity_set"), ("page_rows", "500")]);
    assert_eq!(bridge.lists().await.unwrap().len(), remote.sandbox().lists().len());
    assert_eq!(bridge.list("BOARD").await.unwrap().unwrap().members, Some(24));
    assert!(bridge.fields().await.unwrap().iter().any(|f| f.name == "JobTitle" && f.label == "Job title" && f.length == Some(80)));
    let names = ["FirstName", "LastName", "JobTitle", "City", "State"].map(str::to_owned);
    for code in ["ALL_MEMBERS", "BOARD", "EMPTY_LIST"] {
        let people = support::people_of(&bridge, code, &names).await.unwrap();
        assert_eq!(people, truth(&remote, code), "{code}");
    }
    assert_eq!(support::people_of(&bridge, "NO_SUCH", &names).await.unwrap(), []);
}

#[tokio::test]
async fn a_renamed_property_of_an_entity_set_is_an_error() {
    let remote = Remote::start(500).await;
    remote.fault(FaultRule::always(Fault::RenamedField { from: "AllowEmailFlag".into(), to: "MailFlag".into() }));
    let bridge = remote.bridge(&[("lists_via", "entity_set")]);
    let error = support::people_of(&bridge, "BOARD", &[]).await.unwrap_err();
    assert_eq!(error.kind(), "protocol");
    assert!(error.to_string().contains("AllowEmailFlag"), "{error}");
}

#[tokio::test]
async fn a_probe_reports_and_warns() {
    let remote = Remote::start(200).await;
    let report = remote.bridge(&[]).probe().await.unwrap();
    assert_eq!((report.lists, report.fields), (9, 12));
    let warned = |report: &[String], word: &str| report.iter().any(|w| w.contains(word));
    let codes = remote.bridge(&[("procedure_codes", "usr_Other")]).probe().await.unwrap();
    assert!(warned(&codes.warnings, "usr_Other"));
    let members = remote.bridge(&[("procedure_list_members", "usr_Else")]).probe().await.unwrap();
    assert!(warned(&members.warnings, "usr_Else"));
    let older = remote.bridge(&[("procedure_interests", "usr_Newer")]).probe().await.unwrap();
    assert!(older.warnings.len() == 1 && warned(&older.warnings, "usr_Newer"), "a bridge from before interests goes on");
    let older = remote.bridge(&[("procedure_interest_members", "usr_People")]).probe().await.unwrap();
    assert!(older.warnings.len() == 1 && warned(&older.warnings, "usr_People"), "so does one from before their people");
    remote.fault(FaultRule::always(Fault::EmptyList));
    let empty = remote.bridge(&[]).probe().await.unwrap();
    assert!(warned(&empty.warnings, "no lists") && warned(&empty.warnings, "RIALTO_UNSUB"));
}

#[tokio::test]
async fn the_setup_script_makes_what_the_connector_calls() {
    let remote = Remote::with(Options { people: 200, installed: false, ..Options::default() }).await;
    let bridge = remote.bridge(&[]);
    let before = bridge.lists().await.unwrap_err();
    assert_eq!(before.kind(), "rejected");
    assert!(before.to_string().contains(LISTS), "{before}");
    let report = remote.sandbox().run_setup(personify360::setup_script());
    let names = ProcedureNames::default();
    for name in [
        names.lists,
        names.fields,
        names.list_members,
        names.activities,
        names.codes,
        names.interests,
        names.interests_of,
        names.interest_members,
    ] {
        assert_eq!(report.procedures.iter().filter(|p| **p == name).count(), 1, "{name}");
    }
    let after = bridge.probe().await.unwrap();
    assert_eq!((after.lists, after.warnings), (9, vec![]));
}

#[tokio::test]
async fn names_can_be_changed() {
    let procedures = ProcedureNames {
        lists: "usr_L".into(),
        fields: "usr_F".into(),
        list_members: "usr_M".into(),
        codes: "usr_C".into(),
        ..ProcedureNames::default()
    };
    let remote = Remote::with(Options { people: 50, procedures, ..Options::default() }).await;
    let names =
        [("procedure_lists", "usr_L"), ("procedure_fields", "usr_F"), ("procedure_list_members", "usr_M"), ("procedure_codes", "usr_C")];
    let bridge = remote.bridge(&names);
    assert_eq!(bridge.probe().await.unwrap().lists, 9);
    assert_eq!(all_people(&bridge, "ALL_MEMBERS").await.unwrap().len(), 50);
}

#[tokio::test]
async fn rows_without_a_key_are_handed_on_without_one() {
    for people in [1_000, 4, 8, 704] {
        let remote = Remote::start(people).await;
        let bridge = remote.bridge(&[("page_rows", "100")]);
        remote.fault(FaultRule::always(Fault::MissingKey).on(MEMBERS));
        let rows = all_people(&bridge, "ALL_MEMBERS").await.unwrap();
        let keyless = rows.iter().filter(|p| p.remote_id.is_none()).count();
        assert!(keyless > 0, "{people}");
        assert!(rows.len() as u64 >= people, "{people}");
    }
}

#[tokio::test]
async fn a_renamed_column_of_the_lists_is_an_error() {
    for (fault, kind) in [
        (Fault::RenamedField { from: "LIST_CODE".into(), to: "CODE".into() }, "protocol"),
        (Fault::RenamedField { from: "MEMBER_COUNT".into(), to: "MEMBERS".into() }, "protocol"),
        (Fault::RenamedField { from: "LAST_REFRESHED".into(), to: "REFRESHED".into() }, "protocol"),
    ] {
        let remote = Remote::start(50).await;
        remote.fault(FaultRule::always(fault.clone()).on(LISTS));
        assert_eq!(remote.bridge(&[]).lists().await.unwrap_err().kind(), kind, "{fault:?}");
    }
}
