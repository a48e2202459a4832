//! What is read: what is particular to iMIS.

use std::collections::BTreeSet;

use rialto_connectors::ConnectorError;
use rialto_core::consent::Flag;
use rialto_core::fields::{Cell, FieldType};
use rialto_core::person::RemotePerson;
use rialto_sandbox::imis::{Column, Contact, QueryPatch};
use rialto_sandbox::{Fault, FaultRule};

use super::*;
use crate::support::people_of;

const FIELDS: &[&str] = &["FirstName", "LastName", "Title", "City", "IsMember"];

fn fields() -> Vec<String> {
    FIELDS.iter().map(|f| (*f).to_owned()).collect()
}

/// What the connector should yield for a contact whose query shows all columns.
fn expected(contact: &Contact) -> RemotePerson {
    let text = |t: &str| Cell::Text(t.to_owned());
    let flag = if contact.do_not_email() { Flag::No } else { Flag::Yes };
    let cells = vec![
        text(&contact.first_name),
        text(&contact.last_name),
        contact.title.as_deref().map_or(Cell::Null, text),
        text(&contact.city),
        text(if contact.is_member { "true" } else { "false" }),
    ];
    RemotePerson { remote_id: Some(contact.id.clone()), address: contact.email.clone(), flag, cells }
}

fn truth(remote: &Remote, name: &str) -> Vec<RemotePerson> {
    remote.sandbox().members(&path(name)).iter().map(expected).collect()
}

async fn read(bridge: &Bridge, name: &str) -> Result<Vec<RemotePerson>, ConnectorError> {
    people_of(bridge, &path(name), &fields()).await
}

#[tokio::test]
async fn without_a_column_about_it_preferences_say_who_may_be_mailed() {
    for generation in GENERATIONS {
        let remote = Remote::start(3_000, generation).await;
        let people = read(&remote.bridge(&[("page_rows", "150")]), "Conference Guests").await.unwrap();
        let truth = remote.sandbox().members(&path("Conference Guests"));
        assert_eq!(people.len(), truth.len());
        for (person, contact) in people.iter().zip(&truth) {
            assert_eq!(person.flag, expected(contact).flag, "{}", contact.id);
            assert_eq!((&person.cells[2], &person.cells[4]), (&Cell::Absent, &Cell::Absent), "columns that this query does not show");
            assert_eq!(person.cells[3], Cell::Text(contact.city.to_string()));
        }
        assert!(people.iter().any(|p| p.flag == Flag::No) && people.iter().any(|p| p.flag == Flag::Yes));
        // The older generation leaves out flags that are false: there only a member under another name can tell.
        remote.fault(FaultRule::always(Fault::RenamedField { from: "OptInFlag".into(), to: "Flag".into() }).on("Party"));
        assert_eq!(read(&remote.bridge(&[]), "Conference Guests").await.unwrap_err().kind(), "protocol");
        let refused = remote.bridge(&[("without_preference", "refused")]);
        remote.sandbox().clear_faults();
        let strict = read(&refused, "Conference Guests").await.unwrap();
        assert!(strict.iter().filter(|p| p.flag == Flag::No).count() > people.iter().filter(|p| p.flag == Flag::No).count());
    }
}

#[tokio::test]
async fn the_queries_of_the_folder_that_keep_the_rules_are_lists() {
    for generation in GENERATIONS {
        let remote = Remote::start(2_000, generation).await;
        let bridge = remote.bridge(&[]);
        let lists = bridge.lists().await.unwrap();
        let names: Vec<&str> = lists.iter().map(|l| l.name.as_str()).collect();
        assert_eq!(names, ["All Contacts", "Members", "Students", "Western Chapter", "Journal Readers", "Conference Guests"]);
        for list in &lists {
            let known = remote.sandbox().query(&list.code).unwrap();
            assert_eq!((list.members, list.active), (Some(known.members), true));
            assert_eq!(list.modified_at.unwrap().timestamp().as_second(), known.modified.as_second());
            assert_eq!(bridge.list(&list.code).await.unwrap().as_ref(), Some(list));
        }
        let report = bridge.probe().await.unwrap();
        assert_eq!((report.lists, report.fields), (6, 10));
        let warned = |name: &str, why: &str| report.warnings.iter().filter(|w| w.contains(name) && w.contains(why)).count();
        assert_eq!(warned("“By State”", "asks for “State”"), 1);
        assert_eq!(warned("“Board”", "not shared"), 1);
        assert_eq!(warned("“Nobody Yet”", "selects nobody"), 1);
        assert_eq!(warned("“Names Only”", "no column ID"), 1);
        assert_eq!(report.warnings.len(), 4, "{:?}", report.warnings);
        let offered = bridge.fields().await.unwrap();
        let kind = |name: &str| offered.iter().find(|f| f.name == name).unwrap().kind;
        assert_eq!((kind("City"), kind("IsMember")), (FieldType::Text, FieldType::Boolean));
        assert_eq!((kind("JoinDate"), kind("Balance")), (FieldType::DateTime, FieldType::Decimal));
        assert!(offered.iter().all(|f| !["ID", "Email", "DoNotEmail"].contains(&f.name.as_str())));
    }
}

#[tokio::test]
async fn a_list_that_is_gone_is_none_and_one_that_breaks_a_rule_is_an_error() {
    for generation in GENERATIONS {
        let remote = Remote::start(500, generation).await;
        let bridge = remote.bridge(&[]);
        let number = remote.sandbox().query(&path("Students")).unwrap().number;
        assert!(bridge.list(&path("Nothing")).await.unwrap().is_none());
        let empty = bridge.list(&path("Nobody Yet")).await.unwrap().unwrap();
        assert_eq!(empty.members, Some(0), "an empty list is an answer");
        assert_eq!(read(&bridge, "Nobody Yet").await.unwrap(), []);
        let columns = Some(Column::ALL.iter().copied().filter(|c| *c != Column::Email).collect());
        for (patch, why) in [
            (QueryPatch { prompt: Some("State".into()), ..QueryPatch::default() }, "asks for"),
            (QueryPatch { prompt: Some(String::new()), shared: Some(false), ..QueryPatch::default() }, "not shared"),
            (QueryPatch { shared: Some(true), columns, ..QueryPatch::default() }, "no column Email"),
        ] {
            remote.sandbox().patch_query(number, patch).unwrap();
            let error = bridge.list(&path("Students")).await.unwrap_err();
            assert!(error.kind() == "rejected" && error.to_string().contains(why), "{error}");
            assert!(read(&bridge, "Students").await.is_err(), "nobody left because of that");
        }
        remote.sandbox().delete_query(number);
        assert!(bridge.list(&path("Students")).await.unwrap().is_none());
        assert_eq!(read(&bridge, "Students").await.unwrap_err().kind(), "rejected");
        assert_eq!(remote.bridge(&[("lists_folder", "$/Nowhere")]).lists().await.unwrap_err().kind(), "rejected");
    }
}

#[tokio::test]
async fn a_token_that_runs_out_in_the_middle_of_a_read_is_renewed() {
    for generation in GENERATIONS {
        let remote = Remote::start(900, generation).await;
        let bridge = remote.bridge(&[("page_rows", "100")]);
        let (code, fields) = (path("All Contacts"), fields());
        let mut stream = bridge.people(&code, &fields);
        let mut people = Vec::new();
        while let Some(page) = futures::StreamExt::next(&mut stream).await {
            people.extend(page.unwrap().rows);
            remote.sandbox().expire_tokens();
        }
        assert_eq!(people, truth(&remote, "All Contacts"));
        assert!(remote.sandbox().tokens_issued() > 3);
        let before = remote.sandbox().tokens_issued();
        bridge.lists().await.unwrap();
        bridge.fields().await.unwrap();
        assert!(remote.sandbox().tokens_issued() <= before + 1, "one sign-in serves many requests");
    }
}

#[tokio::test]
async fn the_end_of_a_token_is_known_beforehand() {
    // The service's clock moves by a second with each request: its tokens are good for two.
    let remote = Remote::with(Options { people: 300, token_seconds: 3, ..Options::default() }).await;
    let bridge = remote.bridge(&[("page_rows", "100")]);
    assert_eq!(read(&bridge, "All Contacts").await.unwrap(), truth(&remote, "All Contacts"));
}

#[tokio::test]
async fn a_wrong_password_is_an_auth_error_and_no_error_holds_a_secret() {
    let remote = Remote::start(50, Generation::Ems).await;
    let error = remote.signed_in(&[], "wrong-horse-battery").lists().await.unwrap_err();
    assert_eq!(error.kind(), "auth");
    assert!(!format!("{error} {error:?}").contains("horse"), "{error:?}");
    for place in ["POST token", "FindByPath", "QueryDefinition", "GET query"] {
        remote.sandbox().clear_faults();
        remote.fault(FaultRule::always(Fault::BadCredentials).on(place));
        let error = remote.bridge(&[]).lists().await.unwrap_err();
        assert!(error.kind() == "auth" && !format!("{error} {error:?}").contains("horse"), "{place}: {error:?}");
    }
}

/// Somebody unread leaves while somebody behind the position joins: whoever stays is read, and the one who comes twice is noticed.
#[tokio::test]
async fn whoever_stays_is_read_although_rows_move() {
    for generation in GENERATIONS {
        for name in ["Members", "Journal Readers", "All Contacts"] {
            let remote = Remote::start(3_000, generation).await;
            let before = truth(&remote, name);
            let route = if generation == Generation::Ems { "GET query" } else { "GET iqa" };
            remote.fault(FaultRule::always(Fault::MovingRows).on(route));
            let read = read(&remote.bridge(&[("page_rows", "100")]), name).await.unwrap();
            let after = truth(&remote, name);
            let ids: BTreeSet<_> = read.iter().map(|p| p.remote_id.clone()).collect();
            for person in before.iter().filter(|p| after.contains(p)) {
                assert!(ids.contains(&person.remote_id), "{name}: {:?} stayed and was not read", person.remote_id);
            }
            assert!(before != after, "{name}: nobody moved");
        }
    }
}
