//! Pages of target groups: who may press what, states worth a look, and what a form may not do.

use axum::http::StatusCode;
use rialto_core::compound::{Compound, Definition, Mode};
use rialto_core::permissions::Role;
use rialto_store::groups::{self, Group};
use rialto_store::{args, compound, folders};

use crate::harness::Test;
use crate::people::{people, run};
use crate::runs::{id_of, seeded};

async fn signed_in(test: &Test, role: Role) -> (String, String) {
    let email = format!("{}@rialto.example", role.name());
    test.user(&email, role).await;
    let cookie = test.sign_in(&email).await;
    let page = test.get("/subscribers", &cookie).await.text;
    let csrf = page.split_once("name=\"csrf\" value=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default().to_owned();
    (cookie, csrf)
}

/// A compound group of both lists, and a folder.
async fn derived(test: &Test, all: &[Group]) -> (Group, String) {
    let mut tx = test.app.db.write().await.unwrap();
    let new = compound::New { name: "Both", description: "", folder: "Spring" };
    let made = Compound::new((Mode::Any, vec![all[0].id, all[1].id]), None).unwrap();
    let id = compound::create(&mut tx, &new, &Definition::Compound(made), &test.actor()).await.unwrap();
    let folder = folders::create(&mut tx, "Autumn", &test.actor()).await.unwrap();
    tx.commit().await.unwrap();
    let group = groups::get(test.app.db.read(), id).await.unwrap().unwrap();
    let folder = rialto_core::PublicId::new(rialto_core::Kind::Folder, test.app.clock.now(), folder);
    (group, format!("/target-groups/folders/{folder}"))
}

#[tokio::test]
async fn a_viewer_looks_at_everything_and_changes_nothing() {
    for test in Test::on_both().await {
        let (_, all) = seeded(&test, 2).await;
        let (both, folder) = derived(&test, &all).await;
        let (cookie, csrf) = signed_in(&test, Role::Viewer).await;
        let (list, made) = (format!("/target-groups/{}", id_of(&all[0])), format!("/target-groups/{}", id_of(&both)));
        for path in [
            "/target-groups?folder=Spring".to_owned(),
            "/target-groups?folder=%2F".into(),
            "/target-groups?folder=none%2Fsuch".into(),
            format!("{list}/info"),
            format!("{list}/info/counts"),
            format!("{list}/info/subscribers?after=x~y"),
            format!("{list}/info/mailings"),
            format!("{made}/info"),
            format!("{made}/made-of"),
            made.clone(),
        ] {
            let page = test.get(&path, &cookie).await;
            assert_eq!(page.status, StatusCode::OK, "{path} on {}: {}", test.name, page.text);
            assert!(!page.text.contains("style=\"") && !page.text.contains("onclick"), "{path}");
            let forms = page.text.split("method=\"post\" action=\"").skip(1);
            let forms = forms.filter(|f| !f.starts_with("/sign-out") && !f.starts_with("/preferences/"));
            assert_eq!(forms.count(), 0, "{path} offers a viewer something to press");
            for closed in ["/edit\"", "/split\"", "/move?", "/target-groups/new", "folders/new"] {
                assert!(!page.text.contains(closed), "{path} leads a viewer to {closed}");
            }
        }
        for path in [
            "/target-groups/new".to_owned(),
            "/target-groups/folders/new".into(),
            format!("{folder}/edit"),
            format!("{folder}/delete"),
            format!("{made}/edit"),
            format!("{made}/delete"),
            format!("{list}/split"),
            format!("{list}/move"),
        ] {
            assert_eq!(test.get(&path, &cookie).await.status, StatusCode::FORBIDDEN, "{path}");
            let sent = test.form(&path, &cookie, &[("csrf", &csrf), ("name", "x"), ("act", "save")], &[]).await;
            assert_eq!(sent.status, StatusCode::FORBIDDEN, "{path}");
        }
        for path in [format!("{made}/resync"), format!("{list}/resume"), "/target-groups/count".into(), "/target-groups/pick".into()] {
            assert_eq!(test.form(&path, &cookie, &[("csrf", &csrf)], &[]).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        // Info of a kind of bridge without that trigger is a look only, also by its POST.
        let info = test.form(&format!("{list}/info"), &cookie, &[("csrf", &csrf)], &[]).await;
        assert_eq!((info.status, info.header("location")), (StatusCode::SEE_OTHER, format!("{list}/info").as_str()));
        let runs: (i64,) = test.app.db.read().one("SELECT COUNT(*) FROM sync_run WHERE kind = 'people'", args![]).await.unwrap();
        assert_eq!(runs.0, 0);
        assert_eq!(test.get(&format!("{list}/made-of"), &cookie).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn states_stand_where_the_counts_are_and_resume_is_written_down() {
    for test in Test::on_both().await {
        let (bridge, all) = seeded(&test, 2).await;
        people(&test, bridge, all[0].id, 3).await;
        let (both, _) = derived(&test, &all).await;
        let (cookie, csrf) = signed_in(&test, Role::Marketer).await;
        let (list, made) = (format!("/target-groups/{}", id_of(&all[0])), format!("/target-groups/{}", id_of(&both)));
        let waterfall = r#"{"read":3,"rejected":0,"duplicate":0,"left_out":0,"kept":0,"members":3,"no_address":0,"malformed":0,"same_address":0,"invalid":0,"complaint":0,"unsubscribed_here":0,"admin_or_upload":0,"remote_flag":0,"mailable":3}"#;
        let day = 86_400_000_000;
        run(
            &test,
            "UPDATE target_group SET plan_only = TRUE, waterfall = $2, waterfall_basis = $3, synced_at = $4, data_as_of = $4 WHERE id = $1",
            args![all[0].id, waterfall, "{\"stale\":1}", test.app.clock.now().0 - 2 * day],
        )
        .await;
        run(&test, "UPDATE compound SET blocked = $2 WHERE group_id = $1", args![both.id, "List 001 was never synced."]).await;
        let page = test.get(&list, &cookie).await.text;
        for words in [
            "Only plans",
            "Being counted again",
            "being counted again",
            "Older than promised",
            "(daily) promises at most 1 day",
            ">Resume<",
        ] {
            assert!(page.contains(words), "{words} on {}: {page}", test.name);
        }
        let page = test.get("/target-groups", &cookie).await.text;
        for words in ["Only plans", "Being counted again", "Older than promised", "Waits for its parts"] {
            assert!(page.contains(words), "{words}: {page}");
        }
        let page = test.get(&made, &cookie).await.text;
        assert!(page.contains("List 001 was never synced.") && page.contains("Its members are kept as they were"), "{page}");

        let resume = format!("{list}/resume");
        for _ in 0..2 {
            assert_eq!(test.form(&resume, &cookie, &[("csrf", &csrf)], &[]).await.header("location"), list, "pressed twice is as once");
        }
        assert!(!groups::get(test.app.db.read(), all[0].id).await.unwrap().unwrap().plan_only);
        let rows: (i64,) =
            test.app.db.read().one("SELECT COUNT(*) FROM audit WHERE action = 'target_group.resume'", args![]).await.unwrap();
        assert_eq!(rows.0, 1);
        let asked = test.form(&format!("{made}/resync"), &cookie, &[("csrf", &csrf)], &[]).await;
        assert!(asked.header("location").starts_with("/sync-runs/"), "{}", asked.text);
    }
}

#[tokio::test]
async fn faulty_forms_keep_what_was_entered_and_write_nothing() {
    for test in Test::on_both().await {
        let (bridge, all) = seeded(&test, 2).await;
        people(&test, bridge, all[0].id, 3).await;
        let (both, folder) = derived(&test, &all).await;
        let (cookie, csrf) = signed_in(&test, Role::Marketer).await;
        let ids = [&all[0], &all[1], &both].map(|g| format!("g-{}", id_of(g)));
        let made = format!("/target-groups/{}", id_of(&both));
        let send = async |path: &str, fields: &[(&str, &str)]| {
            let fields: Vec<(&str, &str)> = [("csrf", csrf.as_str())].into_iter().chain(fields.iter().copied()).collect();
            test.form(path, &cookie, &fields, &[]).await
        };
        // Nobody included; a group on both sides; an id of nothing; a circle.
        let faulty: [(&str, Vec<(&str, &str)>); 4] = [
            ("/target-groups/new", vec![("name", "<i>Mine</i>"), ("act", "save"), (&ids[1], "exclude")]),
            ("/target-groups/new", vec![("name", "<i>Mine</i>"), ("act", "save"), (&ids[0], "include"), (&ids[0], "exclude")]),
            ("/target-groups/new", vec![("name", "<i>Mine</i>"), ("act", "save"), ("g-nothing", "include")]),
            (&format!("{made}/edit"), vec![("name", "<i>Mine</i>"), ("act", "save"), (&ids[2], "include")]),
        ];
        for (path, fields) in &faulty {
            let answer = send(path, fields).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}: {}", answer.text);
            assert!(answer.text.contains("Nothing was saved yet.") && answer.text.contains("&#60;i&#62;Mine"), "{}", answer.text);
        }
        let count = send("/target-groups/count", &[(&ids[0], "include")]).await.text;
        assert!(count.contains("<strong class=\"answer\">3</strong>") && count.contains("never"), "{count}");
        let none = send("/target-groups/count", &[(&ids[0], "include"), (&ids[0], "exclude")]).await.text;
        assert!(none.contains("stands on one side only"), "{none}");
        let picked = send("/target-groups/pick", &[("q", "001"), (&ids[0], "include")]).await.text;
        assert!(picked.contains("List 000") && picked.contains("List 001") && !picked.contains(">Both<"), "{picked}");

        let split = format!("/target-groups/{}/split", id_of(&all[0]));
        for (how, parts, percentages) in
            [("equal", "1", ""), ("equal", "21", ""), ("equal", "x", ""), ("percent", "", "60, 60"), ("percent", "", "ten")]
        {
            let fields = [("how", how), ("parts", parts), ("percentages", percentages), ("act", "split")];
            let answer = send(&split, &fields).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        }
        // Unseen, it is shown before it is made.
        let asked = send(&split, &[("how", "percent"), ("percentages", "20 30 %"), ("act", "split")]).await;
        assert!(asked.status == StatusCode::OK && asked.text.contains("In none of them"), "{}", asked.text);
        for name in ["", "a/b"] {
            assert_eq!(send("/target-groups/folders/new", &[("name", name)]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        }
        let taken = send("/target-groups/folders/new", &[("name", "SPRING")]).await;
        assert!(taken.status == StatusCode::UNPROCESSABLE_ENTITY && taken.text.contains("There is a folder"), "{}", taken.text);
        let itself = send(&format!("{folder}/edit"), &[("name", "x"), ("in", "Autumn")]).await;
        assert!(itself.text.contains("cannot be moved into itself"), "{}", itself.text);
        // A way back is a page of ours.
        let moved = send(&format!("{made}/move"), &[("folder", "Autumn"), ("back", "//elsewhere.example/")]).await;
        assert_eq!(moved.header("location"), "/");
        assert_eq!(send(&format!("{folder}/delete"), &[]).await.status, StatusCode::CONFLICT, "not empty");
        let part = send(&format!("/target-groups/{}/delete", id_of(&all[0])), &[]).await;
        assert_eq!(part.status, StatusCode::CONFLICT, "its list is offered");
        let groups: (i64,) = test.app.db.read().one("SELECT COUNT(*) FROM target_group", args![]).await.unwrap();
        assert_eq!(groups.0, 3, "nothing was made");
    }
}
