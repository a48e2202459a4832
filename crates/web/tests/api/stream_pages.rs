//! Pages of stream connections: made and changed, the token shown once, how they flow, what was seen and what was refused.

use axum::http::StatusCode;
use rialto_core::permissions::Role;
use rialto_store::streams;
use serde_json::{Value, json};

use crate::admin_pages::Browser;
use crate::audiences::{made, text};
use crate::harness::Test;
use crate::inbox::{connection, event, send};

const BATCH: &str = "application/cloudevents-batch+json";

async fn browser<'t>(test: &'t Test, email: &str, role: Role) -> Browser<'t> {
    test.user(email, role).await;
    Browser::of(test, email).await
}

fn events(from: u64, count: u64, data: &Value) -> String {
    Value::Array((from..from + count).map(|n| event(&format!("LOY-{n}"), n, data)).collect()).to_string()
}

async fn data_sync(test: &Test, admin: &str, stream: &str) -> String {
    let (list, _) = made(test, admin).await;
    let wanted = json!({"name": "Points", "destination": list, "stream": stream, "mode": "upsert",
        "mapping": [{"from": "profileAltId", "to": "loyalty_id"}]});
    let made = test.api(admin, "POST", "/data-syncs", Some(wanted)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    text(&made.json(), "id")
}

#[tokio::test]
async fn rate_position_and_lag_are_told() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (stream, token) = connection(&test, &admin).await;
        let sync = data_sync(&test, &admin, &stream).await;
        let shown = || async { test.api(&admin, "GET", &format!("/streams/{stream}"), None).await.json() };
        let none = shown().await;
        assert_eq!(
            (&none["last_minute"], &none["readers"][0]["behind"], &none["readers"][0]["waiting_since"]),
            (&json!(0), &json!(0), &Value::Null)
        );
        send(&test, &stream, &token, BATCH, events(1, 3, &json!({}))).await;
        let first = shown().await["last_event_at"].clone();
        test.later(50);
        send(&test, &stream, &token, BATCH, events(4, 2, &json!({}))).await;
        let both = shown().await;
        assert_eq!((&both["last_minute"], &both["position"]), (&json!(5), &json!(5)), "{}", test.name);
        let reader = &both["readers"][0];
        assert_eq!((&reader["id"], &reader["behind"], &reader["waiting_since"]), (&json!(sync), &json!(5), &first), "since the oldest");
        test.later(30);
        assert_eq!(shown().await["last_minute"], json!(2), "{}: the first is 80 seconds old", test.name);
        let stored = rialto_store::data_syncs::list(test.app.db.read()).await.unwrap().remove(0);
        let mut tx = test.app.db.write().await.unwrap();
        rialto_store::data_syncs::skip(&mut tx, stored.id, 4).await.unwrap();
        tx.commit().await.unwrap();
        let reader = shown().await["readers"][0].clone();
        assert_eq!((&reader["behind"], &reader["position"]), (&json!(1), &json!(4)), "{}", test.name);
        assert_eq!(reader["waiting_since"], both["last_event_at"], "in the middle of a request");
        test.later(120);
        assert_eq!(shown().await["last_minute"], json!(0), "{}", test.name);
    }
}

#[tokio::test]
async fn a_connection_is_made_and_its_token_shown_once() {
    for test in Test::on_both().await {
        let ines = browser(&test, "ines@lumora.example", Role::Integrator).await;
        assert!(ines.get("/admin/streams").await.text.contains("Make the first connection"), "{}", test.name);
        let wrong = ines.post("/admin/streams/new", &[("name", "Loyalty"), ("sources", " \r\n ")]).await;
        assert!(wrong.text.contains("id=\"sources-fault\">Name 1 to 100 business units") && wrong.text.contains("value=\"Loyalty\""));
        let right = [("name", "Loyalty"), ("sources", "/loyalty/north\r\n\r\n /loyalty/it's \r\n"), ("enabled", "yes")];
        let made = ines.post("/admin/streams/new", &right).await;
        let page = made.header("location").to_owned();
        assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
        let twice = ines.post("/admin/streams/new", &right).await;
        assert!(twice.status == StatusCode::UNPROCESSABLE_ENTITY && twice.text.contains("named Loyalty already"), "{}", twice.text);
        let shown = ines.get(&page).await.text;
        for words in
            ["No event yet", "<code>/loyalty/north</code>", "http://rialto.example/api/v1/streams/", "There is none yet", "curl -X POST"]
        {
            assert!(shown.contains(words), "{}: {words}: {shown}", test.name);
        }
        assert!(ines.get(&format!("{page}/token")).await.text.contains("Make the token of Loyalty"));
        let token = ines.post(&format!("{page}/token"), &[]).await.text;
        let token = token.split_once("id=\"made\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
        assert!(token.starts_with("rialto_") && !ines.get(&page).await.text.contains(&token), "{}", test.name);
        assert!(ines.get(&format!("{page}/token")).await.text.contains("Replace the token of Loyalty?"));
        let id = page.trim_start_matches("/admin/streams/").to_owned();
        let data = json!({"attributes": {"tier": "<i>Gold</i>"}});
        assert_eq!(send(&test, &id, &token, BATCH, events(1, 2, &data)).await.status, StatusCode::ACCEPTED);

        let edit = ines.get(&format!("{page}/edit")).await.text;
        assert!(edit.contains("/loyalty/it&#39;s") || edit.contains("/loyalty/it's"), "{edit}");
        assert_eq!(
            ines.post(&format!("{page}/edit"), &[("name", "Loyalty"), ("sources", "/loyalty/north")]).await.status,
            StatusCode::SEE_OTHER
        );
        assert!(ines.get(&page).await.text.contains("Switched off"), "{}: the box was not ticked", test.name);
        assert_eq!(send(&test, &id, &token, BATCH, "[]".into()).await.status, StatusCode::CONFLICT);
        assert_eq!(ines.post(&format!("{page}/switch?to=on"), &[]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(ines.post(&format!("{page}/switch?to=maybe"), &[]).await.status, StatusCode::BAD_REQUEST);
        for path in ["/admin/streams", page.as_str()] {
            let shown = ines.get(path).await.text;
            assert!(shown.contains("Receiving") && shown.contains("2 events"), "{}: {path}: {shown}", test.name);
        }
        let fields = ines.get(&format!("{page}/fields")).await.text;
        assert!(fields.contains("<code>attributes.tier</code>") && fields.contains("&lt;i&gt;Gold&lt;/i&gt;") && !fields.contains("<i>"));
        assert!(ines.get(&format!("{page}/delete")).await.text.contains("2 events came by it"));
        assert_eq!(ines.post(&format!("{page}/delete"), &[]).await.header("location"), "/admin/streams");
        assert_eq!(ines.get(&page).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn what_was_refused_and_gaps_are_shown_until_somebody_looked() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (stream, token) = connection(&test, &admin).await;
        let ines = browser(&test, "ines@lumora.example", Role::Integrator).await;
        let page = format!("/admin/streams/{stream}");
        assert!(ines.get(&format!("{page}/rejected")).await.text.contains("Nothing was rejected."));
        send(&test, &stream, &token, BATCH, Value::Array((0..51).map(|n| json!({"id": format!("odd-{n}")})).collect()).to_string()).await;
        let refused = ines.get(&format!("{page}/rejected")).await.text;
        assert!(
            refused.contains("51 open.") && refused.contains("<code>odd-50</code>") && !refused.contains("<code>odd-0</code>"),
            "{refused}"
        );
        let next = refused.split_once("?before=").unwrap().1.split('"').next().unwrap();
        assert!(ines.get(&format!("{page}/rejected?before={next}")).await.text.contains("<code>odd-0</code>"), "{}", test.name);
        assert_eq!(ines.post(&format!("{page}/rejected/dismiss"), &[]).await.status, StatusCode::SEE_OTHER);
        let aside = ines.get(&format!("{page}/rejected")).await.text;
        assert!(aside.contains("0 open.") && aside.contains("Put aside") && !aside.contains("Put all aside"), "{aside}");
        assert_eq!(test.api(&admin, "POST", &format!("/streams/{stream}/dismiss"), None).await.json(), json!({"dismissed": 0}));

        let own = streams::list(test.app.db.read()).await.unwrap().remove(0);
        let mut tx = test.app.db.write().await.unwrap();
        streams::raise(&mut tx, own.id, "retention", "40 events <were> not read. Ask for them again.", test.app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        let gap = ines.get(&page).await.text;
        assert!(
            gap.contains("40 events &#60;were&#62; not read.") && gap.contains("Gap") && gap.contains("<button>Settle</button>"),
            "{gap}"
        );
        let number = streams::alarms(test.app.db.read(), own.id).await.unwrap()[0].id;
        assert_eq!(ines.post(&format!("{page}/alarms/{number}/settle"), &[]).await.status, StatusCode::SEE_OTHER);
        assert!(!ines.get(&page).await.text.contains("40 events"), "{}", test.name);
        assert_eq!(ines.post(&format!("{page}/alarms/{number}/settle"), &[]).await.status, StatusCode::NOT_FOUND, "once");

        data_sync(&test, &admin, &stream).await;
        let read = ines.get(&page).await.text;
        assert!(read.contains("Points") && read.contains("Disabled") && read.contains("/data-exchange/"), "{read}");
        let kept = ines.post(&format!("{page}/delete"), &[]).await;
        assert!(kept.status == StatusCode::CONFLICT && kept.text.contains("The data sync Points reads this connection."), "{}", kept.text);
    }
}

#[tokio::test]
async fn whoever_may_not_use_the_profile_stream_reads_without_buttons() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (stream, _) = connection(&test, &admin).await;
        // A marketer may edit lists, and no streams.
        let mara = browser(&test, "mara@lumora.example", Role::Marketer).await;
        let page = format!("/admin/streams/{stream}");
        for path in ["/admin/streams".to_owned(), page.clone(), format!("{page}/fields"), format!("{page}/rejected")] {
            let shown = mara.get(&path).await;
            let main = shown.text.split_once("<main").unwrap().1;
            assert!(shown.status == StatusCode::OK && !main.contains("<form method=\"post\""), "{path}: {main}");
            assert!(!main.contains("/token\"") && !main.contains("/edit\""), "{path}: {main}");
        }
        for path in ["/admin/streams/new", &format!("{page}/edit"), &format!("{page}/delete"), &format!("{page}/token")] {
            assert_eq!(mara.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
            assert_eq!(mara.post(path, &[("name", "x"), ("sources", "/x")]).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        for path in ["switch?to=off", "rejected/dismiss", "alarms/1/settle"] {
            assert_eq!(mara.post(&format!("{page}/{path}"), &[]).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        assert!(streams::list(test.app.db.read()).await.unwrap()[0].enabled, "nothing was done");
    }
}
