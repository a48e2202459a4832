//! Interests: used by people who may, chosen by link and on somebody's word, told, and never by looking.

use axum::http::StatusCode;
use rialto_core::Instant;
use rialto_core::permissions::Role;
use rialto_core::preference::Link;
use rialto_core::writeback::{InterestKey, InterestSource};
use rialto_store::interests::{self, Described};
use rialto_store::{args, writebacks};
use rialto_testkit::{START, actor};
use serde_json::{Value, json};

use crate::harness::{Answer, Test};
use crate::people::{people, run};
use crate::runs::seeded;

/// A bridge that offers three interests and brought five people.
async fn offered(test: &Test) -> i64 {
    let (bridge, groups) = seeded(test, 1).await;
    people(test, bridge, groups[0].id, 5).await;
    let one = |source, code: &str, subcode: &str, name: &str, active| Described {
        key: InterestKey { source, code: code.into(), subcode: subcode.into() },
        name: name.into(),
        active,
        members: Some(2),
    };
    let all = [
        one(InterestSource::Area, "EVENTS", "", "Events & <meetings>", true),
        one(InterestSource::Area, "YEARBOOK", "", "Yearbook", false),
        one(InterestSource::Demographic, "INTEREST", "BIRDS", "Birds", true),
    ];
    let mut tx = test.app.db.write().await.unwrap();
    interests::mirror(&mut tx, bridge, &all, Instant(START)).await.unwrap();
    writebacks::ensure(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    bridge
}

async fn all(test: &Test, token: &str) -> Vec<Value> {
    test.api(token, "GET", "/interests", None).await.json()["items"].as_array().unwrap().clone()
}

/// Takes the interest at a place into use, as if its people had been read: nobody but subscriber 2 has it.
async fn used(test: &Test, token: &str, place: usize) -> String {
    let id = all(test, token).await[place]["id"].as_str().unwrap().to_owned();
    let answer = test.api(token, "PATCH", &format!("/interests/{id}"), Some(json!({"used": true}))).await;
    assert_eq!((answer.status, &answer.json()["used"]), (StatusCode::OK, &json!(true)), "{}", answer.text);
    run(test, "INSERT INTO membership (group_id, subscriber_id) SELECT MAX(group_id), 2 FROM interest", args![]).await;
    run(test, "UPDATE target_group SET synced_at = $1, members = 1 WHERE id = (SELECT MAX(group_id) FROM interest)", args![Instant(START)])
        .await;
    id
}

fn link(test: &Test, subscriber_id: i64) -> String {
    format!("/u/{}", test.app.vault.preference_token(Link { subscriber_id, mailing_id: 0 }))
}

async fn told(test: &Test) -> Vec<(i64, String)> {
    let text = "SELECT subscriber_id, message FROM writeback WHERE kind = 'interests' ORDER BY id";
    test.app.db.read().all(text, args![]).await.unwrap()
}

async fn members(test: &Test) -> Vec<(i64, i64)> {
    let text = "SELECT g.members, m.subscriber_id FROM target_group g JOIN membership m ON m.group_id = g.id WHERE g.kind = 'interest'
        ORDER BY m.subscriber_id";
    test.app.db.read().all(text, args![]).await.unwrap()
}

async fn look(test: &Test, path: &str) -> Answer {
    test.get(path, "").await
}

#[tokio::test]
async fn whoever_may_takes_an_interest_into_use_and_its_people_are_asked_for() {
    for test in Test::on_both().await {
        offered(&test).await;
        let (editor, viewer) = (test.token(Role::Marketer).await, test.token(Role::Viewer).await);
        let items = all(&test, &viewer).await;
        assert_eq!(items.len(), 3, "{}", test.name);
        let first = &items[0];
        assert_eq!(
            (&first["source"], &first["code"], &first["used"], &first["active"]),
            (&json!("area"), &json!("EVENTS"), &json!(false), &json!(true))
        );
        let path = format!("/interests/{}", first["id"].as_str().unwrap());
        let patch = Some(json!({"used": true}));
        assert_eq!(test.api(&viewer, "PATCH", &path, patch.clone()).await.status, StatusCode::FORBIDDEN);
        assert_eq!(test.api(&editor, "PATCH", &path, Some(json!({"used": 1}))).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(test.api(&editor, "PATCH", "/interests/x", patch.clone()).await.status, StatusCode::NOT_FOUND);
        for _ in 0..2 {
            let now = test.api(&editor, "PATCH", &path, patch.clone()).await;
            assert_eq!((now.status, &now.json()["synced_at"]), (StatusCode::OK, &json!(null)), "{}", now.text);
        }
        let group = test.api(&viewer, "GET", &path, None).await.json()["target_group"].as_str().unwrap().to_owned();
        let shown = test.api(&viewer, "GET", &format!("/target-groups/{group}"), None).await.json();
        assert_eq!((&shown["kind"], &shown["name"]), (&json!("interest"), &json!("Events & <meetings>")));
        let runs = test.api(&viewer, "GET", &format!("/sync-runs?target_group={group}"), None).await.json();
        assert_eq!((&runs["total"], &runs["items"][0]["trigger"]), (&json!(1), &json!("resync")), "asked for once");
        let used = test.api(&viewer, "GET", "/interests?used=true", None).await.json();
        assert_eq!(used["total"], 1);
        assert_eq!(test.api(&editor, "DELETE", &format!("/target-groups/{group}"), None).await.status, StatusCode::CONFLICT);
        assert_eq!(test.api(&editor, "DELETE", &path, None).await.status, StatusCode::CONFLICT, "its run is still open");
        run(&test, "UPDATE sync_run SET state = 'succeeded' WHERE state = 'queued'", args![]).await;
        assert_eq!(test.api(&editor, "DELETE", &path, None).await.status, StatusCode::NO_CONTENT);
        assert_eq!(test.api(&viewer, "GET", &path, None).await.json()["used"], json!(false), "{}", test.name);
        assert_eq!(test.api(&viewer, "GET", &format!("/target-groups/{group}"), None).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_link_shows_and_changes_what_is_offered_and_nothing_else() {
    for test in Test::on_both().await {
        offered(&test).await;
        let editor = test.token(Role::Marketer).await;
        assert!(!look(&test, &link(&test, 1)).await.text.contains("What interests you"), "nothing is used");
        used(&test, &editor, 0).await;
        let (first, second) = (link(&test, 1), link(&test, 2));
        let page = look(&test, &first).await.text;
        assert!(page.contains("Events &#38; &#60;meetings&#62;") && !page.contains("Birds") && !page.contains("checked"), "{page}");
        assert!(look(&test, &second).await.text.contains("checked"));
        assert_eq!(told(&test).await, [], "looking changes nothing");
        // As sent from a page that showed it unticked; once more from the same, now old, page.
        for _ in 0..2 {
            let done = test.form(&first, "", &[("act", "interests"), ("want", "1")], &[]).await;
            assert_eq!((done.status, done.text.contains("your interests are saved")), (StatusCode::OK, true), "{}", done.text);
            assert!(done.text.contains("checked"));
        }
        assert_eq!(members(&test).await, [(2, 1), (2, 2)], "{}", test.name);
        // A page from before that is sent without touching anything gives nothing up.
        test.form(&first, "", &[("act", "interests")], &[]).await;
        // What is not used, is closed, or belongs to nobody is passed over.
        test.form(&first, "", &[("act", "interests"), ("was", "1"), ("want", "1"), ("want", "2"), ("want", "3"), ("want", "99")], &[])
            .await;
        let told_so_far = told(&test).await;
        assert_eq!(told_so_far.len(), 1, "{told_so_far:?}");
        let message: Value = serde_json::from_str(&told_so_far[0].1).unwrap();
        assert_eq!(message["what"]["interests"]["changes"][0]["code"], "EVENTS");
        test.form(&first, "", &[("act", "interests"), ("was", "1")], &[]).await;
        assert_eq!((members(&test).await, told(&test).await.len()), (vec![(1, 2)], 2), "{}", test.name);
        assert_eq!(test.form(&first, "", &[("act", "interests"), ("want", "x")], &[]).await.status, StatusCode::BAD_REQUEST);
        // Switched off: not offered, and an old page is refused.
        let mut tx = test.app.db.write().await.unwrap();
        let off = writebacks::Settings { interests: false, ..Default::default() };
        let bridge: (i64,) = tx.one("SELECT id FROM bridge WHERE id > 0 ORDER BY id LIMIT 1", args![]).await.unwrap();
        writebacks::put_settings(&mut tx, bridge.0, &off, &actor()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!look(&test, &first).await.text.contains("What interests you"));
        assert_eq!(test.form(&first, "", &[("act", "interests"), ("want", "1")], &[]).await.status, StatusCode::CONFLICT);
        assert_eq!(told(&test).await.len(), 2, "{}", test.name);
    }
}

#[tokio::test]
async fn somebody_acts_on_a_persons_word_with_its_proof() {
    for test in Test::on_both().await {
        offered(&test).await;
        let (editor, viewer) = (test.token(Role::Marketer).await, test.token(Role::Viewer).await);
        let id = used(&test, &editor, 2).await;
        let people = test.api(&viewer, "GET", "/subscribers", None).await.json();
        let path = format!("/subscribers/{}/interests", people["items"][0]["id"].as_str().unwrap());
        let mine = test.api(&viewer, "GET", &path, None).await.json();
        assert_eq!((&mine[0]["name"], &mine[0]["chosen"]), (&json!("Birds"), &json!(false)));
        let body = |proof: &str| Some(json!({"take": [id], "evidence": proof}));
        assert_eq!(test.api(&viewer, "POST", &path, body("a call")).await.status, StatusCode::FORBIDDEN);
        assert_eq!(test.api(&editor, "POST", &path, body(" ")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let done = test.api(&editor, "POST", &path, body("a call on Monday")).await;
        assert_eq!((done.status, &done.json()[0]["chosen"]), (StatusCode::OK, &json!(true)), "{}", done.text);
        let (actor, evidence): (String, String) =
            test.app.db.read().one("SELECT actor, evidence FROM interest_act", args![]).await.unwrap();
        assert_eq!((actor.as_str(), evidence.as_str()), ("token:marketer", "a call on Monday"));
        assert_eq!(told(&test).await.len(), 1, "{}", test.name);
    }
}
