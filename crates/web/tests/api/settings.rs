//! Settings: which may be changed, by whom, and that they hold.

use axum::http::StatusCode;
use rialto_core::gate::Limits;
use rialto_core::permissions::Role;
use serde_json::json;

use crate::harness::Test;

async fn in_force(test: &Test) -> Limits {
    rialto_store::settings::limits(test.app.db.read(), test.app.settings.limits).await.unwrap()
}

#[tokio::test]
async fn the_thresholds_change_at_run_time_and_return_to_the_configuration() {
    for test in Test::on_both().await {
        let token = test.token(Role::Integrator).await;
        let before = test.api(&token, "GET", "/settings", None).await.json();
        assert_eq!(before["trust"], json!({"max_removed": 10, "max_removed_percent": 10}));
        let changed = test.api(&token, "PATCH", "/settings", Some(json!({"trust": {"max_removed": 25}}))).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
        let changed = changed.json();
        assert_eq!(changed["trust"], json!({"max_removed": 25, "max_removed_percent": 10}));
        let key = |name: &str| changed["keys"].as_array().unwrap().iter().find(|k| k["key"] == name).cloned().unwrap();
        assert_eq!(
            key("trust.max_removed"),
            json!({"key": "trust.max_removed", "value": 25, "configured": 10, "source": "stored", "changeable": true})
        );
        assert_eq!(
            (&key("trust.max_removed_percent")["source"], &key("instance.timezone")["changeable"]),
            (&json!("configuration"), &json!(false))
        );
        assert_eq!(in_force(&test).await, Limits { max_removed: 25, max_removed_percent: 10 });

        let back =
            test.api(&token, "PATCH", "/settings", Some(json!({"trust": {"max_removed": null, "max_removed_percent": 3}}))).await.json();
        assert_eq!(back["trust"], json!({"max_removed": 10, "max_removed_percent": 3}));
        assert_eq!(in_force(&test).await, Limits { max_removed: 10, max_removed_percent: 3 });
        let admin = test.token(Role::Admin).await;
        let audit = test.api(&admin, "GET", "/audit", None).await.json();
        let told: Vec<_> =
            audit["items"].as_array().unwrap().iter().filter(|r| r["action"] == "setting.set").map(|r| &r["detail"]).collect();
        assert_eq!(
            told,
            [
                &json!({"name": "trust.max_removed_percent", "value": "3"}),
                &json!({"name": "trust.max_removed", "value": null}),
                &json!({"name": "trust.max_removed", "value": "25"})
            ]
        );
    }
}

#[tokio::test]
async fn what_stands_in_the_configuration_is_not_changed_here() {
    for test in Test::on_both().await {
        let token = test.token(Role::Admin).await;
        for (body, field) in [
            (json!({"timezone": "Europe/Berlin"}), "timezone"),
            (json!({"account_name": "x", "trust": {"max_removed": 1}}), "account_name"),
            (json!({"trust": {"max_removed_percent": 101}}), "trust.max_removed_percent"),
            (json!({"trust": {"max_removed": -1}}), "trust.max_removed"),
            (json!({"trust": {"max_removed": 1_000_000_001_u64}}), "trust.max_removed"),
            (json!({"trust": {"odd": 1}}), "trust.odd"),
            (json!({"smtp": {}}), "smtp"),
        ] {
            let answer = test.api(&token, "PATCH", "/settings", Some(body.clone())).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
            assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
        }
        assert_eq!(in_force(&test).await, Limits::default(), "a refused change changes nothing");
    }
}
