//! Pages of audience lists and profile extensions: made with their fields, looked at, changed, exported, deleted.

use axum::http::StatusCode;
use rialto_core::audience::{FieldType, Stored};
use rialto_core::event::Version;
use rialto_core::permissions::Role;
use rialto_store::audiences::{self, Of, Written};
use rialto_store::{args, data_syncs};
use serde_json::json;

use crate::admin_pages::Browser;
use crate::audiences::{made, text};
use crate::harness::Test;
use crate::inbox::connection;
use crate::people::run;

async fn browser<'t>(test: &'t Test, email: &str, role: Role) -> Browser<'t> {
    test.user(email, role).await;
    Browser::of(test, email).await
}

/// A form with a key and two fields; the row between them is blank.
const FORM: &[(&str, &str)] = &[
    ("name", "Members <2026>"),
    ("folder", "Loyalty / North"),
    ("description", "Who takes part."),
    ("f0.name", "Loyalty ID"),
    ("f0.type", "text"),
    ("f0.length", "20"),
    ("f1.name", ""),
    ("f1.type", "text"),
    ("f1.length", "100"),
    ("f2.name", "Points"),
    ("f2.type", "integer"),
    ("f2.length", "100"),
    ("f2.default", "0"),
    ("f3.name", "Since"),
    ("f3.type", "date"),
];

fn with(change: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut all: Vec<_> = FORM.iter().copied().filter(|(name, _)| !change.iter().any(|(n, _)| n == name)).collect();
    all.extend(change);
    all
}

#[tokio::test]
async fn a_list_is_made_with_its_fields_and_nothing_entered_is_lost() {
    for test in Test::on_both().await {
        let mara = browser(&test, "mara@lumora.example", Role::Marketer).await;
        assert!(mara.get("/lists").await.text.contains("Make the first list"), "{}", test.name);
        assert_eq!(mara.get("/lists/new").await.text.matches("name=\"f5.name\"").count(), 1);
        let more = mara.post("/lists/new", &with(&[("act", "more")])).await;
        assert_eq!((more.status, more.text.contains("name=\"f8.name\"")), (StatusCode::OK, true), "more rows are no fault");
        for page in [&more, &mara.post("/lists/new", &with(&[("name", " ")])).await] {
            for kept in [
                "value=\"Loyalty ID\"",
                "value=\"Points\"",
                "value=\"Loyalty / North\"",
                "Who takes part.",
                "<option value=\"date\" selected>",
            ] {
                assert!(page.text.contains(kept), "{}: {kept}: {}", test.name, page.text);
            }
        }
        for (change, words) in [
            ([("name", " ")], "id=\"name-fault\">Enter 1 to 200 characters."),
            ([("f2.default", "many")], "id=\"f2-default\">It is not a whole number."),
            ([("f0.length", "long")], "id=\"f0-length\">A text has a length of 1 to 4000"),
            ([("f3.api_name", "1;")], "id=\"f3-api\">Use letters"),
            ([("folder", "a//b")], "id=\"folder-fault\""),
            ([("f0.name", "")], "id=\"f0-name\""),
            ([("f3.name", "points")], "has the API name points already"),
        ] {
            let refused = mara.post("/lists/new", &with(&change)).await;
            assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.text.contains(words), "{words}: {}", refused.text);
        }
        let answer = mara.post("/lists/new", FORM).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}: {}", test.name, answer.text);
        let list = answer.header("location").trim_end_matches("/fields").to_owned();
        let fields = mara.get(answer.header("location")).await.text;
        for words in ["Members &#60;2026&#62;", "<code>loyalty_id</code>", "text(20)", "Unique key", "<code>since</code>", "3 in use"] {
            assert!(fields.contains(words), "{}: {words}: {fields}", test.name);
        }
        let shown = mara.get("/lists").await.text;
        assert!(shown.contains("Loyalty/North") && shown.contains("not said yet") && shown.contains(&list), "{shown}");
        assert!(mara.get("/lists?folder=Elsewhere").await.text.contains("No list is like that."));
        assert!(mara.get("/lists?q=MEMB").await.text.contains(&list));

        // An extension of it.
        let beside = format!("/lists/extensions/new?list={}", list.trim_start_matches("/lists/"));
        assert!(mara.get(&beside).await.text.contains("selected>Members &#60;2026&#62;</option>"), "{}", test.name);
        let id = list.trim_start_matches("/lists/").to_owned();
        let mut form = with(&[("name", "Loyalty profile")]);
        let unsaid = mara.post("/lists/extensions/new", &form).await;
        assert!(unsaid.text.contains("Choose the list that it extends."), "{}", unsaid.text);
        form.push(("list", &id));
        let unsaid = mara.post("/lists/extensions/new", &form).await;
        assert!(unsaid.text.contains("id=\"scope-fault\">An extension has a scope name"), "{}", unsaid.text);
        form.push(("scope", "LOYALTY"));
        let made = mara.post("/lists/extensions/new", &form).await;
        assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
        assert!(mara.get(made.header("location")).await.text.contains("<code>LOYALTY.points</code>"), "as mailings name it");
        for path in ["/lists/extensions".to_owned(), format!("{list}/extensions")] {
            assert!(mara.get(&path).await.text.contains("Loyalty profile"), "{path}");
        }
        let own = made.header("location").replace("/fields", "/extensions");
        assert_eq!(mara.get(&own).await.status, StatusCode::NOT_FOUND, "an extension has none");
    }
}

#[tokio::test]
async fn fields_are_added_changed_retired_and_brought_back() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (list, extension) = made(&test, &admin).await;
        let mara = browser(&test, "mara@lumora.example", Role::Marketer).await;
        let fields = format!("/lists/{list}/fields");
        let new = [("name", "Average basket"), ("type", "float"), ("length", "100"), ("default", "x"), ("description", "")];
        let refused = mara.post(&format!("{fields}/new"), &new).await;
        assert!(refused.text.contains("id=\"default-fault\">It is not a number.") && refused.text.contains("value=\"Average basket\""));
        let taken = mara.post(&format!("{fields}/new"), &[("name", "Tier"), ("type", "date")]).await;
        assert!(taken.status == StatusCode::UNPROCESSABLE_ENTITY && taken.text.contains("API name tier already"), "{}", taken.text);
        let mut right = new;
        right[3].1 = "1.5";
        assert_eq!(mara.post(&format!("{fields}/new"), &right).await.header("location"), fields, "{}", test.name);
        assert!(mara.get(&fields).await.text.contains("<code>average_basket</code>"));

        let edit = mara.get(&format!("{fields}/2")).await.text;
        assert!(edit.contains("value=\"Tier\"") && edit.contains("value=\"10\"") && !edit.contains("name=\"type\""), "{edit}");
        assert!(!mara.get(&format!("{fields}/3")).await.text.contains("name=\"length\""), "an integer has no length");
        let shorter = mara.post(&format!("{fields}/2"), &[("name", "Level"), ("length", "5"), ("default", ""), ("description", "")]).await;
        assert!(shorter.text.contains("a field can become longer, not shorter") && shorter.text.contains("value=\"Level\""));
        let longer = [("name", "Level"), ("length", "40"), ("default", "Basic"), ("description", "Bronze to gold.")];
        assert_eq!(mara.post(&format!("{fields}/2"), &longer).await.status, StatusCode::SEE_OTHER);
        assert!(mara.get(&fields).await.text.contains("text(40)"), "{}", test.name);

        assert_eq!(mara.post(&format!("{fields}/2/retire"), &[]).await.status, StatusCode::SEE_OTHER);
        let retired = mara.get(&fields).await.text;
        assert!(retired.contains("Retired") && retired.contains("1 retired with its values kept") && retired.contains("Bring back"));
        assert!(!mara.get(&format!("/lists/{list}")).await.text.contains("Level"), "rows show what is in use");
        assert_eq!(mara.post(&format!("{fields}/2/bring-back"), &[]).await.status, StatusCode::SEE_OTHER);
        let key = mara.post(&format!("{fields}/1/retire"), &[]).await;
        assert!(key.status == StatusCode::CONFLICT && key.text.contains("The unique key cannot be retired."), "{}", key.text);
        for path in [format!("{fields}/99"), format!("{fields}/x"), format!("/lists/{extension}x"), "/lists/nothing".into()] {
            assert_eq!(mara.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
}

/// A data sync that fills the list, and three rows: one meets a subscriber, one nobody, one has nothing but its key.
async fn filled(test: &Test, admin: &str, list: &str) -> String {
    let (stream, _) = connection(test, admin).await;
    let wanted = json!({"name": "Points & tiers", "destination": list, "stream": stream, "mode": "upsert",
        "match": {"by": "email", "field": "email"},
        "mapping": [{"from": "profileAltId", "to": "loyalty_id"}, {"from": "attributes.email", "to": "email"}]});
    let sync = test.api(admin, "POST", "/data-syncs", Some(wanted)).await;
    assert_eq!(sync.status, StatusCode::CREATED, "{}", sync.text);
    run(
        test,
        "INSERT INTO subscriber (id, created_at, created_run, bridge_id, remote_id, address, canonical, address_state, remote_flag_seen, hash)
            VALUES (1, 1, 1, 1, 'R', 'Ann@home.example', 'ann@home.example', 0, 1, 1)",
        args![],
    )
    .await;
    let sync = data_syncs::list(test.app.db.read()).await.unwrap().remove(0);
    let columns = [(2, FieldType::Text), (3, FieldType::Integer), (4, FieldType::Text), (5, FieldType::Date)];
    let word = |text: &str| Some(Stored::Text(text.into()));
    let row = |key: &str, email: &str, values| Written {
        key: Stored::Text(key.into()),
        version: Version(1),
        link: Some(Some(email.to_owned())),
        values,
    };
    let rows = [
        row("LOY-1", "ann@home.example", vec![word("=1+1"), Some(Stored::Integer(-12_450)), word("Ann@home.example"), word("2026-01-31")]),
        row("LOY-2", "bob@home.example", vec![word("<b>Gold</b>"), Some(Stored::Integer(7)), word("bob@home.example"), Some(Stored::Null)]),
        Written { key: Stored::Text("OTHER".into()), version: Version(1), link: None, values: vec![None, None, None, None] },
    ];
    let mut tx = test.app.db.write().await.unwrap();
    audiences::upsert(
        &mut tx,
        &Of { audience_id: sync.audience_id, source_id: sync.source_id, sync_id: sync.id, numeric: false },
        &columns,
        &rows,
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    text(&test.api(admin, "GET", "/data-syncs", None).await.json()["items"][0], "id")
}

#[tokio::test]
async fn rows_are_read_found_and_exported_with_whom_they_meet() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (list, _) = made(&test, &admin).await;
        let vera = browser(&test, "vera@lumora.example", Role::Viewer).await;
        let page = format!("/lists/{list}");
        assert!(vera.get(&page).await.text.contains("No rows yet."), "{}", test.name);
        let sync = filled(&test, &admin, &list).await;
        let shown = vera.get(&page).await.text;
        for words in [
            "3 rows; 1 meets a subscriber, 2 meet nobody yet and will be joined",
            "by email address",
            ">Ann@home.example</a>",
            "href=\"/subscribers/",
            "nobody yet",
            "&lt;b&gt;Gold&lt;/b&gt;",
            "-12450",
            "2026-01-31",
            "Basic <span class=\"muted\">default</span>",
        ] {
            assert!(shown.contains(words), "{}: {words}: {shown}", test.name);
        }
        let found = vera.get(&format!("{page}?q=ANN%40home.example")).await.text;
        assert!(found.contains("LOY-1") && !found.contains("LOY-2"), "{}: {found}", test.name);
        assert!(vera.get(&format!("{page}?q=LOY")).await.text.contains("LOY-2"));
        assert!(vera.get(&format!("{page}?q=%25")).await.text.contains("No key begins with"), "{}", test.name);
        let file = vera.get(&format!("{page}/export.csv")).await;
        assert_eq!(file.header("content-disposition"), "attachment; filename=\"members.csv\"");
        let lines: Vec<&str> = file.text.trim_start_matches('\u{feff}').lines().collect();
        assert_eq!(lines[0], "Loyalty ID,Meets,Tier,Points,Email,Since");
        assert_eq!(lines[1], "LOY-1,Ann@home.example,'=1+1,-12450,Ann@home.example,2026-01-31", "formulas are text, figures stay figures");
        assert_eq!((lines.len(), lines[3]), (4, "OTHER,,,,,"), "a default is no value");
        let answer = test.api(&admin, "GET", &format!("/audience-lists/{list}/rows"), None).await.json();
        let ann = format!("/subscribers/{}", text(&answer["items"][0], "subscriber"));
        assert!(shown.contains(&ann) && answer["items"][1]["subscriber"].is_null(), "{answer}");

        let usage = vera.get(&format!("{page}/usage")).await.text;
        assert!(usage.contains("Points &amp; tiers") && usage.contains(&format!("/data-exchange/{sync}")) && usage.contains("Disabled"));
    }
}

#[tokio::test]
async fn pages_of_rows_begin_behind_a_key() {
    for test in Test::on_both().await {
        let mara = browser(&test, "mara@lumora.example", Role::Marketer).await;
        let form = [("name", "Numbers"), ("f0.name", "No"), ("f0.type", "long")];
        let list = mara.post("/lists/new", &form).await.header("location").trim_end_matches("/fields").to_owned();
        for key in 1..=51_i64 {
            run(&test, "INSERT INTO audience_1 (f1) VALUES ($1)", args![key]).await;
        }
        let first = mara.get(&list).await.text;
        assert!(first.contains(&format!("href=\"{list}?after=50\"")) && !first.contains("<code>51</code>"), "{}: {first}", test.name);
        let next = mara.get(&format!("{list}?after=50")).await.text;
        assert!(next.contains("<code>51</code>") && !next.contains("<code>50</code>") && next.contains("First page"), "{next}");
        assert_eq!(mara.get(&format!("{list}?after=x")).await.status, StatusCode::BAD_REQUEST);
        assert_eq!(mara.get(&format!("{list}/export.csv")).await.text.lines().count(), 52, "all of them");
        run(
            &test,
            "INSERT INTO audience_1 (f1) SELECT n FROM (WITH RECURSIVE up(n) AS (SELECT 52 UNION ALL SELECT n + 1 FROM up WHERE n < 10001)
                SELECT n FROM up) u",
            args![],
        )
        .await;
        for (query, words) in [("", "More than 10,000 rows. <a href="), ("?count=all", "10,001 rows. How they meet")] {
            let shown = mara.get(&format!("{list}{query}")).await.text;
            assert!(shown.contains(words) && shown.contains("<b>more than 10,000</b> rows"), "{}: {words}: {shown}", test.name);
        }
        assert!(mara.get("/lists").await.text.contains("more than 10,000"), "{}", test.name);
    }
}

#[tokio::test]
async fn it_is_renamed_and_deleted_only_when_nothing_depends_on_it() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (list, extension) = made(&test, &admin).await;
        let mara = browser(&test, "mara@lumora.example", Role::Marketer).await;
        let (page, beside) = (format!("/lists/{list}"), format!("/lists/{extension}"));
        let settings = format!("{page}/settings");
        let refused = mara.post(&settings, &[("name", "x"), ("folder", "a//b"), ("description", "kept")]).await;
        assert!(
            refused.status == StatusCode::UNPROCESSABLE_ENTITY
                && refused.text.contains("id=\"folder-fault\"")
                && refused.text.contains("kept")
        );
        assert_eq!(
            mara.post(&settings, &[("name", "People"), ("folder", "Loyalty"), ("description", "")]).await.header("location"),
            settings
        );
        assert!(mara.get(&settings).await.text.contains("value=\"People\""), "{}", test.name);

        let asked = mara.get(&format!("{page}/delete")).await.text;
        assert!(
            asked.contains("People cannot be deleted yet") && asked.contains(&beside) && !asked.contains("class=\"danger\""),
            "{asked}"
        );
        assert_eq!(mara.post(&format!("{page}/delete"), &[]).await.status, StatusCode::CONFLICT);
        filled(&test, &admin, &extension).await;
        let asked = mara.post(&format!("{beside}/delete"), &[]).await;
        assert!(asked.status == StatusCode::CONFLICT && asked.text.contains("the data sync Points &#38; tiers"), "{}", asked.text);
        let sync = data_syncs::list(test.app.db.read()).await.unwrap().remove(0);
        let mut tx = test.app.db.write().await.unwrap();
        data_syncs::remove(&mut tx, sync.id, &test.actor()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(mara.post(&format!("{beside}/delete"), &[]).await.header("location"), "/lists/extensions");
        assert_eq!(mara.post(&format!("{page}/delete"), &[]).await.header("location"), "/lists");
        assert_eq!(mara.get(&page).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn whoever_may_not_edit_lists_reads_them_without_buttons() {
    for test in Test::on_both().await {
        let admin = test.token(Role::Admin).await;
        let (list, _) = made(&test, &admin).await;
        let vera = browser(&test, "vera@lumora.example", Role::Viewer).await;
        let page = format!("/lists/{list}");
        let tabs = ["", "/fields", "/extensions", "/usage", "/settings"].map(|tab| format!("{page}{tab}"));
        for path in tabs.iter().map(String::as_str).chain(["/lists", "/lists/extensions"]) {
            let shown = vera.get(path).await;
            assert_eq!(shown.status, StatusCode::OK, "{path}");
            let main = shown.text.split_once("<main").unwrap().1;
            assert!(!main.contains("button primary") && !main.contains("Delete") && !main.contains("Retire"), "{path}: {main}");
        }
        for path in
            ["/lists/new", "/lists/extensions/new", &format!("{page}/fields/new"), &format!("{page}/fields/2"), &format!("{page}/delete")]
        {
            assert_eq!(vera.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
            assert_eq!(vera.post(path, FORM).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        for path in [format!("{page}/settings"), format!("{page}/fields/2/retire"), format!("{page}/fields/2/bring-back")] {
            assert_eq!(vera.post(&path, &[("name", "x")]).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        assert_eq!(audiences::list(test.app.db.read()).await.unwrap().len(), 2, "nothing was done");
    }
}
