//! When a bridge's writebacks go out: declared by its kind, said otherwise in Writeback Settings, shown on pages.

use axum::http::StatusCode;
use rialto_core::permissions::Role;
use rialto_store::bridges::{self, Entered};
use rialto_store::writebacks;
use rialto_testkit::actor;
use serde_json::json;

use crate::admin_pages::Browser;
use crate::harness::Test;

/// The public id of a new bridge.
async fn bridge(test: &Test, kind: &str) -> String {
    let mut tx = test.app.db.write().await.unwrap();
    let entered = Entered { name: kind.into(), enabled: true, ..Default::default() };
    let id = bridges::create(&mut tx, &test.app.vault, kind, &entered, &actor()).await.unwrap();
    writebacks::ensure(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let made = bridges::get(test.app.db.read(), id).await.unwrap().unwrap();
    rialto_core::PublicId::new(rialto_core::Kind::Bridge, rialto_core::Instant(made.created_at), id).to_string()
}

#[tokio::test]
async fn a_kind_declares_its_times_and_a_bridge_says_otherwise() {
    for test in Test::on_both().await {
        let (admin, viewer) = (test.token(Role::Admin).await, test.token(Role::Viewer).await);
        let path = format!("/bridges/{}/writeback-settings", bridge(&test, "imis").await);
        let usual = test.api(&viewer, "GET", &path, None).await.json();
        let daily = json!({"unsubscribe": "daily", "resubscribe": "daily", "invalid_email": "daily", "interests": null});
        assert_eq!((&usual["times"]["kinds"], &usual["times"]["at"]), (&daily, &json!("01:00")), "{}", test.name);
        assert_eq!(usual["times"]["timezone"], "America/New_York");
        assert!(usual["times"]["next_daily_at"].is_string());
        assert_eq!(
            usual["timing"],
            json!({"kinds": {"unsubscribe": null, "resubscribe": null, "invalid_email": null, "interests": null}, "at": null, "timezone": null})
        );
        let own = json!({"kinds": {}, "timing": {"kinds": {"unsubscribe": "at_once"}, "at": "22:15", "timezone": "Europe/Vienna"}});
        let kept = test.api(&admin, "PUT", &path, Some(own)).await.json();
        assert_eq!((&kept["times"]["kinds"]["unsubscribe"], &kept["times"]["kinds"]["resubscribe"]), (&json!("at_once"), &json!("daily")));
        assert_eq!((&kept["times"]["at"], &kept["timing"]["timezone"]), (&json!("22:15"), &json!("Europe/Vienna")), "{}", test.name);
        for (timing, field) in [
            (json!({"kinds": {"unsubscribe": "never"}}), "timing.kinds.unsubscribe"),
            (json!({"at": "25:00"}), "timing.at"),
            (json!({"timezone": "Mars/Olympus"}), "timing.timezone"),
        ] {
            let refused = test.api(&admin, "PUT", &path, Some(json!({"kinds": {}, "timing": timing}))).await;
            assert_eq!((refused.status, refused.text.contains(field)), (StatusCode::UNPROCESSABLE_ENTITY, true), "{}", refused.text);
        }
        let persona = json!({"kinds": {}, "timing": {"kinds": {"persona": "daily"}}});
        assert!(test.api(&admin, "PUT", &path, Some(persona)).await.status.is_client_error(), "it has a day of its own");
        let other = format!("/bridges/{}/writeback-settings", bridge(&test, "personify360").await);
        let plain = test.api(&viewer, "GET", &other, None).await.json();
        assert_eq!((&plain["times"]["kinds"]["unsubscribe"], &plain["times"]["next_daily_at"]), (&json!("cycle"), &json!(null)));
        assert_eq!(plain["times"]["kinds"]["interests"], "cycle");
    }
}

#[tokio::test]
async fn the_page_shows_the_times_and_takes_a_change_back() {
    for test in Test::on_both().await {
        test.user("ann@lumora.example", Role::Admin).await;
        test.user("vera@lumora.example", Role::Viewer).await;
        let (ann, vera) = (Browser::of(&test, "ann@lumora.example").await, Browser::of(&test, "vera@lumora.example").await);
        let path = format!("/admin/bridges/{}/writebacks", bridge(&test, "imis").await);
        let page = ann.get(&path).await.text;
        for words in ["As usual: once a day", "Blank is America/New_York", "Nothing grows too old to go", "when_unsubscribe"] {
            assert!(page.contains(words), "{}: {words}", test.name);
        }
        assert!(!page.contains("when_interests"), "nobody tells this system of interests");
        assert!(vera.get(&path).await.text.contains("disabled"));
        assert_eq!(vera.post(&path, &[("when_unsubscribe", "cycle")]).await.status, StatusCode::FORBIDDEN);
        let form = [("automatic", "yes"), ("when_unsubscribe", "cycle"), ("daily_at", "03:30"), ("concurrency", "4")];
        assert_eq!(ann.post(&path, &form).await.status, StatusCode::SEE_OTHER);
        let page = ann.get(&path).await.text;
        assert!(page.contains("<option value=\"cycle\" selected>") && page.contains("value=\"03:30\""), "{}: {page}", test.name);
        let bad = ann.post(&path, &[("daily_at", "soon"), ("daily_timezone", "Mars/Olympus")]).await;
        assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(bad.text.contains("daily_at-fault") && bad.text.contains("daily_timezone-fault"), "{}", bad.text);
    }
}
