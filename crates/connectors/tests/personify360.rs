//! The Personify360 connector against the simulated data service: what is read, and what becomes of every fault. Beside it, in the
//! same program, the connectors to other systems.

mod imis;
mod membersuite;
mod support;
mod wire;
mod writing;

use rialto_connectors::{ConnectorError, personify360};
use rialto_core::consent::Flag;
use rialto_core::fields::{Cell, FieldType};
use rialto_core::person::RemotePerson;
use rialto_sandbox::{Fault, FaultRule, Options, Person, ProcedureNames};
use support::{Bridge, FIELDS, Remote, all_people, fields};

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
async fn every_person_of_every_list_is_read_once_and_as_they_are() {
    let remote = Remote::start(3_000).await;
    for rows in ["100", "997", "20000"] {
        let bridge = remote.bridge(&[("page_rows", rows)]);
        for list in remote.sandbox().lists() {
            let people = all_people(&bridge, &list.code).await.unwrap();
            assert_eq!(people, truth(&remote, &list.code), "{} by {rows}", list.code);
        }
    }
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

/// Reads the list of everybody under a fault.
async fn under(fault: Fault) -> (Remote, Bridge, Result<Vec<RemotePerson>, ConnectorError>) {
    let remote = Remote::start(1_000).await;
    let bridge = remote.bridge(&[("page_rows", "200")]);
    remote.fault(FaultRule::always(fault).on(MEMBERS));
    let read = all_people(&bridge, "ALL_MEMBERS").await;
    (remote, bridge, read)
}

// Many at once, and the simulated remote answers from this very runtime: one thread would be late for some.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn faults_that_stay_become_errors_of_their_class() {
    let renamed = |from: &str| Fault::RenamedField { from: from.into(), to: "OTHER".into() };
    let cases = [
        (Fault::RateLimited { retry_after: "900".into() }, "limited", ""),
        (Fault::RateLimited { retry_after: "0".into() }, "limited", ""),
        (Fault::ServerError { status: 500 }, "transient", "The service is unavailable."),
        (Fault::ServerError { status: 503 }, "transient", MEMBERS),
        (Fault::ServerError { status: 422 }, "rejected", MEMBERS),
        (Fault::Timeout { seconds: 30 }, "transient", "in time"),
        (Fault::SlowBody { bytes_per_second: 100 }, "transient", "in time"),
        (Fault::CutBody { after_bytes: 1_000 }, "transient", "broke"),
        (Fault::HtmlPage, "protocol", "web page"),
        (Fault::TruncatedPayload, "protocol", "cut off"),
        (Fault::OversizeValue { bytes: 9 << 19 }, "protocol", "4194304 bytes"),
        (Fault::BadCredentials, "auth", "Access is denied."),
        (renamed("MASTER_CUSTOMER_ID"), "protocol", "MASTER_CUSTOMER_ID"),
        (renamed("SUB_CUSTOMER_ID"), "protocol", "SUB_CUSTOMER_ID"),
        (renamed("PRIMARY_EMAIL_ADDRESS"), "protocol", "PRIMARY_EMAIL_ADDRESS"),
        (renamed("ALLOW_EMAIL_FLAG"), "protocol", "ALLOW_EMAIL_FLAG"),
        (renamed("ALLOW_SOLICITATION_FLAG"), "protocol", "ALLOW_SOLICITATION_FLAG"),
        (renamed("CITY"), "protocol", "CITY"),
    ];
    let reads = cases.map(|(fault, kind, words)| async move {
        let shown = format!("{fault:?}");
        let (_remote, _bridge, read) = under(fault).await;
        let error = read.expect_err(&shown);
        assert_eq!(error.kind(), kind, "{shown}: {error}");
        assert!(error.to_string().contains(words), "{shown}: {error}");
        assert!(!error.to_string().contains("sandbox"), "{shown}: {error}");
    });
    futures::future::join_all(reads).await;
}

#[tokio::test]
async fn faults_that_pass_are_not_noticed() {
    for fault in [
        Fault::RateLimited { retry_after: "1".into() },
        Fault::RateLimited { retry_after: "never".into() },
        Fault::ServerError { status: 502 },
        Fault::CutBody { after_bytes: 10 },
        Fault::Timeout { seconds: 30 },
    ] {
        let remote = Remote::start(600).await;
        let bridge = remote.bridge(&[("page_rows", "200")]);
        remote.fault(FaultRule::always(fault.clone()).on(MEMBERS).after(1).times(1));
        assert_eq!(all_people(&bridge, "ALL_MEMBERS").await.unwrap(), truth(&remote, "ALL_MEMBERS"), "{fault:?}");
        assert_eq!(remote.sandbox().faults()[0].fired, 1);
    }
}

#[tokio::test]
async fn a_longer_retry_after_is_handed_on_at_once() {
    let (_remote, _bridge, read) = under(Fault::RateLimited { retry_after: "1000000000".into() }).await;
    let Err(ConnectorError::Limited { retry_after: Some(wait) }) = read else { panic!("{read:?}") };
    assert_eq!(wait.as_secs(), 3_600);
}

#[tokio::test]
async fn pages_already_read_stand_when_a_later_one_fails() {
    let remote = Remote::start(1_000).await;
    let bridge = remote.bridge(&[("page_rows", "200")]);
    remote.fault(FaultRule::always(Fault::HtmlPage).on(MEMBERS).after(2));
    let (pages, error) = support::pages(&bridge, "ALL_MEMBERS").await;
    assert_eq!(pages.iter().map(|p| p.rows.len()).collect::<Vec<_>>(), [200, 200]);
    assert_eq!(error.unwrap().kind(), "protocol");
}

#[tokio::test]
async fn an_empty_answer_is_no_people_and_the_count_still_tells_the_truth() {
    let (_remote, bridge, read) = under(Fault::EmptyList).await;
    assert_eq!(read.unwrap(), []);
    assert_eq!(bridge.list("ALL_MEMBERS").await.unwrap().unwrap().members, Some(1_000));
}

#[tokio::test]
async fn rows_that_come_twice_are_handed_on_for_the_books() {
    let (_remote, _bridge, read) = under(Fault::DuplicateRows).await;
    let people = read.unwrap();
    let distinct: std::collections::HashSet<_> = people.iter().map(|p| p.remote_id.clone()).collect();
    assert_eq!(distinct.len(), 1_000);
    assert!(people.len() > 1_000);
}

#[tokio::test]
async fn a_list_that_moves_or_is_made_anew_shows_it_in_its_dates() {
    for fault in [Fault::MovingRows, Fault::RegenerateDuring] {
        let remote = Remote::start(1_000).await;
        let bridge = remote.bridge(&[("page_rows", "200")]);
        let before = bridge.list("NEWSLETTER").await.unwrap().unwrap();
        remote.fault(FaultRule::always(fault.clone()).on(MEMBERS));
        let people = all_people(&bridge, "NEWSLETTER").await.unwrap();
        assert!(!people.is_empty());
        let after = bridge.list("NEWSLETTER").await.unwrap().unwrap();
        assert_ne!(before.refreshed_at, after.refreshed_at, "{fault:?}");
    }
}

#[tokio::test]
async fn a_wrong_total_is_told_as_the_remote_tells_it() {
    let remote = Remote::start(1_000).await;
    remote.fault(FaultRule::always(Fault::WrongTotal { delta: 7 }).on(LISTS));
    assert_eq!(remote.bridge(&[]).list("ALL_MEMBERS").await.unwrap().unwrap().members, Some(1_007));
}

#[tokio::test]
async fn a_long_value_is_cut_and_bad_bytes_stay_where_they_are() {
    let (remote, _bridge, read) = under(Fault::OversizeValue { bytes: 1 << 20 }).await;
    let Cell::Text(long) = &read.unwrap()[0].cells[0] else { panic!("no text") };
    assert_eq!(long.len(), 64 << 10);
    let first = truth(&remote, "ALL_MEMBERS");
    let (_remote, _bridge, read) = under(Fault::InvalidUtf8).await;
    let people = read.unwrap();
    assert_eq!(people.len(), 1_000);
    let Cell::Text(spoiled) = &people[0].cells[0] else { panic!("no text") };
    assert!(spoiled.starts_with('\u{fffd}'));
    assert_eq!(people[0].remote_id, first[0].remote_id);
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
async fn lists_under_faults() {
    for (fault, kind) in [
        (Fault::HtmlPage, "protocol"),
        (Fault::TruncatedPayload, "protocol"),
        (Fault::BadCredentials, "auth"),
        (Fault::CutBody { after_bytes: 100 }, "transient"),
        (Fault::RenamedField { from: "LIST_CODE".into(), to: "CODE".into() }, "protocol"),
        (Fault::RenamedField { from: "MEMBER_COUNT".into(), to: "MEMBERS".into() }, "protocol"),
        (Fault::RenamedField { from: "LAST_REFRESHED".into(), to: "REFRESHED".into() }, "protocol"),
    ] {
        let remote = Remote::start(50).await;
        remote.fault(FaultRule::always(fault.clone()).on(LISTS));
        assert_eq!(remote.bridge(&[]).lists().await.unwrap_err().kind(), kind, "{fault:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_an_auth_error_without_the_password() {
    let remote = Remote::start(10).await;
    let bridge = remote.signed_in("rialto", "wrong-horse-battery");
    let error = bridge.lists().await.unwrap_err();
    assert_eq!(error.kind(), "auth");
    assert!(!format!("{error} {error:?}").contains("wrong-horse"));
}

#[tokio::test]
async fn a_dropped_stream_stops_reading() {
    let remote = Remote::start(5_000).await;
    let bridge = remote.bridge(&[("page_rows", "100")]);
    let fields = fields();
    let mut people = bridge.people("ALL_MEMBERS", &fields);
    futures::StreamExt::next(&mut people).await.unwrap().unwrap();
    drop(people);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let calls = remote.calls();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(remote.calls(), calls);
    assert!(calls < 10, "{calls}");
    assert_eq!(FIELDS.len(), fields.len());
}
