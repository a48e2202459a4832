//! Lists as pages show and export them; what readers like; what is said once.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures::StreamExt;
use rialto_core::permissions::Role;
use rialto_core::run::RunState;
use rialto_store::args;
use tower::ServiceExt;

use crate::harness::Test;
use crate::runs::{ended, id_of, seeded};

fn csrf(page: &str) -> String {
    page.split_once("name=\"csrf\" value=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default().to_owned()
}

async fn signed_in(test: &Test, role: Role) -> (String, String) {
    let email = format!("{}@rialto.example", role.name());
    test.user(&email, role).await;
    let cookie = test.sign_in(&email).await;
    let csrf = csrf(&test.get("/", &cookie).await.text);
    (cookie, csrf)
}

/// `count` members; the first ones bear addresses that a spreadsheet would take for formulas.
async fn people(test: &Test, bridge: i64, group: i64, count: i64) {
    let nasty = ["=HYPERLINK(\"http://evil.example\")", "+1@x.example", "-1@x.example", "@x.example", "a,b@x.example"];
    let mut tx = test.app.db.write().await.unwrap();
    for id in 1..=count {
        let address = nasty.get(id as usize - 1).map_or_else(|| format!("p{id:05}@x.example"), ToString::to_string);
        tx.run(
            "INSERT INTO subscriber (id, created_at, created_run, bridge_id, remote_id, address, canonical, address_state,
            remote_flag_seen, remote_flag_run, hash) VALUES ($1, $2, 1, $3, $4, $5, $5, 0, 1, 0, 1)",
            args![id, test.app.clock.now(), bridge, format!("R-{id}"), address],
        )
        .await
        .unwrap();
        tx.run("INSERT INTO membership (group_id, subscriber_id) VALUES ($1, $2)", args![group, id]).await.unwrap();
    }
    tx.run("UPDATE target_group SET members = $2, applied_run = 1 WHERE id = $1", args![group, count]).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_export_streams_every_row_and_no_formula() {
    for test in Test::on_both().await {
        let (bridge, groups) = seeded(&test, 1).await;
        people(&test, bridge, groups[0].id, 3_050).await;
        let (cookie, _) = signed_in(&test, Role::Viewer).await;
        for sort in ["", "?sort=came"] {
            let path = format!("/target-groups/{}/subscribers/export.csv{sort}", id_of(&groups[0]));
            let request = Request::builder().uri(&path).header(header::COOKIE, &cookie).body(Body::empty()).unwrap();
            let response = test.router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            let mut frames = response.into_body().into_data_stream();
            let (mut text, mut largest) = (String::new(), 0);
            while let Some(frame) = frames.next().await {
                let frame = frame.unwrap();
                largest = largest.max(frame.len());
                text.push_str(std::str::from_utf8(&frame).unwrap());
            }
            assert!(largest < text.len() / 2, "it comes in parts: {largest} of {}", text.len());
            let rows: Vec<&str> = text.trim_start_matches('\u{feff}').trim_end().split("\r\n").collect();
            assert_eq!((rows[0], rows.len()), ("Rialto ID,Address,Remote ID,Consent,Reason,Member of", 3_051), "{}", test.name);
            let different: std::collections::BTreeSet<&&str> = rows.iter().collect();
            assert_eq!(different.len(), rows.len());
            for row in [
                ",\"'=HYPERLINK(\"\"http://evil.example\"\")\",R-1,",
                ",'+1@x.example,R-2,",
                ",'-1@x.example,R-3,",
                ",'@x.example,R-4,",
                ",\"a,b@x.example\",R-5,",
            ] {
                assert_eq!(rows.iter().filter(|r| r.contains(row)).count(), 1, "{row}");
            }
            // Each names its record, says whether it may be mailed and why not, and the groups it is in.
            assert!(rows[1..].iter().all(|r| r.len() > 36 && r.ends_with(",List 000")), "{}", rows[1]);
            assert!(rows.iter().any(|r| r.contains(",yes,,")), "{}", rows[1]);
        }
    }
}

#[tokio::test]
async fn groups_page_forwards_and_back_in_every_order_and_export_in_it() {
    for test in Test::on_both().await {
        let (_, groups) = seeded(&test, 120).await;
        let mut tx = test.app.db.write().await.unwrap();
        for (n, g) in groups.iter().enumerate() {
            // Every figure stands several times: ties must not lose a row.
            tx.run("UPDATE target_group SET members = $2 WHERE id = $1", args![g.id, n as i64 % 7]).await.unwrap();
        }
        tx.commit().await.unwrap();
        let (cookie, _) = signed_in(&test, Role::Viewer).await;
        let names = |page: &str| -> Vec<String> {
            page.split("data-label=\"Name\"").skip(1).map(|p| p.split("\">List ").nth(1).unwrap()[..3].to_owned()).collect()
        };
        let to = |page: &str, rel: &str| -> Option<String> {
            let found = page
                .split("<a class=\"button\" href=\"")
                .find(|p| p.contains(&format!("rel=\"{rel}\"")) && p.find("rel=") < p.find("</a>"))?;
            Some(found.split('"').next()?.replace("&#38;", "&"))
        };
        for order in ["", "?dir=down", "?sort=members", "?sort=members&dir=up", "?sort=synced"] {
            let (mut path, mut pages) = (Some(format!("/target-groups{order}")), Vec::new());
            let mut last = String::new();
            while let Some(p) = path {
                last = test.get(&p, &cookie).await.text;
                pages.push(names(&last));
                path = to(&last, "next");
            }
            assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 20], "{order} on {}", test.name);
            let all: Vec<String> = pages.concat();
            let different: std::collections::BTreeSet<&String> = all.iter().collect();
            assert_eq!(different.len(), 120, "{order}");
            let second = test.get(&to(&last, "prev").unwrap(), &cookie).await.text;
            assert_eq!(names(&second), pages[1], "{order}: back to the second page");
            let first = test.get(&to(&second, "prev").unwrap(), &cookie).await.text;
            assert_eq!(names(&first), pages[0], "{order}: back to the first");
            assert_eq!(to(&first, "prev"), None);
            let csv = test.get(&format!("/target-groups/export.csv{order}"), &cookie).await.text;
            let exported: Vec<String> = csv.trim_end().split("\r\n").skip(1).map(|row| row["List ".len()..][..3].to_owned()).collect();
            assert_eq!(exported, all, "{order}");
        }
    }
}

#[tokio::test]
async fn choices_of_readers_are_checked_and_kept() {
    let test = Test::on_both().await.remove(0);
    seeded(&test, 1).await;
    let (cookie, csrf) = signed_in(&test, Role::Viewer).await;
    let dark = test.form("/preferences/theme", &cookie, &[("csrf", &csrf), ("theme", "dark"), ("back", "/target-groups?q=x")], &[]).await;
    assert_eq!((dark.status, dark.header("location")), (StatusCode::SEE_OTHER, "/target-groups?q=x"));
    let theme = dark.cookie("rialto_theme").unwrap();
    assert!(dark.header("set-cookie").contains("HttpOnly") && dark.header("set-cookie").contains("SameSite=Lax"));
    assert!(test.get("/", &format!("{cookie}; {theme}")).await.text.contains("data-theme=\"dark\""));
    assert!(!test.get("/", &format!("{cookie}; rialto_theme=\"><script>")).await.text.contains("<script>"));
    let away = test.form("/preferences/theme", &cookie, &[("csrf", &csrf), ("theme", "x"), ("back", "//evil.example")], &[]).await;
    assert_eq!((away.header("location"), away.cookie("rialto_theme").as_deref()), ("/", Some("rialto_theme=")));

    let fields =
        [("csrf", csrf.as_str()), ("table", "target-groups"), ("column", "code"), ("column", "members"), ("back", "/target-groups")];
    let chosen = test.form("/preferences/columns", &cookie, &fields, &[]).await;
    let columns = chosen.cookie("rialto_columns_target-groups").unwrap();
    let page = test.get("/target-groups", &format!("{cookie}; {columns}")).await.text;
    assert!(page.contains("data-label=\"Code\"") && !page.contains("data-label=\"Mailable\"") && page.contains("data-label=\"Name\""));
    for (table, column) in [("target-groups", "a;b"), ("a b", "code"), ("", "code"), ("target-groups", "<x>")] {
        let fields = [("csrf", csrf.as_str()), ("table", table), ("column", column)];
        assert_eq!(test.form("/preferences/columns", &cookie, &fields, &[]).await.status, StatusCode::BAD_REQUEST, "{table} {column}");
    }
}

#[tokio::test]
async fn a_toast_is_said_once_to_the_session_it_is_meant_for() {
    for test in Test::on_both().await {
        seeded(&test, 1).await;
        let (cookie, csrf) = signed_in(&test, Role::Admin).await;
        let list = test.get("/admin/bridges", &cookie).await.text;
        let off = list.split('"').find(|p| p.ends_with("/switch?to=off")).unwrap().to_owned();
        let done = test.form(&off, &cookie, &[("csrf", &csrf)], &[]).await;
        assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/admin/bridges"), "{}", done.text);
        let toast = done.cookie("rialto_toast").unwrap();
        assert!(!toast.contains("Members"), "nobody can read or write it");
        let both = format!("{cookie}; {toast}");
        let said = test.get("/admin/bridges", &both).await;
        assert!(said.text.contains("Members is switched off") && said.text.contains("/switch?to=on"));
        assert_eq!(said.cookie("rialto_toast").as_deref(), Some("rialto_toast="), "it is put away");
        // Parts of a page leave it for the page.
        let request = Request::builder().uri("/").header(header::COOKIE, &both).header("hx-request", "true").body(Body::empty()).unwrap();
        assert_eq!(test.send(request).await.cookie("rialto_toast"), None);
        // Another session, or another value, is told nothing.
        test.user("eve@rialto.example", Role::Admin).await;
        let other = test.sign_in("eve@rialto.example").await;
        assert!(!test.get("/admin/bridges", &format!("{other}; {toast}")).await.text.contains("class=\"toast\""));
        assert!(!test.get("/", &format!("{cookie}; rialto_toast=00112233")).await.text.contains("class=\"toast\""));
        let row: (String,) = test
            .app
            .db
            .read()
            .one("SELECT detail FROM audit WHERE action = 'bridge.switch' ORDER BY id DESC LIMIT 1", args![])
            .await
            .unwrap();
        assert!(row.0.contains("false"), "{}", row.0);
        let undone = test.form(&off.replace("off", "on"), &cookie, &[("csrf", &csrf)], &[]).await;
        assert_eq!(undone.status, StatusCode::SEE_OTHER);
        assert!(test.get("/admin/bridges", &cookie).await.text.contains("/switch?to=off"));
        assert_eq!(test.form(&off.replace("off", "sideways"), &cookie, &[("csrf", &csrf)], &[]).await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn the_search_finds_people_and_groups_and_escapes_what_was_typed() {
    for test in Test::on_both().await {
        let (bridge, groups) = seeded(&test, 12).await;
        people(&test, bridge, groups[0].id, 40).await;
        let (cookie, _) = signed_in(&test, Role::Viewer).await;
        let found = test.get("/search?q=p000", &cookie).await.text;
        assert!(found.contains("p00007@x.example") && found.contains("/subscribers?q=p000") && !found.contains("p00039@"));
        assert!(test.get("/search?q=R-12", &cookie).await.text.contains("p00012@x.example"));
        let groups = test.get("/search?q=lIsT+0", &cookie).await.text;
        assert!(groups.contains("List 003") && groups.contains("/target-groups?q=lIsT+0") && !groups.contains("List 011"));
        let nasty = test.get("/search?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", &cookie).await.text;
        assert!(nasty.contains("Nothing found") && !nasty.contains("<script>alert"));
    }
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_ask_and_events_are_not() {
    let test = Test::on_both().await.remove(0);
    let (cookie, _) = signed_in(&test, Role::Viewer).await;
    let ask = async |path: &str| {
        let request = Request::builder().uri(path).header(header::COOKIE, &cookie).header(header::ACCEPT_ENCODING, "gzip");
        test.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    assert_eq!(ask("/").await.headers()[header::CONTENT_ENCODING], "gzip");
    assert!(test.get("/", &cookie).await.header("content-encoding").is_empty());
    let page = test.get("/", &cookie).await.text;
    let css = page.split('"').find(|p| p.ends_with("/app.css")).unwrap().to_owned();
    assert_eq!(ask(&css).await.headers()[header::CONTENT_ENCODING], "gzip");
    let (bridge, groups) = seeded(&test, 1).await;
    let run = ended(&test, bridge, groups[0].id, RunState::Held).await;
    let token = format!("Bearer {}", test.token(Role::Viewer).await);
    let events = Request::builder().uri(format!("/api/v1/sync-runs/{run}/events")).header(header::AUTHORIZATION, token);
    let events = test.router.clone().oneshot(events.header(header::ACCEPT_ENCODING, "gzip").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(
        (events.status(), events.headers().get(header::CONTENT_ENCODING)),
        (StatusCode::OK, None),
        "an event must not wait in a buffer"
    );
}

#[tokio::test]
async fn a_page_that_updates_itself_does_not_keep_a_session_alive() {
    let test = Test::on_both().await.remove(0);
    let (cookie, _) = signed_in(&test, Role::Viewer).await;
    let poll = async || {
        let request = Request::builder().uri("/").header(header::COOKIE, &cookie).header("hx-request", "true").body(Body::empty()).unwrap();
        test.send(request).await.status
    };
    test.later(rialto_store::sessions::IDLE - 60);
    assert_eq!(poll().await, StatusCode::OK);
    test.later(120);
    assert_eq!(poll().await, StatusCode::SEE_OTHER);
}
