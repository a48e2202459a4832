//! What is read: what is particular to MemberSuite.

use std::collections::HashSet;

use rialto_connectors::catalogue::NoMode;
use rialto_core::consent::Flag;
use rialto_core::fields::{Cell, FieldType};
use rialto_core::writeback::InterestSource;
use rialto_sandbox::Fault;
use rialto_sandbox::membersuite::{Individual, NewIndividual};

use super::*;

const SEARCH: &str = "ExecuteSearch";

/// What the connector should yield for an individual.
fn expected(person: &Individual) -> RemotePerson {
    let text = |t: &str| Cell::Text(t.to_owned());
    let optional = |t: &Option<String>| t.as_deref().map_or(Cell::Null, text);
    let cents = person.dues_balance_cents;
    let cells = vec![
        optional(&person.email),
        text(&person.first_name),
        text(&person.last_name),
        optional(&person.title),
        text(&person.local_id.to_string()),
        optional(&person.region),
        person.member_since.map_or(Cell::Null, |date| text(&format!("{date}T00:00:00Z"))),
        text(&format!("{}.{:02}", cents / 100, cents % 100)),
    ];
    let flag = if person.do_not_email { Flag::No } else { Flag::Yes };
    RemotePerson { remote_id: Some(person.id.clone()), address: person.email.clone(), flag, cells }
}

fn truth(remote: &Remote, search: &str) -> Vec<RemotePerson> {
    remote.sandbox().search_people(search).iter().map(expected).collect()
}

#[tokio::test]
async fn only_public_active_searches_of_individuals_are_lists_and_they_have_no_counts() {
    let remote = Remote::start(200).await;
    let bridge = remote.bridge(&[]);
    let offered = |found: &rialto_sandbox::membersuite::Found| found.public && found.active && found.applicable_type == "Individual";
    let known: Vec<_> = remote.sandbox().searches().into_iter().filter(offered).map(|f| (f.id, f.name)).collect();
    let lists = bridge.lists().await.unwrap();
    assert!(lists.iter().all(|l| l.members.is_none() && l.active && l.modified_at.is_some() && !l.description.is_empty()));
    assert_eq!(lists.into_iter().map(|l| (l.code, l.name)).collect::<Vec<_>>(), known);
    assert_eq!(remote.calls("POST ExecuteSearch Individual"), 0, "a refresh executes no search");
    for name in ["Staff worklist", "Appeal 2019", "Organizations"] {
        assert_eq!(bridge.list(&remote.code(name)).await.unwrap(), None, "{name}");
        assert_eq!(all_people(&bridge, &remote.code(name)).await.unwrap_err().kind(), "rejected", "{name}");
    }
    let board = remote.code("Board");
    remote.sandbox().edit_search(&board, Some("The board"), None, Some(false));
    assert_eq!(bridge.list(&board).await.unwrap(), None);
    remote.sandbox().edit_search(&board, None, None, Some(true));
    assert_eq!(bridge.list(&board).await.unwrap().unwrap().name, "The board");
    for none in ["nobody", "", "6faf90e4-0032-0000-0000-000000000000", "x' or '1'='1"] {
        assert_eq!(bridge.list(none).await.unwrap(), None, "{none}");
    }
}

#[tokio::test]
async fn the_kind_is_as_the_source_describes_it() {
    let kind = kind("membersuite").unwrap();
    let names: Vec<&str> = kind.triggers.iter().map(|t| t.name()).collect();
    assert_eq!(names, ["refresh_groups", "refresh_bridge", "info", "send", "api", "cli"]);
    assert_eq!(kind.no_mode, NoMode::LeaveOut);
}

#[tokio::test]
async fn fields_are_those_that_the_settings_name_with_their_types() {
    let remote = Remote::start(20).await;
    let fields = remote.bridge(&[]).fields().await.unwrap();
    assert_eq!(fields.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), FIELDS);
    let of = |name: &str| fields.iter().find(|f| f.name == name).map(|f| (f.kind, f.label.as_str())).unwrap();
    assert_eq!(of("EmailAddress"), (FieldType::Text, "Email address"));
    assert_eq!(of("LocalID").0, FieldType::Integer);
    assert_eq!(of("MemberSince__c"), (FieldType::DateTime, "Member since"));
    assert_eq!(of("DuesBalance__c").0, FieldType::Decimal);
    let bridge = remote.bridge(&[("individual_fields", "LastName, ShoeSize__c")]);
    assert_eq!(bridge.fields().await.unwrap().len(), 2);
    let report = bridge.probe().await.unwrap();
    assert!(report.warnings.iter().any(|w| w.contains("ShoeSize__c")), "{:?}", report.warnings);
    remote.fault(FaultRule::always(Fault::Validation { status: 200, message: "No.".into() }).on("DescribeObject"));
    let undescribed = remote.bridge(&[]);
    assert!(undescribed.fields().await.unwrap().iter().all(|f| f.kind == FieldType::Text));
    assert!(undescribed.probe().await.unwrap().warnings.iter().any(|w| w.contains("does not describe")));
}

#[tokio::test]
async fn a_probe_reports_and_warns() {
    let remote = Remote::start(100).await;
    let report = remote.bridge(&[]).probe().await.unwrap();
    // The search of organizations is public, too.
    assert_eq!((report.lists, report.fields, report.warnings.len()), (8, 8, 1), "{:?}", report.warnings);
    let other = remote.bridge(&[("activity_type", "Carrier pigeon")]).probe().await.unwrap();
    assert!(other.warnings.iter().any(|w| w.contains("Carrier pigeon")));
    remote.fault(FaultRule::always(Fault::EmptyList).on("ExecuteMSQL SavedSearch"));
    assert!(remote.bridge(&[]).probe().await.unwrap().warnings.iter().any(|w| w.contains("no public, active search")));
}

#[tokio::test]
async fn a_session_that_ends_is_renewed_once() {
    let remote = Remote::start(900).await;
    let bridge = remote.bridge(&[("page_rows", "100")]);
    bridge.lists().await.unwrap();
    remote.sandbox().expire_sessions();
    let code = remote.code("All individuals");
    assert_eq!(all_people(&bridge, &code).await.unwrap(), truth(&remote, &code));
    assert_eq!(remote.calls("POST WhoAmI"), 2);
    // In the middle of a read, and by many at once.
    let short = Remote::with(Options { people: 900, session_seconds: 7, ..Options::default() }).await;
    let bridge = short.bridge(&[("page_rows", "100")]);
    let code = short.code("All individuals");
    let reads = futures::future::join_all((0..3).map(|_| all_people(&bridge, &code))).await;
    assert!(short.calls("POST WhoAmI") > 2);
    for read in reads.into_iter().flatten() {
        assert_eq!(read, truth(&short, &code));
    }
}

#[tokio::test]
async fn a_wrong_key_is_an_auth_error_that_holds_no_secret() {
    let remote = Remote::start(10).await;
    let wrong = "d3JvbmctaG9yc2UtYmF0dGVyeQ==";
    for bridge in
        [remote.signed(&[], wrong), remote.bridge(&[("access_key_id", "ANOTHERKEY")]), remote.bridge(&[("association_id", "no-one")])]
    {
        let error = bridge.lists().await.unwrap_err();
        assert_eq!(error.kind(), "auth");
        let told = format!("{error} {error:?}");
        assert!(told.contains("InvalidAccessKey") && !told.contains(wrong) && !told.contains("ANOTHERKEY"), "{told}");
    }
}

/// Rows that move between the pages: by their numbers alone, somebody would be missed.
#[tokio::test]
async fn nobody_is_missed_when_rows_move_and_nobody_comes_twice() {
    for fault in [Fault::MovingRows, Fault::RegenerateDuring, Fault::DuplicateRows] {
        let remote = Remote::start(1_000).await;
        let bridge = remote.bridge(&[("page_rows", "100")]);
        let code = remote.code("Newsletter readers");
        let before = truth(&remote, &code);
        remote.fault(FaultRule::always(fault.clone()).on(SEARCH));
        let people = all_people(&bridge, &code).await.unwrap();
        remote.sandbox().clear_faults();
        let after = truth(&remote, &code);
        let ids = |people: &[RemotePerson]| people.iter().map(|p| p.remote_id.clone().unwrap()).collect::<HashSet<_>>();
        let (before, after, read) = (ids(&before), ids(&after), ids(&people));
        assert_eq!(read.len(), people.len(), "{fault:?}: nobody twice");
        assert_eq!(before == after, matches!(fault, Fault::DuplicateRows), "{fault:?}: somebody moved");
        assert!(before.intersection(&after).all(|id| read.contains(id)), "{fault:?}");
        assert_eq!(before.len(), after.len(), "the count alone does not tell");
    }
}

#[tokio::test]
async fn rows_without_a_key_are_handed_on_without_one() {
    for people in [1_000, 4, 11, 704] {
        let remote = Remote::start(people).await;
        let bridge = remote.bridge(&[("page_rows", "100")]);
        remote.fault(FaultRule::always(Fault::MissingKey).on(SEARCH));
        let rows = all_people(&bridge, &remote.code("All individuals")).await.unwrap();
        assert!(rows.iter().any(|p| p.remote_id.is_none()), "{people}");
        assert_eq!(rows.len() as u64, people);
    }
}

#[tokio::test]
async fn a_wrong_total_of_a_statement_is_an_error() {
    for (fault, kind) in [(Fault::WrongTotal { delta: 2 }, "protocol"), (Fault::WrongTotal { delta: -2 }, "protocol")] {
        let remote = Remote::start(50).await;
        remote.fault(FaultRule::always(fault.clone()).on("ExecuteMSQL"));
        assert_eq!(remote.bridge(&[]).lists().await.unwrap_err().kind(), kind, "{fault:?}");
    }
}

#[tokio::test]
async fn new_individuals_are_found_with_do_not_email() {
    let remote = Remote::start(50).await;
    let new =
        NewIndividual { last_name: "Fresh".into(), newsletter: true, email: Some("fresh@new.example".into()), ..NewIndividual::default() };
    let id = remote.sandbox().create_person(new).unwrap().id;
    let people = all_people(&remote.bridge(&[]), &remote.code("Newsletter readers")).await.unwrap();
    let found = people.iter().find(|p| p.remote_id.as_ref() == Some(&id)).unwrap();
    assert_eq!((found.flag, found.address.as_deref()), (Flag::No, Some("fresh@new.example")));
}

#[tokio::test]
async fn interests_are_the_categories_that_people_did_not_opt_out_of() {
    let remote = Remote::start(100).await;
    let bridge = remote.bridge(&[]);
    let offered = bridge.interests().await.unwrap();
    let known = remote.sandbox().categories();
    let active: Vec<_> = known.iter().filter(|c| c.active).collect();
    assert!(active.len() < known.len() && offered.len() == active.len(), "{offered:?}");
    for (interest, category) in offered.iter().zip(&active) {
        assert_eq!((&interest.code, &interest.name, interest.active), (&category.id, &category.name, true));
        assert_eq!((interest.source, interest.subcode.as_str()), (InterestSource::Area, ""));
    }
    let mut outs = 0;
    for number in 1..=60 {
        let person = remote.sandbox().person(&remote.sandbox().id(number)).unwrap();
        outs += person.opt_outs.len();
        let has: Vec<_> = bridge.interests_of(&person.id).await.unwrap().into_iter().map(|i| i.code).collect();
        let truth: Vec<_> = known.iter().filter(|c| c.active && !person.opt_outs.contains(&c.id)).map(|c| c.id.clone()).collect();
        assert_eq!(has, truth, "{number}");
    }
    assert!(outs > 5);
    assert_eq!(bridge.interests_of("nobody").await.unwrap(), []);
}
