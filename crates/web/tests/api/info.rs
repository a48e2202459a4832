//! Info, for a kind of bridge that has it as a trigger and for one that has not.

use axum::http::StatusCode;
use rialto_connectors::BridgeKind;
use rialto_core::permissions::Role;
use rialto_core::run::Trigger;
use rialto_store::args;

use crate::harness::Test;
use crate::people::run;
use crate::runs::{id_of, seeded};

/// A kind like Personify360, with the trigger that Personify360 does not have.
fn answering() -> &'static str {
    let like = rialto_connectors::kind("personify360").unwrap();
    rialto_connectors::try_out(BridgeKind {
        kind: "answering",
        name: "Answering",
        list_name: "List",
        settings: like.settings,
        secrets: like.secrets,
        triggers: &[Trigger::Info],
        writebacks: &[],
        timing: rialto_connectors::catalogue::with_the_cycle,
        lists_interests: false,
        can_fetch: false,
        silence_is_interest: None,
        setup_script: None,
        no_mode: like.no_mode,
        check: like.check,
        open: like.open,
    });
    "answering"
}

async fn runs_by_info(test: &Test) -> i64 {
    let found: (i64,) = test.app.db.read().one("SELECT COUNT(*) FROM sync_run WHERE run_trigger = 'info'", args![]).await.unwrap();
    found.0
}

#[tokio::test]
async fn info_shows_the_last_counts_and_starts_a_sync_where_the_kind_has_it() {
    for test in Test::on_both().await {
        let (bridge, all) = seeded(&test, 1).await;
        let day = 86_400_000_000;
        let waterfall = r#"{"read":7,"rejected":0,"duplicate":0,"left_out":0,"kept":0,"members":7,"no_address":0,"malformed":0,"same_address":0,"invalid":0,"complaint":0,"unsubscribed_here":0,"admin_or_upload":0,"remote_flag":0,"mailable":7}"#;
        let counted = "UPDATE target_group SET members = 7, waterfall = $2, waterfall_at = $3, synced_at = $3 WHERE id = $1";
        run(&test, counted, args![all[0].id, waterfall, test.app.clock.now().0 - 2 * day]).await;
        let sign_in = async |role: Role| {
            let email = format!("{}@rialto.example", role.name());
            test.user(&email, role).await;
            let cookie = test.sign_in(&email).await;
            let page = test.get("/keyboard", &cookie).await.text;
            let csrf = page.split_once("name=\"csrf\" value=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap().to_owned();
            (cookie, csrf)
        };
        let (cookie, csrf) = sign_in(Role::Marketer).await;
        let (viewer, viewers) = sign_in(Role::Viewer).await;
        let info = format!("/target-groups/{}/info", id_of(&all[0]));
        let (form, link) = (format!("method=\"post\" action=\"{info}\""), format!("<a href=\"{info}\""));

        let list = test.get("/target-groups", &cookie).await.text;
        assert!(list.contains(&link) && !list.contains(&form), "Personify360 has no such trigger: a look");
        assert_eq!(test.form(&info, &cookie, &[("csrf", &csrf)], &[]).await.header("location"), info);
        assert_eq!(runs_by_info(&test).await, 0);

        run(&test, "UPDATE bridge SET kind = $2 WHERE id = $1", args![bridge, answering()]).await;
        let list = test.get("/target-groups", &cookie).await.text;
        assert!(list.contains(&form) && !list.contains(&link), "{}: a request to change something: {list}", test.name);
        let seen = test.get("/target-groups", &viewer).await.text;
        assert!(seen.contains(&link) && !seen.contains(&form), "who may not sync only looks");
        assert_eq!(test.form(&info, &viewer, &[("csrf", &viewers)], &[]).await.status, StatusCode::FORBIDDEN);
        test.get(&info, &cookie).await;
        assert_eq!(runs_by_info(&test).await, 0, "a GET starts nothing");

        for _ in 0..2 {
            let pressed = test.form(&info, &cookie, &[("csrf", &csrf)], &[]).await;
            assert_eq!((pressed.status, pressed.header("location")), (StatusCode::SEE_OTHER, info.as_str()), "{}", pressed.text);
        }
        assert_eq!(runs_by_info(&test).await, 1, "one group, one running sync");
        let page = test.get(&info, &cookie).await.text;
        assert!(page.contains(">7<") && page.contains("2 days ago"), "the last counts at once, with their age: {page}");
        let counts = test.get(&format!("{info}/counts"), &cookie).await.text;
        assert!(counts.contains("waterfall") && counts.contains(">7<"), "{counts}");

        // A bridge that is switched off is not asked, and its counts are still shown.
        run(&test, "UPDATE bridge SET enabled = FALSE WHERE id = $1", args![bridge]).await;
        assert_eq!(test.form(&info, &cookie, &[("csrf", &csrf)], &[]).await.header("location"), info);
    }
}
