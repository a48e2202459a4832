//! Audience lists and extensions by the API.

use axum::http::StatusCode;
use rialto_core::permissions::Role;
use serde_json::{Value, json};

use crate::harness::Test;

/// A list and an extension of it; answers their ids.
pub async fn made(test: &Test, token: &str) -> (String, String) {
    let fields = json!([
        {"name": "Loyalty ID", "type": "text", "length": 20},
        {"name": "Tier", "type": "text", "length": 10, "default": "Basic"},
        {"name": "Points", "type": "integer"},
        {"name": "Email", "type": "text", "length": 100},
        {"name": "Since", "type": "date"},
    ]);
    let list =
        test.api(token, "POST", "/audience-lists", Some(json!({"name": "Members", "folder": "Loyalty / 2026", "fields": fields}))).await;
    assert_eq!(list.status, StatusCode::CREATED, "{}", list.text);
    let id = text(&list.json(), "id");
    let body = json!({"name": "Loyalty profile", "scope": "LOYALTY", "fields": fields});
    let extension = test.api(token, "POST", &format!("/audience-lists/{id}/extensions"), Some(body)).await;
    assert_eq!(extension.status, StatusCode::CREATED, "{}", extension.text);
    (id, text(&extension.json(), "id"))
}

pub fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn lists_and_extensions_are_made_changed_and_deleted() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (list, extension) = made(&test, &admin).await;
        let shown = test.api(&admin, "GET", &format!("/audience-lists/{list}"), None).await.json();
        assert_eq!((&shown["api_name"], &shown["folder"], &shown["extends"]), (&json!("members"), &json!("Loyalty/2026"), &Value::Null));
        assert_eq!((&shown["fields"][0]["key"], &shown["fields"][1]["reference"]), (&json!(true), &json!("tier")), "{}", test.name);
        let shown = test.api(&admin, "GET", &format!("/audience-lists/{extension}"), None).await.json();
        assert_eq!((&shown["extends"], &shown["fields"][1]["reference"]), (&json!(list), &json!("LOYALTY.tier")));
        let under = test.api(&admin, "GET", &format!("/audience-lists/{list}/extensions"), None).await.json();
        let lists = test.api(&admin, "GET", "/audience-lists", None).await.json();
        let ids = |all: &Value| all["items"].as_array().unwrap().iter().map(|i| text(i, "id")).collect::<Vec<_>>();
        assert_eq!((ids(&under), ids(&lists)), (vec![extension.clone()], vec![list.clone()]));

        let field = json!({"name": "Average basket", "type": "float"});
        let added = test.api(&admin, "POST", &format!("/audience-lists/{extension}/fields"), Some(field.clone())).await.json();
        assert_eq!((&added["fields"][5]["api_name"], &added["fields"][5]["number"]), (&json!("average_basket"), &json!(6)));
        assert_eq!(
            test.api(&admin, "POST", &format!("/audience-lists/{extension}/fields"), Some(field)).await.status,
            StatusCode::CONFLICT
        );
        let tier = format!("/audience-lists/{extension}/fields/2");
        let longer = test.api(&admin, "PATCH", &tier, Some(json!({"name": "Level", "length": 40}))).await.json();
        assert_eq!((&longer["fields"][1]["name"], &longer["fields"][1]["length"]), (&json!("Level"), &json!(40)));
        assert_eq!(test.api(&admin, "PATCH", &tier, Some(json!({"length": 5}))).await.status, StatusCode::CONFLICT, "never shorter");
        let retired = test.api(&admin, "PATCH", &tier, Some(json!({"retired": true}))).await.json();
        assert!(retired["fields"][1]["retired_at"].is_string());
        let back = test.api(&admin, "PATCH", &tier, Some(json!({"retired": false}))).await.json();
        assert!(back["fields"][1]["retired_at"].is_null());
        let key = test.api(&admin, "PATCH", &format!("/audience-lists/{extension}/fields/1"), Some(json!({"retired": true}))).await;
        assert_eq!(key.status, StatusCode::CONFLICT);

        assert_eq!(test.api(&admin, "DELETE", &format!("/audience-lists/{list}"), None).await.status, StatusCode::CONFLICT, "it has one");
        assert_eq!(test.api(&admin, "DELETE", &format!("/audience-lists/{extension}"), None).await.status, StatusCode::NO_CONTENT);
        assert_eq!(test.api(&admin, "DELETE", &format!("/audience-lists/{list}"), None).await.status, StatusCode::NO_CONTENT);
        assert_eq!(test.api(&admin, "GET", &format!("/audience-lists/{list}"), None).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn what_is_entered_is_looked_at() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let key = json!({"name": "ID", "type": "text", "length": 5});
        for (body, field) in [
            (json!({"name": "", "fields": [key]}), "name"),
            (json!({"name": "日本", "fields": [key]}), "api_name"),
            (json!({"name": "x", "folder": "a//b", "fields": [key]}), "folder"),
            (json!({"name": "x", "fields": []}), "fields"),
            (json!({"name": "x", "scope": "S", "fields": [key]}), "scope"),
            (json!({"name": "x", "fields": [{"name": "ID", "type": "date"}]}), "fields[0].type"),
            (json!({"name": "x", "fields": [{"name": "ID", "type": "text"}]}), "fields[0].length"),
            (json!({"name": "x", "fields": [key, {"name": "A", "type": "money"}]}), "fields[1].type"),
            (json!({"name": "x", "fields": [key, {"name": "A", "api_name": "1; DROP TABLE x", "type": "date"}]}), "fields[1].api_name"),
            (json!({"name": "x", "fields": [key, {"name": "A", "type": "date", "default": "soon"}]}), "fields[1].default"),
        ] {
            let answer = test.api(&admin, "POST", "/audience-lists", Some(body)).await;
            let told = answer.json()["errors"][0]["field"].as_str().unwrap_or_default().to_owned();
            assert_eq!((answer.status, told.as_str()), (StatusCode::UNPROCESSABLE_ENTITY, field), "{}", answer.text);
        }
        let twice = json!({"name": "x", "fields": [key, {"name": "id", "type": "date"}]});
        assert_eq!(test.api(&admin, "POST", "/audience-lists", Some(twice)).await.status, StatusCode::CONFLICT, "{}", test.name);
    }
}

#[tokio::test]
async fn a_list_of_many_fields_shows_its_rows() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let fields: Vec<Value> =
            (1..=300).map(|n| json!({"name": format!("Field {n}"), "type": if n == 1 { "long" } else { "boolean" }})).collect();
        let made = test.api(&admin, "POST", "/audience-lists", Some(json!({"name": "Wide", "fields": fields}))).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let rows = test.api(&admin, "GET", &format!("/audience-lists/{}/rows", text(&made.json(), "id")), None).await;
        assert_eq!(rows.status, StatusCode::OK, "{}: {}", test.name, rows.text);
    }
}
