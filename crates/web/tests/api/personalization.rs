//! Personalization by the API and by its page: fields, previews with the newest values, and faults (L7, PZ-01, PZ-02).

use axum::http::StatusCode;
use rialto_core::permissions::Role;
use rialto_core::{Kind, PublicId};
use rialto_store::args;
use rialto_store::audiences;
use serde_json::{Value, json};

use crate::audiences::made;
use crate::harness::Test;
use crate::people::people;
use crate::runs::seeded;

/// Five people, a list and its extension LOYALTY; the first person is Gold with 1,200 points. Answers the first person's id.
async fn world(test: &Test, admin: &str) -> String {
    let (bridge, groups) = seeded(test, 1).await;
    people(test, bridge, groups[0].id, 5).await;
    made(test, admin).await;
    let mut tx = test.app.db.write().await.unwrap();
    tx.run("UPDATE audience SET match_by = 'email'", args![]).await.unwrap();
    tx.commit().await.unwrap();
    earn(test, "Gold", 1200).await;
    id(test, 1)
}

fn id(test: &Test, of: i64) -> String {
    PublicId::new(Kind::Subscriber, test.app.clock.now(), of).to_string()
}

/// As a data sync writes the first person's row.
async fn earn(test: &Test, tier: &str, points: i64) {
    let extension = audiences::list(test.app.db.read()).await.unwrap().into_iter().find(|a| a.is_extension()).unwrap();
    let mut tx = test.app.db.write().await.unwrap();
    let text = format!(
        "INSERT INTO audience_{} (f1, f2, f3, f5, link) VALUES ('LOY-1', $1, $2, '2026-03-01', 'p1@members.example')
            ON CONFLICT (f1) DO UPDATE SET f2 = excluded.f2, f3 = excluded.f3",
        extension.id
    );
    tx.run_built(text, args![tier, points]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn preview(test: &Test, token: &str, body: Value) -> Value {
    let answer = test.api(token, "POST", "/personalization/preview", Some(body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn every_field_is_offered_by_the_name_that_a_text_uses() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        world(&test, &admin).await;
        let viewer = test.token(Role::Viewer).await;
        let all = test.api(&viewer, "GET", "/personalization/fields", None).await.json();
        let tier = all["items"].as_array().unwrap().iter().find(|f| f["reference"] == "LOYALTY.tier").unwrap().clone();
        let expected = json!({"reference": "LOYALTY.tier", "also": "loyalty_profile.tier", "label": "Tier", "group": "Loyalty profile",
            "type": "text", "default": "Basic", "description": ""});
        assert_eq!((tier, &all["items"][0]["reference"]), (expected, &json!("email")), "{}", test.name);
        let email =
            all["items"].as_array().unwrap().iter().filter(|f| f["label"] == "Email").map(|f| f["reference"].clone()).collect::<Vec<_>>();
        assert_eq!(email, [json!("email"), json!("members.email"), json!("LOYALTY.email")], "the short name is the subscriber's own");
    }
}

#[tokio::test]
async fn a_preview_has_the_newest_values_and_the_defaults_of_empty_ones() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let first = world(&test, &admin).await;
        let viewer = test.token(Role::Viewer).await;
        let text = "You are {{ LOYALTY.tier }} with {{ LOYALTY.points | number | default(\"no\") }} points, {{ email }}.\n";
        let body =
            json!({"subscriber": first, "text": text, "subject": "{% if LOYALTY.points > 1000 %}Thank\nyou{% else %}Hello{% endif %}"});
        let seen = preview(&test, &viewer, body.clone()).await;
        assert_eq!(
            seen["text"],
            json!({"rendered": "You are Gold with 1,200 points, p1@members.example.\n", "faults": []}),
            "{}",
            test.name
        );
        assert_eq!((&seen["subject"]["rendered"], &seen["html"]), (&json!("Thank you"), &Value::Null));
        earn(&test, "Silver", 7).await;
        let seen = preview(&test, &viewer, body.clone()).await;
        assert_eq!(seen["text"]["rendered"], json!("You are Silver with 7 points, p1@members.example.\n"), "{}", test.name);
        assert_eq!(seen["subject"]["rendered"], json!("Hello"));
        let other = json!({"subscriber": id(&test, 3), "text": text});
        assert_eq!(preview(&test, &viewer, other).await["text"]["rendered"], json!("You are Basic with no points, .\n"), "nobody's row");
        let html = json!({"subscriber": first, "html": "<p title=\"{{ LOYALTY.tier }}\">{{ loyalty_profile.tier }}</p>"});
        earn(&test, "<\"&'", 7).await;
        let escaped = "&lt;&quot;&amp;&#39;";
        assert_eq!(preview(&test, &viewer, html).await["html"]["rendered"], json!(format!("<p title=\"{escaped}\">{escaped}</p>")));
    }
}

#[tokio::test]
async fn a_persons_page_shows_what_lists_hold_of_them_now() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let first = world(&test, &admin).await;
        test.user("mara@lumora.example", Role::Marketer).await;
        let mara = crate::admin_pages::Browser::of(&test, "mara@lumora.example").await;
        let page = mara.get(&format!("/subscribers/{first}")).await.text;
        assert!(page.contains("Loyalty profile</a></h3>") && page.contains("<dt>Points</dt><dd>1200</dd>"), "{}: {page}", test.name);
        earn(&test, "Platinum", 22_000).await;
        let page = mara.get(&format!("/subscribers/{first}")).await.text;
        assert!(page.contains("<dd>22000</dd>") && page.contains("<dd>Platinum</dd>"), "{}", test.name);
        let other = mara.get(&format!("/subscribers/{}", id(&test, 2))).await.text;
        assert!(!other.contains("id=\"from-lists\""), "{}: nobody's row is shown to another", test.name);
    }
}

#[tokio::test]
async fn faults_are_told_by_text_and_line_and_bad_input_is_refused() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let first = world(&test, &admin).await;
        let body = json!({"subscriber": first, "text": "a\n{{ LOYALTY.tiers }}", "html": "{% if email %}", "subject": "fine"});
        let seen = preview(&test, &admin, body).await;
        assert_eq!(
            seen["text"],
            json!({"rendered": null, "faults": [{"line": 2, "what": "There is no field “LOYALTY.tiers”.", "advice": "Did you mean LOYALTY.tier?"}]}),
            "{}",
            test.name
        );
        assert_eq!((&seen["html"]["faults"][0]["line"], &seen["subject"]["rendered"]), (&json!(1), &json!("fine")));
        let large = preview(&test, &admin, json!({"subscriber": first, "text": "x".repeat(300_000)})).await;
        assert!(large["text"]["faults"][0]["what"].as_str().unwrap().contains("at most 256"));
        for (body, field) in [
            (json!({"subscriber": "x", "text": ""}), "subscriber"),
            (json!({"subscriber": id(&test, 99), "text": ""}), "subscriber"),
            (json!({"subscriber": first}), "text"),
            (json!({"subscriber": first, "subject": "x".repeat(999)}), "subject"),
        ] {
            let answer = test.api(&admin, "POST", "/personalization/preview", Some(body)).await;
            assert_eq!(
                (answer.status, &answer.json()["errors"][0]["field"]),
                (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)),
                "{}",
                answer.text
            );
        }
        let huge =
            test.api(&admin, "POST", "/personalization/preview", Some(json!({"subscriber": first, "text": "x".repeat(1 << 20)}))).await;
        assert_eq!(huge.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}

/// A marketer who is signed in, and what the forms need.
async fn signed_in(test: &Test) -> (String, String) {
    test.user("ann@rialto.example", Role::Viewer).await;
    let cookie = test.sign_in("ann@rialto.example").await;
    let page = test.get("/mailings/personalization", &cookie).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    let csrf = page.text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    (cookie, csrf)
}

#[tokio::test]
async fn the_page_previews_and_keeps_what_was_entered() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let first = world(&test, &admin).await;
        let (cookie, csrf) = signed_in(&test).await;
        earn(&test, "<b>Gold", 1200).await;
        let fields = [
            ("csrf", csrf.as_str()),
            ("subject", "For {{ LOYALTY.tier }}"),
            ("text", "\r\n</textarea>{{ LOYALTY.tier }} has\r\n{{ LOYALTY.points | number }}"),
            ("subscriber", first.as_str()),
            ("q", "p"),
            ("f", "tier"),
        ];
        let page = test.form("/mailings/personalization", &cookie, &fields, &[]).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        for said in [
            "<b>For &#60;b&#62;Gold</b>",
            "&#60;/textarea&#62;&#60;b&#62;Gold has\n1,200</p>",
            "rows=\"9\"",
            "p2@members.example",
            "data-insert=\"{{ LOYALTY.tier }}\"",
            "<span class=\"sample\">&#60;b&#62;Gold</span>",
        ] {
            assert!(page.text.contains(said), "{}: {said}: {}", test.name, page.text);
        }
        assert!(!page.text.contains("</textarea>{{"), "what was entered ends no field");
        assert!(!page.text.contains("data-insert=\"{{ LOYALTY.points }}\""), "only what the search finds");
        let faulty = [("csrf", csrf.as_str()), ("text", "a\n{{ LOYALTY.tiers }}")];
        let part = test.form("/mailings/personalization/preview", &cookie, &faulty, &[]).await;
        assert!(
            part.text.contains("<b>Line 2</b> <code>{{ LOYALTY.tiers }}</code>") && part.text.contains("Did you mean LOYALTY.tier?"),
            "{}",
            part.text
        );
        let fine = [("csrf", csrf.as_str()), ("text", "a {{ LOYALTY.tier }}")];
        let part = test.form("/mailings/personalization/preview", &cookie, &fine, &[]).await;
        assert!(part.text.contains("Choose a subscriber") && !part.text.contains("<html"), "{}", part.text);
        let people = test.form("/mailings/personalization/people", &cookie, &[("csrf", csrf.as_str()), ("q", "R-2")], &[]).await;
        assert!(people.text.contains("p2@members.example"), "by Remote ID: {}", people.text);
        let none = test.form("/mailings/personalization/fields", &cookie, &[("csrf", csrf.as_str()), ("f", "nothing like it")], &[]).await;
        assert!(none.text.contains("No field has"), "{}", none.text);
        let foreign = test.form("/mailings/personalization/preview", &cookie, &[("text", "x")], &[]).await;
        assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    }
}
