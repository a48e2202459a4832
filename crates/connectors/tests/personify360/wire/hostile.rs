//! Services that would fill Rialto's memory, hold it for ever, or empty what is stored.

use std::sync::atomic::{AtomicUsize, Ordering};

use rialto_core::fields::Cell;

use super::{Fake, json, xml};
use crate::support::{all_people, bridge_over, outbound, people_of};

const ENTITY_SET: (&str, &str) = ("lists_via", "entity_set");

fn set(rows: &str) -> Vec<u8> {
    xml(&format!("<NewDataSet>{rows}</NewDataSet>"))
}

fn member(key: u64, rest: &str) -> String {
    format!(
        "<Table><MASTER_CUSTOMER_ID>{key:012}</MASTER_CUSTOMER_ID><SUB_CUSTOMER_ID>0</SUB_CUSTOMER_ID>\
         <ALLOW_EMAIL_FLAG>Y</ALLOW_EMAIL_FLAG><ALLOW_SOLICITATION_FLAG>Y</ALLOW_SOLICITATION_FLAG>{rest}</Table>"
    )
}

const ADDRESS: &str = "<PRIMARY_EMAIL_ADDRESS>a@x.example</PRIMARY_EMAIL_ADDRESS>";

fn entity(key: u64, list: &str) -> String {
    format!(
        "{{\"ListCode\":\"{list}\",\"MasterCustomerId\":\"{key:012}\",\"SubCustomerId\":0,\"PrimaryEmailAddress\":\"a@x.example\",\
         \"AllowEmailFlag\":true,\"AllowSolicitationFlag\":true}}"
    )
}

/// Says that the list `L` has so many members, and something else to every other question.
fn entity_set(members: u64, people: impl Fn(&str) -> String + Send + Sync + 'static) -> impl Fn(&str) -> Vec<u8> + Send + Sync + 'static {
    move |request| {
        let list = format!(
            "{{\"d\":[{{\"ListCode\":\"L\",\"ListName\":\"L\",\"ActiveFlag\":true,\"LastRefreshed\":null,\"MemberCount\":{members}}}]}}"
        );
        if request.contains("/MarketingLists?") { json(&list) } else { json(&people(request)) }
    }
}

#[tokio::test]
async fn a_page_of_more_rows_than_were_asked_for_is_refused() {
    for rows in ["<T/>".repeat(100_000), (0..101).map(|i| member(i, ADDRESS)).collect()] {
        let fake = Fake::saying(set(&rows)).await;
        let error = all_people(&fake.bridge_with(&[("page_rows", "100")]), "L").await.unwrap_err();
        assert_eq!(error.kind(), "protocol");
        assert!(error.to_string().contains("more than the 100 rows"), "{error}");
    }
}

#[tokio::test]
async fn an_entity_set_of_millions_is_refused() {
    for filler in ["{},", "{\"a\":[]},", "{\"a\":{\"a\":1}},"] {
        let crowd = filler.repeat(150_000);
        let fake = Fake::answering(entity_set(10, move |_| format!("{{\"d\":[{crowd}{{}}]}}"))).await;
        let error = people_of(&fake.bridge_with(&[ENTITY_SET]), "L", &[]).await.unwrap_err();
        assert!(error.to_string().contains("more than the 100000 rows"), "{error}");
    }
}

#[tokio::test]
async fn a_small_answer_of_millions_of_rows_is_refused() {
    let fake = Fake::saying(set(&"<T/>".repeat(100_000))).await;
    let bridge = fake.bridge();
    for error in [bridge.lists().await.unwrap_err(), bridge.fields().await.unwrap_err()] {
        assert!(error.to_string().contains("more than the 50000 rows"), "{error}");
    }
}

#[tokio::test]
async fn a_column_that_no_row_has_leaves_what_is_stored() {
    let rows: String = (0..80).map(|i| member(i, ADDRESS)).collect();
    let (first, none) = (set(&rows), xml("No Data Found"));
    let fake =
        Fake::answering(move |r| if r.contains("<Name>@AfterMaster</Name><Value></Value>") { first.clone() } else { none.clone() }).await;
    let people = people_of(&fake.bridge(), "L", &["CITY".to_owned()]).await.unwrap();
    assert_eq!(people.len(), 80);
    assert!(people.iter().all(|p| p.cells == [Cell::Absent]));
}

#[tokio::test]
async fn a_short_list_without_the_address_column_blanks_nobody() {
    let rows: String = (0..2).map(|i| member(i, "")).collect();
    let error = all_people(&Fake::saying(set(&rows)).await.bridge(), "L").await.unwrap_err();
    assert!(error.to_string().contains("PRIMARY_EMAIL_ADDRESS"), "{error}");
}

#[tokio::test]
async fn a_service_that_deals_out_people_one_by_one_is_left() {
    let next = AtomicUsize::new(1);
    let fake = Fake::answering(move |_| set(&member(next.fetch_add(1, Ordering::SeqCst) as u64, ADDRESS))).await;
    let read = tokio::time::timeout(std::time::Duration::from_secs(60), all_people(&fake.bridge(), "L")).await;
    let error = read.expect("an end").unwrap_err();
    assert!(error.to_string().contains("far fewer rows"), "{error}");
    assert!(fake.asked.load(Ordering::SeqCst) < 200);
}

#[tokio::test]
async fn a_service_that_goes_back_is_left() {
    let next = AtomicUsize::new(1_000_000);
    let fake = Fake::answering(move |_| set(&member(next.fetch_sub(1, Ordering::SeqCst) as u64, ADDRESS))).await;
    let error = all_people(&fake.bridge(), "L").await.unwrap_err();
    assert!(error.to_string().contains("does not get on"), "{error}");
    assert_eq!(fake.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_position_that_cannot_be_a_key_is_refused() {
    for key in ["9".repeat(201), "A&#7;".to_owned(), "A\u{fffd}".to_owned()] {
        let row = member(1, ADDRESS).replace("000000000001", &key);
        let error = all_people(&Fake::saying(set(&row)).await.bridge(), "L").await.unwrap_err();
        assert!(error.to_string().contains("cannot be a key"), "{error}");
    }
}

#[tokio::test]
async fn an_entity_set_that_ignores_the_filter_is_noticed_on_the_first_page() {
    for (said, words) in [(entity(101, "L"), "MasterCustomerId"), (entity(0, "OTHER"), "ListCode")] {
        let body = format!("{{\"d\":[{said}]}}");
        let fake = Fake::answering(entity_set(1_000_000, move |_| body.clone())).await;
        let read = tokio::time::timeout(std::time::Duration::from_secs(20), people_of(&fake.bridge_with(&[ENTITY_SET]), "L", &[])).await;
        let error = read.expect("an end").unwrap_err();
        assert_eq!(error.kind(), "protocol");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(fake.asked.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn an_entity_set_that_only_ever_takes_small_steps_is_left() {
    // Empty where the range is narrow, out of order where it is wide.
    let turn = AtomicUsize::new(0);
    let people = move |_: &str| {
        let turn = turn.fetch_add(1, Ordering::SeqCst);
        if turn == 0 || turn % 2 == 1 { "{\"d\":[]}" } else { "{\"d\":1}" }.to_owned()
    };
    let fake = Fake::answering(entity_set(1_000_000, people)).await;
    let read = tokio::time::timeout(std::time::Duration::from_secs(60), people_of(&fake.bridge_with(&[ENTITY_SET]), "L", &[])).await;
    let error = read.expect("an end").unwrap_err();
    assert!(error.to_string().contains("far fewer rows"), "{error}");
}

#[tokio::test]
async fn bad_names_do_not_stop_a_bridge() {
    let list = |code: &str, name: &str| {
        format!(
            "<T><LIST_CODE>{code}</LIST_CODE><LIST_NAME>{name}</LIST_NAME><ACTIVE_FLAG>Y</ACTIVE_FLAG><MEMBER_COUNT>1</MEMBER_COUNT></T>"
        )
    };
    let lists = [list("GOOD", &format!("A&#0;B&#10;C{}", "x".repeat(60_000))), list("A&#0;", "x"), list(&"L".repeat(25), "x")].concat();
    let fake = Fake::saying(set(&lists)).await;
    let lists = fake.bridge().lists().await.unwrap();
    assert_eq!(lists.len(), 1);
    assert_eq!(lists[0].name, format!("AB C{}", "x".repeat(196)));
    let field =
        |name: &str, label: &str| format!("<T><COLUMN_NAME>{name}</COLUMN_NAME><DATA_TYPE>int</DATA_TYPE><LABEL>{label}</LABEL></T>");
    let fields = [field("GOOD", &"y".repeat(70_000)), field("B&#1;", "x"), field(&"F".repeat(129), "x")].concat();
    let fake = Fake::saying(set(&fields)).await;
    let fields = fake.bridge().fields().await.unwrap();
    assert_eq!(fields.len(), 1);
    assert_eq!((fields[0].name.as_str(), fields[0].label.len()), ("GOOD", 200));
}

#[tokio::test]
async fn a_huge_member_count_does_not_lengthen_a_read() {
    let fake = Fake::answering(entity_set(u64::MAX, |_| "{\"d\":[]}".to_owned())).await;
    assert_eq!(people_of(&fake.bridge_with(&[ENTITY_SET]), "L", &[]).await.unwrap(), []);
    assert!(fake.asked.load(Ordering::SeqCst) < 50);
}

#[tokio::test]
async fn two_runs_of_a_bridge_share_its_requests_per_second() {
    let fake = Fake::saying(xml("No Data Found")).await;
    let outbound = outbound(&["127.0.0.0/8"]).unwrap();
    let open = || bridge_over(&outbound, &fake.root(), &[("requests_per_second", "4")], "u", "p").unwrap();
    let began = tokio::time::Instant::now();
    futures::future::join_all((0..3).map(|_| {
        let bridge = open();
        async move {
            for _ in 0..4 {
                assert_eq!(bridge.lists().await.unwrap(), []);
            }
        }
    }))
    .await;
    // Four at once, eight more at four a second.
    assert!(began.elapsed() >= std::time::Duration::from_millis(1_900), "{:?}", began.elapsed());
}
