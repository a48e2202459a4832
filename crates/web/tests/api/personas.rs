//! Personas by API and pages: order, access, what is refused and how, the switch and its set-up page.

use axum::http::StatusCode;
use rialto_core::permissions::Role;
use rialto_store::writebacks;
use rialto_testkit::actor;
use serde_json::{Value, json};

use crate::admin_pages::Browser;
use crate::harness::Test;
use crate::runs::seeded;

async fn browser<'t>(test: &'t Test, email: &str, role: Role) -> Browser<'t> {
    test.user(email, role).await;
    Browser::of(test, email).await
}

async fn bridge_and_groups(test: &Test) -> Vec<String> {
    let (_, groups) = seeded(test, 3).await;
    let at = |g: &rialto_store::groups::Group| {
        rialto_core::PublicId::new(rialto_core::Kind::TargetGroup, rialto_core::Instant(g.created_at), g.id)
    };
    groups.iter().map(|g| at(g).to_string()).collect()
}

fn persona(name: &str, group: &str) -> Value {
    json!({"name": name, "avatar": "leaf", "description": "Who they are.", "target_group": group})
}

async fn names(test: &Test, token: &str) -> Vec<String> {
    let list = test.api(token, "GET", "/personas", None).await.json();
    list["items"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn personas_are_made_changed_ordered_and_deleted_by_those_who_may() {
    for test in Test::on_both().await {
        let groups = bridge_and_groups(&test).await;
        let (editor, viewer) = (test.token(Role::Marketer).await, test.token(Role::Viewer).await);
        assert_eq!(test.api(&viewer, "POST", "/personas", Some(persona("Student", &groups[0]))).await.status, StatusCode::FORBIDDEN);
        let mut made = Vec::new();
        for (name, group) in [("Student", &groups[0]), ("Member", &groups[1]), ("Friend", &groups[2])] {
            let answer = test.api(&editor, "POST", "/personas", Some(persona(name, group))).await;
            assert_eq!((answer.status, &answer.json()["state"]), (StatusCode::CREATED, &json!("following")), "{}", answer.text);
            made.push(answer.json());
        }
        let id = |n: usize| made[n]["id"].as_str().unwrap().to_owned();
        assert_eq!(
            (made[1]["position"].clone(), names(&test, &viewer).await),
            (json!(2), vec!["Student".into(), "Member".into(), "Friend".into()])
        );
        let people = made[0]["people"].as_str().unwrap();
        let group = test.api(&viewer, "GET", &format!("/target-groups/{people}"), None).await.json();
        assert_eq!((&group["kind"], &group["name"], &group["folder"]), (&json!("persona"), &json!("Student"), &json!("Personas")));
        let edit = json!({"include": {"mode": "any", "groups": [groups[2]]}});
        assert_eq!(
            test.api(&editor, "PATCH", &format!("/target-groups/{people}"), Some(edit)).await.status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
        assert_eq!(test.api(&editor, "DELETE", &format!("/target-groups/{people}"), None).await.status, StatusCode::CONFLICT);
        assert_eq!(test.api(&editor, "DELETE", &format!("/target-groups/{}", groups[0]), None).await.status, StatusCode::CONFLICT);

        let order = |ids: Vec<String>| Some(json!({"personas": ids}));
        let answer = test.api(&editor, "PUT", "/personas/order", order(vec![id(2), id(0), id(1)])).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(names(&test, &viewer).await, ["Friend", "Student", "Member"], "{}", test.name);
        assert_eq!(test.api(&editor, "PUT", "/personas/order", order(vec![id(2), id(0)])).await.status, StatusCode::CONFLICT);
        assert_eq!(test.api(&editor, "PUT", "/personas/order", order(vec!["x".into()])).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(test.api(&viewer, "PUT", "/personas/order", order(vec![id(0), id(1), id(2)])).await.status, StatusCode::FORBIDDEN);

        let path = format!("/personas/{}", id(0));
        let clash = test.api(&editor, "PATCH", &path, Some(json!({"name": "MEMBER"}))).await;
        assert_eq!((clash.status, clash.text.contains("named MEMBER already")), (StatusCode::CONFLICT, true), "{}", clash.text);
        for (field, wrong) in [
            ("name", json!({"name": " "})),
            ("avatar", json!({"avatar": "dragon"})),
            ("description", json!({"description": "x".repeat(4_001)})),
            ("target_group", json!({"target_group": "nobody"})),
        ] {
            let answer = test.api(&editor, "PATCH", &path, Some(wrong)).await;
            assert_eq!(
                (answer.status, &answer.json()["errors"][0]["field"]),
                (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)),
                "{}",
                answer.text
            );
        }
        let changed = test.api(&editor, "PATCH", &path, Some(json!({"name": "Students", "avatar": "book"}))).await.json();
        assert_eq!(
            (&changed["name"], &changed["avatar"], &changed["target_group"]),
            (&json!("Students"), &json!("book"), &json!(groups[0]))
        );
        test.api(&editor, "POST", "/target-groups/count", None).await;
        crate::people::run(&test, "UPDATE sync_run SET state = 'succeeded' WHERE state = 'queued'", vec![]).await;
        assert_eq!(test.api(&editor, "DELETE", &path, None).await.status, StatusCode::NO_CONTENT, "{}", test.name);
        assert_eq!(names(&test, &viewer).await, ["Friend", "Member"], "{}", test.name);
        assert_eq!(test.api(&editor, "GET", &path, None).await.status, StatusCode::NOT_FOUND);
        let audit = test.api(&test.token(Role::Admin).await, "GET", "/audit", None).await.json();
        let actions = audit["items"].as_array().unwrap().iter().map(|a| a["action"].as_str().unwrap());
        let actions: Vec<&str> = actions.filter(|a| a.starts_with("persona.")).collect();
        assert_eq!(actions, ["persona.delete", "persona.update", "persona.order", "persona.create", "persona.create", "persona.create"]);
    }
}

#[tokio::test]
async fn pages_say_what_is_to_be_mended_and_are_closed_to_those_who_may_not() {
    for test in Test::on_both().await {
        let groups = bridge_and_groups(&test).await;
        let mara = browser(&test, "mara@lumora.example", Role::Marketer).await;
        let vera = browser(&test, "vera@lumora.example", Role::Viewer).await;
        assert!(vera.get("/subscribers/personas").await.text.contains("No personas yet."), "{}", test.name);
        assert_eq!(vera.get("/subscribers/personas/new").await.status, StatusCode::FORBIDDEN);
        let wrong = [("name", "Student & <friend>"), ("avatar", "book"), ("description", ""), ("target_group", "")];
        let again = mara.post("/subscribers/personas/new", &wrong).await;
        assert_eq!((again.status, again.text.contains("Choose a target group.")), (StatusCode::UNPROCESSABLE_ENTITY, true));
        assert!(
            again.text.contains("Student &#38; &#60;friend&#62;") && !again.text.contains("<friend>"),
            "{}: what was entered stays",
            test.name
        );
        let right = [("name", "Student & <friend>"), ("avatar", "book"), ("description", "Learns."), ("target_group", groups[0].as_str())];
        assert_eq!(mara.post("/subscribers/personas/new", &right).await.status, StatusCode::SEE_OTHER);
        let twice = mara.post("/subscribers/personas/new", &right).await;
        assert_eq!((twice.status, twice.text.contains("already")), (StatusCode::UNPROCESSABLE_ENTITY, true), "{}", twice.text);
        let page = vera.get("/subscribers/personas").await.text;
        assert!(page.contains("Being sorted") && !page.contains("New persona") && !page.contains("data-sort"), "{}", test.name);
        assert_eq!(vera.post("/subscribers/personas/order", &[("personas", "")]).await.status, StatusCode::FORBIDDEN);
        // The bridge of this house has no table for personas.
        assert!(vera.get("/settings/remote-database").await.text.contains("No bridge has such tables."));
    }
}

#[tokio::test]
async fn the_switch_is_for_admins_and_the_page_shows_what_to_make() {
    for test in Test::on_both().await {
        let mut tx = test.app.db.write().await.unwrap();
        let entered = rialto_store::bridges::Entered { name: "iMIS".into(), enabled: true, ..Default::default() };
        let bridge = rialto_store::bridges::create(&mut tx, &test.app.vault, "imis", &entered, &actor()).await.unwrap();
        writebacks::ensure(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        let made = rialto_store::bridges::get(test.app.db.read(), bridge).await.unwrap().unwrap();
        let id = rialto_core::PublicId::new(rialto_core::Kind::Bridge, rialto_core::Instant(made.created_at), bridge).to_string();
        let ada = browser(&test, "ada@lumora.example", Role::Admin).await;
        let mara = browser(&test, "mara@lumora.example", Role::Marketer).await;
        let path = format!("/settings/remote-database/{id}");
        let (token, admin) = (test.token(Role::Marketer).await, test.token(Role::Admin).await);
        assert_eq!(test.api(&token, "POST", &format!("/bridges/{id}/send-personas"), None).await.status, StatusCode::FORBIDDEN);
        assert_eq!(test.api(&admin, "POST", &format!("/bridges/{id}/send-personas"), None).await.status, StatusCode::CONFLICT, "it is off");
        assert_eq!(mara.post(&path, &[("personas", "yes")]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(ada.post(&path, &[("personas", "perhaps")]).await.status, StatusCode::BAD_REQUEST);
        assert_eq!(ada.post(&path, &[("personas", "yes")]).await.status, StatusCode::SEE_OTHER);
        let page = mara.get("/settings/remote-database").await.text;
        for words in
            ["Send Persona Activity?", "INFORMZ_PERSONA", "SCORE_NAME   Char  255", "SCORE_DESC   Char  2000", "Looking at the table"]
        {
            assert!(page.contains(words), "{}: {words}", test.name);
        }
        let mut tx = test.app.db.write().await.unwrap();
        let fault = writebacks::SetUp {
            kinds: vec![rialto_core::writeback::WritebackKind::Persona],
            detail: "The column SCORE_NAME is missing in the table INFORMZ_PERSONA: add it as Char 255.".into(),
        };
        writebacks::keep_faults(&mut tx, bridge, &[fault], rialto_core::Instant(rialto_testkit::START)).await.unwrap();
        tx.commit().await.unwrap();
        let page = mara.get("/settings/remote-database").await.text;
        assert!(page.contains("add it as Char 255.") && page.contains("Table to be mended"), "{}", test.name);
        let settings = test.api(&token, "GET", &format!("/bridges/{id}/writeback-settings"), None).await.json();
        assert_eq!((&settings["personas"], &settings["set_up_faults"][0]["kinds"]), (&json!(true), &json!(["persona"])));
        assert_eq!(test.api(&admin, "POST", &format!("/bridges/{id}/send-personas"), None).await.status, StatusCode::ACCEPTED);
    }
}
