//! Groups made of others, splits and folders, as a program sees them.

use axum::http::StatusCode;
use rialto_core::permissions::Role;
use rialto_core::run::RunState;
use rialto_store::groups::{self, Group};
use rialto_store::{args, compound, runs as store_runs};
use serde_json::{Value, json};

use crate::harness::Test;
use crate::people::{all_pages, people, run};
use crate::runs::{ended, id_of, seeded};

/// Three lists of five people; the second holds 1 and 2, the third 5. All were synced.
async fn three(test: &Test) -> (i64, Vec<Group>) {
    let (bridge, all) = seeded(test, 3).await;
    people(test, bridge, all[0].id, 5).await;
    for (group, person) in [(1, 1_i64), (1, 2), (2, 5)] {
        run(test, "INSERT INTO membership (group_id, subscriber_id) VALUES ($1, $2)", args![all[group].id, person]).await;
    }
    run(
        test,
        "UPDATE target_group SET members = CASE name WHEN 'List 000' THEN 5 WHEN 'List 001' THEN 2 ELSE 1 END, synced_run = 1",
        args![],
    )
    .await;
    (bridge, all)
}

fn new(name: &str, include: (&str, &[&str]), exclude: Option<(&str, &[&str])>) -> Value {
    let side = |(mode, groups): (&str, &[&str])| json!({"mode": mode, "groups": groups});
    json!({"kind": "compound", "name": name, "include": side(include), "exclude": exclude.map(side)})
}

#[tokio::test]
async fn a_compound_group_is_counted_made_changed_and_deleted() {
    for test in Test::on_both().await {
        let token = test.token(Role::Marketer).await;
        let (_, all) = three(&test).await;
        let ids = [0, 1, 2].map(|n: usize| id_of(&all[n]));
        let [one, two, three] = ids.each_ref().map(String::as_str);
        let sides = new("x", ("any", &[one]), Some(("any", &[two, three])));
        let asked = json!({"include": sides["include"], "exclude": sides["exclude"]});
        let count = test.api(&token, "POST", "/target-groups/count", Some(asked)).await;
        assert_eq!((count.status, count.json()), (StatusCode::OK, json!({"people": 2, "notes": []})));

        let mut body = new("  Without the board ", ("any", &[one]), Some(("any", &[two, three])));
        body["folder"] = json!("Spring / Tests");
        body["description"] = json!("For the newsletter");
        let key = [("idempotency-key", "make")];
        let made = test.api_with(&token, "POST", "/target-groups", Some(body.clone()), &key).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        assert_eq!(test.api_with(&token, "POST", "/target-groups", Some(body), &key).await.json(), made.json(), "made once");
        let made = made.json();
        assert_eq!(
            (&made["kind"], &made["name"], &made["folder"], &made["bridge"], &made["run"]["state"], &made["run"]["trigger"]),
            (&json!("compound"), &json!("Without the board"), &json!("Spring/Tests"), &json!(null), &json!("queued"), &json!("api"))
        );
        let definition = &made["definition"];
        assert_eq!(
            (&definition["form"], &definition["include"]["mode"], &definition["ready"]),
            (&json!("compound"), &json!("any"), &json!(true))
        );
        let excluded: Vec<&str> = definition["exclude"]["groups"].as_array().unwrap().iter().map(|g| g["name"].as_str().unwrap()).collect();
        assert_eq!(excluded, ["List 001", "List 002"]);
        let path = format!("/target-groups/{}", made["id"].as_str().unwrap());
        let used = test.api(&token, "GET", &format!("/target-groups/{two}"), None).await.json();
        assert_eq!(used["used_by"], json!([{"id": made["id"], "name": "Without the board"}]));
        assert_eq!(used["definition"], json!(null));
        assert_eq!(all_pages(&test, &token, "/target-groups?kind=compound").await.len(), 1, "{}", test.name);

        let preview = test.api(&token, "POST", &format!("{path}/preview"), None).await.json();
        assert_eq!(preview, json!({"people": 2, "joins": 2, "leaves": 0, "notes": []}));
        let other = json!({"include": {"mode": "all", "groups": [one, two]}});
        let preview = test.api(&token, "POST", &format!("{path}/preview"), Some(other.clone())).await.json();
        assert_eq!(preview["people"], 2);
        let mut change = other;
        change["name"] = json!("Both");
        let changed = test.api(&token, "PATCH", &path, Some(change)).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
        let changed = changed.json();
        assert_eq!(
            (&changed["name"], &changed["description"], &changed["definition"]["include"]["mode"], &changed["definition"]["exclude"]),
            (&json!("Both"), &json!("For the newsletter"), &json!("all"), &json!(null))
        );
        let synced = test.api(&token, "POST", &format!("{path}/sync"), None).await;
        assert_eq!((synced.status, &synced.json()["run"]["id"]), (StatusCode::ACCEPTED, &made["run"]["id"]), "it joins the queued one");
        let part = test.api(&token, "DELETE", &format!("/target-groups/{two}"), None).await;
        assert_eq!(part.status, StatusCode::CONFLICT);
        // The pages show it too.
        test.user("ann@rialto.example", Role::Marketer).await;
        let session = test.sign_in("ann@rialto.example").await;
        let run_page = format!("/sync-runs/{}", made["run"]["id"].as_str().unwrap());
        for page in [
            "/target-groups",
            "/",
            &path,
            &format!("{path}/subscribers"),
            &format!("{path}/sync-runs"),
            &format!("{path}/about"),
            &run_page,
        ] {
            assert_eq!(test.get(page, &session).await.status, StatusCode::OK, "{page}");
        }
        let busy = test.api(&token, "DELETE", &path, None).await;
        assert_eq!(busy.status, StatusCode::CONFLICT, "its run is under way");
        run(&test, "UPDATE sync_run SET state = 'succeeded' WHERE state = 'queued'", args![]).await;
        assert_eq!(test.api(&token, "DELETE", &path, None).await.status, StatusCode::NO_CONTENT);
        let used = test.api(&token, "GET", &format!("/target-groups/{two}"), None).await.json();
        assert_eq!(used["used_by"], json!([]));
        assert!(!compound::ask_outdated(&test.app.db, test.app.clock.now()).await.unwrap(), "a deleted group is left alone");
    }
}

#[tokio::test]
async fn faulty_definitions_name_the_field_and_write_nothing() {
    for test in Test::on_both().await {
        let token = test.token(Role::Marketer).await;
        let (bridge, all) = three(&test).await;
        let ids = [0, 1].map(|n: usize| id_of(&all[n]));
        let [one, two] = ids.each_ref().map(String::as_str);
        let unknown = one.replace(&one[one.len() - 4..], "0fff");
        let many = vec![one; 51];
        let nobody: &[&str] = &[];
        for (body, field) in [
            (new("x", ("any", nobody), None), "include.groups"),
            (new("x", ("any", &[one, &unknown]), None), "include.groups[1]"),
            (new("x", ("any", &["x"]), None), "include.groups[0]"),
            (new("x", ("none", &[one]), None), "include.mode"),
            (new("x", ("any", &[one]), Some(("any", &[two, one]))), "exclude.groups[1]"),
            (new("x", ("any", &many), None), "include.groups"),
            (new(" ", ("any", &[one]), None), "name"),
            (json!({"kind": "remote", "name": "x", "include": {"mode": "any", "groups": [one]}}), "kind"),
            (json!({"kind": "compound", "name": "x"}), "include"),
            (json!({"kind": "compound", "name": "x", "folder": "a//b", "include": {"mode": "any", "groups": [one]}}), "folder"),
        ] {
            let answer = test.api(&token, "POST", "/target-groups", Some(body.clone())).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", answer.text);
            assert_eq!(answer.json()["errors"][0]["field"], field, "{body}: {}", answer.text);
        }
        assert_eq!(all_pages(&test, &token, "/target-groups?kind=compound").await.len(), 0);
        let remote = format!("/target-groups/{one}");
        let sides = json!({"include": {"mode": "any", "groups": [two]}});
        let answer = test.api(&token, "PATCH", &remote, Some(sides)).await;
        assert_eq!((answer.status, answer.json()["errors"][0]["field"].clone()), (StatusCode::UNPROCESSABLE_ENTITY, json!("include")));
        assert_eq!(test.api(&token, "POST", &format!("{remote}/preview"), None).await.status, StatusCode::CONFLICT);
        // A circle is told by name.
        let made = |name: &str, of: &str| new(name, ("any", &[of]), None);
        let inner = test.api(&token, "POST", "/target-groups", Some(made("Inner", one))).await.json()["id"].as_str().unwrap().to_owned();
        let outer = test.api(&token, "POST", "/target-groups", Some(made("Outer", &inner))).await.json()["id"].as_str().unwrap().to_owned();
        let circle = json!({"name": "Renamed", "include": {"mode": "any", "groups": [outer]}});
        let answer = test.api(&token, "PATCH", &format!("/target-groups/{inner}"), Some(circle)).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert_eq!(answer.json()["detail"], "The target group would be made of itself: Inner → Outer → Inner.");
        assert_eq!(test.api(&token, "GET", &format!("/target-groups/{inner}"), None).await.json()["name"], "Inner", "all or nothing");
        // A held part is shown as such.
        run(&test, "UPDATE sync_run SET state = 'succeeded' WHERE state = 'queued'", args![]).await;
        let held = ended(&test, bridge, all[0].id, RunState::Held).await;
        let part =
            test.api(&token, "GET", &format!("/target-groups/{inner}"), None).await.json()["definition"]["include"]["groups"][0].clone();
        assert_eq!((&part["state"], &part["held_run"], &part["members"]), (&json!("held"), &json!(held), &json!(5)));
        let count = json!({"include": {"mode": "any", "groups": [one]}});
        let count = test.api(&token, "POST", "/target-groups/count", Some(count)).await.json();
        assert_eq!(count["notes"], json!(["List 000 waits for a decision on who leaves it."]));
    }
}

#[tokio::test]
async fn a_split_makes_its_parts_at_once_or_none() {
    for test in Test::on_both().await {
        let token = test.token(Role::Marketer).await;
        let (_, all) = three(&test).await;
        let path = format!("/target-groups/{}/split", id_of(&all[0]));
        for (body, field) in [
            (json!({}), "parts"),
            (json!({"parts": 2, "percentages": [50]}), "parts"),
            (json!({"parts": 1}), "parts"),
            (json!({"parts": 21}), "parts"),
            (json!({"percentages": [60, 60]}), "percentages"),
            (json!({"percentages": [0]}), "percentages"),
            (json!({"parts": 2, "folder": "/"}), "folder"),
        ] {
            let answer = test.api(&token, "POST", &path, Some(body.clone())).await;
            assert_eq!((answer.status, &answer.json()["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)), "{body}");
        }
        let made = test.api(&token, "POST", &path, Some(json!({"percentages": [10, 45]}))).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let made = made.json();
        let names: Vec<&str> = made["items"].as_array().unwrap().iter().map(|g| g["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["List 000 (1 of 2: 10 %)", "List 000 (2 of 2: 45 %)"]);
        assert_eq!((&made["items"][0]["folder"], &made["runs"][1]["target_group"]), (&json!("Personify"), &made["items"][1]["id"]));
        let part = format!("/target-groups/{}", made["items"][1]["id"].as_str().unwrap());
        let share = test.api(&token, "GET", &part, None).await.json()["definition"].clone();
        assert_eq!(
            (&share["form"], &share["share"]["percent"], &share["share"]["parent"]["name"]),
            (&json!("share"), &json!(45.0), &json!("List 000"))
        );
        let answer = test.api(&token, "PATCH", &part, Some(json!({"include": {"mode": "any", "groups": []}}))).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "a share is what its split made it");
        let renamed = test.api(&token, "PATCH", &part, Some(json!({"name": "Test half"}))).await.json();
        assert_eq!(renamed["name"], "Test half");
        let preview = test.api(&token, "POST", &format!("{part}/preview"), None).await.json();
        assert!(preview["people"].as_i64().unwrap() <= 5 && preview["joins"] == preview["people"], "{preview}");
        // All parts of the split are asked for in the same moment.
        let queued: Vec<_> = made["runs"].as_array().unwrap().iter().map(|r| r["state"].as_str().unwrap()).collect();
        assert_eq!(queued, ["queued", "queued"]);
        assert!(store_runs::held_of_group(test.app.db.read(), all[0].id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn folders_are_made_moved_and_emptied_and_a_refresh_leaves_groups_where_they_are() {
    for test in Test::on_both().await {
        let token = test.token(Role::Marketer).await;
        let (bridge, all) = seeded(&test, 3).await;
        let tree = async || {
            let rows = all_pages(&test, &token, "/folders").await;
            rows.iter()
                .map(|f| (f["path"].as_str().unwrap().to_owned(), f["groups"].as_i64().unwrap(), f["groups_below"].as_i64().unwrap()))
                .collect::<Vec<_>>()
        };
        assert_eq!(tree().await, [("Personify".into(), 3, 0)], "the bridge's own folder");
        let own = all_pages(&test, &token, "/folders").await[0].clone();
        assert!(own["bridge"].is_string());
        let spring = test.api(&token, "POST", "/folders", Some(json!({"name": " Spring "}))).await;
        assert_eq!(spring.status, StatusCode::CREATED, "{}", spring.text);
        let spring = spring.json()["id"].as_str().unwrap().to_owned();
        let taken = test.api(&token, "POST", "/folders", Some(json!({"name": "SPRING"}))).await;
        assert_eq!(taken.status, StatusCode::CONFLICT);
        let news = test.api(&token, "POST", "/folders", Some(json!({"name": "News", "parent": spring}))).await.json();
        assert_eq!((&news["path"], &news["parent"], &news["depth"]), (&json!("Spring/News"), &json!(spring), &json!(1)));
        let group = format!("/target-groups/{}", id_of(&all[1]));
        assert_eq!(test.api(&token, "PATCH", &group, Some(json!({"folder": "spring/news"}))).await.json()["folder"], "Spring/News");
        assert_eq!(tree().await, [("Personify".into(), 2, 0), ("Spring".into(), 0, 1), ("Spring/News".into(), 1, 0)]);
        // Renamed and moved with all that is in it, the bridge's folder too.
        let path = format!("/folders/{spring}");
        assert_eq!(test.api(&token, "PATCH", &path, Some(json!({"name": "Easter"}))).await.json()["path"], "Easter");
        let own_path = format!("/folders/{}", own["id"].as_str().unwrap());
        assert_eq!(test.api(&token, "PATCH", &own_path, Some(json!({"parent": spring}))).await.json()["path"], "Easter/Personify");
        assert_eq!(tree().await, [("Easter".into(), 0, 3), ("Easter/News".into(), 1, 0), ("Easter/Personify".into(), 2, 0)]);
        let inside = test.api(&token, "PATCH", &path, Some(json!({"parent": news["id"]}))).await;
        assert_eq!(inside.status, StatusCode::CONFLICT);
        let full = test.api(&token, "DELETE", &path, None).await;
        assert_eq!(
            (full.status, full.json()["detail"].clone()),
            (StatusCode::CONFLICT, json!("The folder holds 0 target groups and 2 folders. Move them first."))
        );
        // SY-16: a refresh brings a new list into the bridge's folder and moves nobody back.
        let described = |n: usize| groups::Described {
            code: format!("L{n}"),
            name: format!("Renamed {n}"),
            description: String::new(),
            active: true,
            regeneration: "daily".into(),
            members: Some(3),
            refreshed_at: None,
            modified_at: None,
        };
        let mut tx = test.app.db.write().await.unwrap();
        let lists: Vec<_> = (0..4).map(described).collect();
        groups::mirror(&mut tx, bridge, "Personify", &lists, true, test.app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(
            tree().await,
            [("Easter".into(), 0, 4), ("Easter/News".into(), 1, 0), ("Easter/Personify".into(), 3, 0)],
            "{}",
            test.name
        );
        assert_eq!(test.api(&token, "GET", &group, None).await.json()["folder"], "Easter/News");
        test.api(&token, "PATCH", &group, Some(json!({"folder": ""}))).await;
        let empty = format!("/folders/{}", news["id"].as_str().unwrap());
        assert_eq!(test.api(&token, "DELETE", &empty, None).await.status, StatusCode::NO_CONTENT);
        for (body, field) in
            [(json!({"name": "a/b"}), "name"), (json!({"name": "x", "parent": news["id"]}), "parent"), (json!({"name": " "}), "name")]
        {
            let answer = test.api(&token, "POST", "/folders", Some(body.clone())).await;
            assert_eq!((answer.status, &answer.json()["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)), "{body}");
        }
        assert_eq!(test.api(&token, "PATCH", &own_path, Some(json!({"parent": null}))).await.json()["path"], "Personify");
    }
}
