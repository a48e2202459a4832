//! Marketing lists and their pages.

use std::collections::BTreeMap;

use rialto_sandbox::{Churn, Fault, FaultRule, Options, Sandbox, Who};

use crate::support::{Client, MEMBERS, id};

#[tokio::test]
async fn pages_give_every_member_once_and_as_held() {
    let client = Client::new(3_000);
    for list in client.sandbox.lists() {
        let held = client.sandbox.list_members(&list.code);
        let read = client.read(&list.code, 97).await;
        assert_eq!(read.len() as u64, list.member_count, "{}", list.code);
        assert_eq!(read.len(), held.len());
        for (row, person) in read.iter().zip(&held) {
            assert_eq!(id(row), person.remote_id());
            assert_eq!(row.get("PRIMARY_EMAIL_ADDRESS"), person.email.as_ref());
            assert_eq!(row["LAST_NAME"], person.last_name);
            assert_eq!(row.get("COMPANY_NAME").map(String::as_str), person.company_name.as_deref());
            assert_eq!(row["ALLOW_EMAIL_FLAG"] == "Y", person.allow_email);
        }
    }
}

#[tokio::test]
async fn lists_are_as_described() {
    let client = Client::new(3_000);
    let lists = client.rows("usr_Rialto_Lists", &[]).await;
    let find = |code: &str| lists.iter().find(|list| list["LIST_CODE"] == code).unwrap();
    assert_eq!(find("ALL_MEMBERS")["MEMBER_COUNT"], "3000");
    assert_eq!(find("BOARD")["MEMBER_COUNT"], "24");
    assert_eq!(find("EMPTY_LIST")["MEMBER_COUNT"], "0");
    assert_eq!(find("OLD_APPEAL")["ACTIVE_FLAG"], "N");
    assert_eq!(find("STUDENTS")["LIST_NAME"], "Students & early career");
    assert!(client.rows(MEMBERS, &[("ListCode", "NO_SUCH")]).await.is_empty());
    let fields = client.rows("usr_Rialto_Fields", &[]).await;
    assert!(fields.iter().any(|field| field["DATA_TYPE"] == "decimal"));
    let codes = client.rows("usr_Rialto_Codes", &[]).await;
    assert!(codes.iter().any(|code| code["CODE"] == "RIALTO_UNSUB"));
}

#[test]
fn counts_stay_exact_through_edits_and_churn() {
    let sandbox = Sandbox::new(Options { people: 5_000, ..Options::default() });
    let before = sandbox.list("NEWSLETTER").unwrap();
    assert_eq!(sandbox.remove_from_list("NEWSLETTER", &Who::First(10)), Some(10));
    assert_eq!(sandbox.add_to_list("NEWSLETTER", &Who::First(3)), Some(3));
    let after = sandbox.list("NEWSLETTER").unwrap();
    assert_eq!(after.member_count, before.member_count - 7);
    assert!(after.last_refreshed > before.last_refreshed);
    let old = sandbox.list_members("NEWSLETTER");
    let churn = Churn { changed_permille: 10, new_permille: 5, gone_permille: 5, round: 1 };
    let report = sandbox.churn("NEWSLETTER", churn).unwrap();
    let new = sandbox.list_members("NEWSLETTER");
    assert_eq!(new.len() as u64, report.members);
    assert_eq!(sandbox.list("NEWSLETTER").unwrap().member_count, report.members);
    let known: BTreeMap<String, _> = old.iter().map(|p| (p.remote_id(), p)).collect();
    let joined = new.iter().filter(|p| !known.contains_key(&p.remote_id())).count() as u64;
    assert_eq!(joined, report.new);
    let changed = new.iter().filter(|p| known.get(&p.remote_id()).is_some_and(|o| o != p)).count();
    assert_eq!(changed as u64, report.changed);
    assert!(report.changed > 0 && report.gone > 0 && report.new > 0);
    let again = sandbox.churn("NEWSLETTER", Churn { round: 2, ..churn }).unwrap();
    assert_eq!(sandbox.list_members("NEWSLETTER").len() as u64, again.members);
}

#[tokio::test]
async fn lists_change_between_pages_once_per_read() {
    let client = Client::new(400);
    let refreshed = || client.sandbox.list("NEWSLETTER").unwrap().last_refreshed;
    client.sandbox.inject(FaultRule::always(Fault::RegenerateDuring).times(2));
    for changes in [true, true, false] {
        let before = refreshed();
        client.read("NEWSLETTER", 50).await;
        assert_eq!(refreshed() != before, changes);
    }
    client.sandbox.clear_faults();
    client.sandbox.inject(FaultRule::always(Fault::MovingRows).times(1));
    let before = refreshed();
    let read: Vec<String> = client.read("NEWSLETTER", 50).await.iter().map(id).collect();
    let list = client.sandbox.list("NEWSLETTER").unwrap();
    assert!(list.last_refreshed > before);
    let held: Vec<String> = client.sandbox.list_members("NEWSLETTER").iter().map(|p| p.remote_id()).collect();
    assert_eq!(held.len() as u64, list.member_count);
    assert_eq!(held.iter().filter(|id| !read.contains(id)).count(), 1);
    let again: Vec<String> = client.read("NEWSLETTER", 50).await.iter().map(id).collect();
    assert_eq!(again, held);
}
