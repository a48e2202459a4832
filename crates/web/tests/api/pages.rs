//! The pages: open for every reader, with buttons only for those who may press them.

use axum::http::StatusCode;
use rialto_core::permissions::Role;
use rialto_core::run::RunState;
use rialto_store::args;
use rialto_store::runs::Run;

use crate::harness::Test;
use crate::runs::{ended, id_of, seeded};

/// The hidden field of a page's forms.
fn csrf(page: &str) -> String {
    page.split_once("name=\"csrf\" value=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default().to_owned()
}

async fn signed_in(test: &Test, role: Role) -> (String, String) {
    let email = format!("{}@rialto.example", role.name());
    test.user(&email, role).await;
    let cookie = test.sign_in(&email).await;
    let csrf = csrf(&test.get("/subscribers", &cookie).await.text);
    (cookie, csrf)
}

#[tokio::test]
async fn every_page_opens_for_a_viewer_and_has_no_buttons() {
    for test in Test::on_both().await {
        let (bridge, groups) = seeded(&test, 3).await;
        let run = ended(&test, bridge, groups[0].id, RunState::Held).await;
        let (cookie, csrf) = signed_in(&test, Role::Viewer).await;
        let group = id_of(&groups[0]);
        let pages = [
            "/".to_owned(),
            "/target-groups".into(),
            "/target-groups?q=x&sort=members&dir=up&state=held&folder=none&after=3~7".into(),
            format!("/target-groups/{group}"),
            format!("/target-groups/{group}/subscribers?line=remote_flag"),
            format!("/target-groups/{group}/subscribers?q=ann%40x.example"),
            format!("/target-groups/{group}/subscribers?sort=id&after=nonsense"),
            format!("/target-groups/{group}/sync-runs"),
            format!("/target-groups/{group}/about"),
            "/sync-runs?state=held".into(),
            format!("/sync-runs/{run}"),
            format!("/sync-runs/{run}/progress"),
            "/admin/bridges".into(),
            "/subscribers?q=%25_".into(),
            "/search?q=x".into(),
            "/keyboard".into(),
        ];
        for path in &pages {
            let page = test.get(path, &cookie).await;
            assert_eq!(page.status, StatusCode::OK, "{path} on {}: {}", test.name, page.text);
            // Styles and scripts in the text would be refused by the policy, and be a way in.
            assert!(!page.text.contains("style=\"") && !page.text.contains("<style") && !page.text.contains("onclick"), "{path}");
            // Signing out and what one likes to see are everybody's.
            let forms = page
                .text
                .split("method=\"post\" action=\"")
                .skip(1)
                .filter(|f| !f.starts_with("/sign-out") && !f.starts_with("/preferences/"));
            assert_eq!(forms.count(), 0, "{path} offers a viewer something to press");
        }
        let posts = [
            format!("/target-groups/{group}/resync"),
            format!("/target-groups/{group}/plan"),
            format!("/sync-runs/{run}/decide"),
            "/admin/bridges/new/personify360".into(),
            format!("/admin/bridges/{}/switch?to=off", rialto_core::PublicId::new(rialto_core::Kind::Bridge, rialto_core::Instant(0), 1)),
        ];
        for path in &posts {
            let fields = [("csrf", csrf.as_str()), ("decision", "approve"), ("sure", "0")];
            assert_eq!(test.form(path, &cookie, &fields, &[]).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        for path in ["/target-groups/1", "/sync-runs/x", "/subscribers/01a213c6-32ce-7002-8000-000000000001", "/admin/bridges/new"] {
            assert!(test.get(path, &cookie).await.status.is_client_error(), "{path}");
        }
        assert_eq!(test.get("/target-groups", "").await.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn resync_leads_to_its_run_and_a_second_press_to_the_same() {
    for test in Test::on_both().await {
        let (_, groups) = seeded(&test, 1).await;
        let (cookie, csrf) = signed_in(&test, Role::Marketer).await;
        let path = format!("/target-groups/{}/resync", id_of(&groups[0]));
        let first = test.form(&path, &cookie, &[("csrf", &csrf)], &[]).await;
        assert_eq!(first.status, StatusCode::SEE_OTHER, "{}", first.text);
        let second = test.form(&path, &cookie, &[("csrf", &csrf)], &[]).await;
        assert_eq!(first.header("location"), second.header("location"));
        let run = test.get(first.header("location"), &cookie).await;
        assert!(run.text.contains("hx-trigger=\"every 1s\"") && run.text.contains("http-equiv=\"refresh\""));
        assert_eq!(test.form(&path, &cookie, &[("csrf", "")], &[]).await.status, StatusCode::FORBIDDEN);
        // The sign-in asks for the lists by itself, before this or after it.
        let row: Run =
            test.app.db.read().one("SELECT * FROM sync_run WHERE kind = 'people' ORDER BY id DESC LIMIT 1", args![]).await.unwrap();
        assert_eq!(row.run_trigger, "resync");
    }
}

#[tokio::test]
async fn a_decision_is_asked_for_with_its_number_before_it_counts() {
    for test in Test::on_both().await {
        let (bridge, groups) = seeded(&test, 1).await;
        let run = ended(&test, bridge, groups[0].id, RunState::Held).await;
        let (cookie, csrf) = signed_in(&test, Role::Marketer).await;
        let withheld = rialto_store::views::overview::held(test.app.db.read()).await.unwrap();
        let changes = rialto_store::views::runs::changes(test.app.db.read(), withheld[0].run.id).await.unwrap();
        let total = (changes.withheld + changes.lifts_withheld).to_string();
        let path = format!("/sync-runs/{run}/decide");
        for sure in [None, Some("999999")] {
            let mut fields = vec![("csrf", csrf.as_str()), ("decision", "approve")];
            fields.extend(sure.map(|s| ("sure", s)));
            let asked = test.form(&path, &cookie, &fields, &[]).await;
            assert_eq!(asked.status, StatusCode::OK);
            assert!(asked.text.contains(&format!("name=\"sure\" value=\"{total}\"")), "{}", asked.text);
        }
        assert_eq!(rialto_store::views::overview::held(test.app.db.read()).await.unwrap().len(), 1, "asking decides nothing");
        let done = test.form(&path, &cookie, &[("csrf", &csrf), ("decision", "approve"), ("sure", &total)], &[]).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
        let again = test.form(&path, &cookie, &[("csrf", &csrf), ("decision", "discard"), ("sure", &total)], &[]).await;
        assert_eq!(again.status, StatusCode::CONFLICT);
    }
}

#[tokio::test]
async fn the_bridge_form_keeps_what_was_entered_and_shows_no_secret() {
    for test in Test::on_both().await {
        let (cookie, csrf) = signed_in(&test, Role::Integrator).await;
        let fields = |url: &'static str, password: &'static str| {
            vec![
                ("csrf", csrf.clone()),
                ("name", "Our <CRM>".into()),
                ("settings.base_url", url.to_owned()),
                ("secrets.username", "rialto".to_owned()),
                ("secrets.password", password.to_owned()),
                ("enabled", "yes".into()),
            ]
        };
        let send = async |path: &str, fields: Vec<(&'static str, String)>| {
            let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
            test.form(path, &cookie, &fields, &[]).await
        };
        let bad = send("/admin/bridges/new/personify360", fields("ftp://crm.example.org/", "hush-hush")).await;
        assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(bad.text.contains("ftp://crm.example.org/") && bad.text.contains("class=\"fault\"") && !bad.text.contains("hush-hush"));
        let good = send("/admin/bridges/new/personify360", fields("https://crm.example.org/x.svc", "hush-hush")).await;
        assert_eq!(good.header("location"), "/admin/bridges", "{}", good.text);
        let list = test.get("/admin/bridges", &cookie).await.text;
        assert!(list.contains("Our &#60;CRM&#62;") && list.contains("Testing …"), "{list}");
        let edit = list.split('"').find(|p| p.ends_with("/edit")).unwrap().to_owned();
        let form = test.get(&edit, &cookie).await.text;
        assert!(form.contains("set, leave blank to keep") && !form.contains("hush-hush"));
        assert_eq!(send(&edit, fields("https://crm.example.org/x.svc", "")).await.status, StatusCode::SEE_OTHER);
        // At another address the stored password is worth nothing, and must not be tried there.
        assert_eq!(send(&edit, fields("https://other.example.org/x.svc", "")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let delete = edit.replace("/edit", "/delete");
        let asked = test.get(&delete, &cookie).await.text;
        assert!(asked.contains("Delete Our"), "{}: {asked}", test.name);
        assert_eq!(test.form(&delete, &cookie, &[("csrf", &csrf)], &[]).await.status, StatusCode::SEE_OTHER);
        assert!(!test.get("/admin/bridges", &cookie).await.text.contains("Our "));
    }
}

#[tokio::test]
async fn assets_are_kept_for_long_under_a_path_of_their_own() {
    let test = Test::on_both().await.remove(0);
    let page = test.get("/sign-in", "").await.text;
    let css = page.split('"').find(|p| p.ends_with("/app.css")).unwrap();
    let answer = test.get(css, "").await;
    assert!(answer.header("cache-control").contains("immutable") && answer.header("content-type").starts_with("text/css"));
    let old = test.get("/assets/0123/htmx.js", "").await;
    assert_eq!((old.status, old.header("cache-control")), (StatusCode::OK, "no-cache"));
    assert_eq!(test.get("/assets/0123/secrets.key", "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn members_page_by_address_with_those_without_one_last() {
    for test in Test::on_both().await {
        let (bridge, groups) = seeded(&test, 1).await;
        crate::people::people(&test, bridge, groups[0].id, 120).await;
        let (cookie, _) = signed_in(&test, Role::Viewer).await;
        let (mut path, mut seen) = (format!("/target-groups/{}/subscribers", id_of(&groups[0])), Vec::new());
        for _ in 0..4 {
            let page = test.get(&path, &cookie).await.text;
            seen.extend(page.split("<code>").skip(1).filter_map(|p| p.split('<').next()).map(str::to_owned));
            assert!(!page.contains("The list has changed"));
            let Some(next) = page.split("<a class=\"button\" href=\"").find(|p| p.contains("rel=\"next\"")) else { break };
            path = next.split('"').next().unwrap().replace("&#38;", "&");
        }
        assert_eq!((seen.len(), seen.last().map(String::as_str)), (120, Some("R-3")), "{}", test.name);
        let all: std::collections::BTreeSet<&String> = seen.iter().collect();
        assert_eq!(all.len(), 120);
    }
}
