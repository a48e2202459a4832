//! Pages of profile enrichment, as a browser without scripts sends them.

use axum::http::StatusCode;
use rialto_core::permissions::{Access, Permission, Role};
use rialto_store::users::{self, NewUser};
use rialto_store::{data_syncs, streams};
use rialto_web::auth::password;
use serde_json::json;

use crate::admin_pages::Browser;
use crate::audiences::{made, text};
use crate::data_syncs::{rejected, wanted};
use crate::harness::{Answer, PASSWORD, Test};
use crate::inbox::{connection, event, send};

const NEW: &str = "/data-exchange/new";

struct World {
    list: String,
    extension: String,
    stream: String,
    inbox: String,
    admin: String,
}

/// A list with an extension, a connection, and somebody of each role.
async fn world(test: &Test) -> World {
    let admin = test.token(Role::Admin).await;
    let (list, extension) = made(test, &admin).await;
    let (stream, inbox) = connection(test, &admin).await;
    for role in Role::ALL {
        test.user(&format!("{}@rialto.example", role.name()), role).await;
    }
    World { list, extension, stream, inbox, admin }
}

impl World {
    async fn sends(&self, test: &Test, subject: &str, sequence: u64, tier: &str) {
        let data = json!({"attributes": {"tier": tier, "Email": format!("{}@home.example", subject.to_lowercase())},
            "metrics": {"points": 5, "since": 7}, "preferences": {"note": "<i>hello</i>"}});
        let event = event(subject, sequence, &data).to_string();
        assert_eq!(send(test, &self.stream, &self.inbox, "application/cloudevents+json", event).await.status, StatusCode::ACCEPTED);
    }

    fn source(&self) -> String {
        format!("{} /loyalty/north", self.stream)
    }

    async fn made(&self, test: &Test) -> String {
        let made = test.api(&self.admin, "POST", "/data-syncs", Some(wanted(&self.extension, &self.stream))).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        format!("/data-exchange/{}", text(&made.json(), "id"))
    }
}

fn has(page: &Answer, words: &[&str]) {
    for word in words {
        assert!(page.text.contains(word), "{word}: {}", page.text);
    }
}

#[tokio::test]
async fn new_is_greyed_with_its_reason() {
    for test in Test::on_both().await {
        test.user("admin@rialto.example", Role::Admin).await;
        let ann = Browser::of(&test, "admin@rialto.example").await;
        has(
            &ann.get("/data-exchange").await,
            &["No profile enrichment yet.", "No stream connection is active.", "disabled aria-describedby=\"closed\""],
        );
        assert_eq!(ann.get(NEW).await.status, StatusCode::CONFLICT);
        let admin = test.token(Role::Admin).await;
        let (stream, _) = connection(&test, &admin).await;
        has(&ann.get("/data-exchange").await, &["href=\"/data-exchange/new\""]);
        assert_eq!(ann.get(NEW).await.status, StatusCode::OK);
        test.api(&admin, "PATCH", &format!("/streams/{stream}"), Some(json!({"enabled": false}))).await;
        has(&ann.get("/data-exchange").await, &["No stream connection is active."]);
        assert_eq!(ann.post(NEW, &[("step", "general")]).await.status, StatusCode::CONFLICT, "{}", test.name);
    }
}

#[tokio::test]
async fn whoever_may_not_edit_reads_and_posts_nothing() {
    for test in Test::on_both().await {
        let world = world(&test).await;
        let path = world.made(&test).await;
        for role in Role::ALL {
            let may = role.allows(Permission::DataExchangeEdit);
            let browser = Browser::of(&test, &format!("{}@rialto.example", role.name())).await;
            for tab in ["", "/matching", "/preview", "/history"] {
                let page = browser.get(&format!("{path}{tab}")).await;
                assert_eq!(page.status, StatusCode::OK, "{tab}: {}", page.text);
                assert!(!page.text.contains("style=\"") && !page.text.contains("onclick"), "{tab}");
                assert_eq!(page.text.contains(&format!("{path}/switch")), may, "{} {tab}", role.name());
            }
            let list = browser.get("/data-exchange").await;
            has(&list, &["Loyalty points", "Profile Upsert", "Disabled", "Loyalty profile", "/loyalty/north", "nightly"]);
            assert_eq!(list.text.contains("This needs the permission to edit data exchanges."), !may);
            assert_eq!(browser.get("/data-exchange/history").await.status, StatusCode::OK);
            let status = if may { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(browser.get(NEW).await.status, status);
            assert_eq!(browser.get(&format!("{path}/delete")).await.status, status);
            if may {
                continue;
            }
            for (to, fields) in [
                (NEW.to_owned(), vec![("step", "general"), ("name", "x")]),
                (path.clone(), vec![("name", "x")]),
                (format!("{path}/matching"), vec![("go", "save")]),
                (format!("{path}/rejected"), vec![("act", "replay_all")]),
                (format!("{path}/switch"), vec![("to", "on")]),
                (format!("{path}/delete"), vec![]),
            ] {
                assert_eq!(browser.post(&to, &fields).await.status, StatusCode::FORBIDDEN, "{} {to}", role.name());
            }
        }
        let sync = data_syncs::list(test.app.db.read()).await.unwrap().remove(0);
        assert!(!sync.enabled && sync.name == "Loyalty points", "{}: nothing was done", test.name);
        let viewer = Browser::of(&test, "viewer@rialto.example").await;
        assert_eq!(viewer.get("/data-exchange/00000000-0000-7000-8000-000000000000").await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn the_wizard_keeps_what_was_entered_and_says_what_cannot_be() {
    for test in Test::on_both().await {
        let world = world(&test).await;
        world.sends(&test, "LOY-1", 1, "Gold").await;
        let ann = Browser::of(&test, "admin@rialto.example").await;
        let refused = ann.post(NEW, &[("step", "general"), ("go", "next"), ("folder", "a//b"), ("new_labels", &"x".repeat(61))]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        has(&refused, &["name-fault", "folder-fault", "labels-fault", "value=\"a//b\"", "Nothing was made yet."]);

        let source = world.source();
        let general =
            [("name", "Points & tier"), ("folder", "Loyalty"), ("new_labels", "nightly, Loyalty"), ("mode", "upsert"), ("how", "email")];
        let ends = ann.post(NEW, &[&[("step", "general"), ("go", "next")], &general[..]].concat()).await;
        has(
            &ends,
            &[
                "name=\"step\" value=\"ends\"",
                "value=\"Points &#38; tier\"",
                "/loyalty/north",
                "scope LOYALTY",
                "value=\"nightly, Loyalty\"",
            ],
        );
        let refused = ann.post(NEW, &[&[("step", "ends"), ("go", "next"), ("how", "remote_id:x")], &general[..3]].concat()).await;
        has(&refused, &["destination-fault", "source-fault", "mode-fault", "value=\"Points &#38; tier\""]);

        let both = [&general[..], &[("destination", world.extension.as_str()), ("source", source.as_str())]].concat();
        let matching = ann.post(NEW, &[&[("step", "ends"), ("go", "next")], &both[..]].concat()).await;
        assert_eq!(matching.status, StatusCode::OK, "{}", matching.text);
        has(
            &matching,
            &[
                "name=\"m-loyalty_id\" value=\"profileAltId\"",
                "value=\"attributes.tier\" selected",
                "value=\"metrics.points\" selected",
                "value=\"attributes.Email\" selected",
                "tier · text · “Gold”",
                "suggested: the names are equal",
            ],
        );
        assert!(
            !matching.text.contains("value=\"metrics.since\" selected") && matching.text.contains("“&#60;i&#62;hello"),
            "types count, and nothing is markup"
        );

        let pairs =
            [("offered", world.extension.as_str()), ("field", "email"), ("m-tier", "attributes.tier"), ("m-email", "attributes.Email")];
        let entered = [&both[..], &pairs[..]].concat();
        let back = ann.post(NEW, &[&[("step", "matching"), ("go", "general")], &entered[..]].concat()).await;
        has(&back, &["name=\"step\" value=\"general\"", "name=\"m-tier\" value=\"attributes.tier\"", &format!("value=\"{source}\"")]);
        let again = ann.post(NEW, &[&[("step", "ends"), ("go", "next")], &entered[..]].concat()).await;
        has(&again, &["value=\"attributes.tier\" selected", "Match 1 more by equal names"]);

        for (wrong, words) in [
            (("m-since", "attributes.tier"), "The source sends text here, and the field is of type date."),
            (("m-points", "points"), "Use attributes, preferences or metrics with a name"),
            (("m-email", ""), "something has to go into it"),
            (("field", "nothing"), "value=\"email\" selected"),
        ] {
            let mut fields = [&[("step", "matching"), ("go", "create")], &entered[..]].concat();
            fields.retain(|(name, _)| *name != wrong.0);
            fields.push(wrong);
            let answer = ann.post(NEW, &fields).await;
            if wrong.0 == "field" {
                continue;
            }
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{words}");
            has(&answer, &[words, "name=\"step\" value=\"matching\"", "value=\"Points &#38; tier\""]);
        }
        let looked =
            ann.post(NEW, &[&[("step", "matching"), ("go", "check"), ("m-since", "attributes.tier")], &entered[..]].concat()).await;
        assert_eq!(looked.status, StatusCode::OK);
        has(&looked, &["the field is of type date"]);
    }
}

#[tokio::test]
async fn what_the_wizard_makes_is_previewed_enabled_and_edited_only_while_disabled() {
    for test in Test::on_both().await {
        let world = world(&test).await;
        world.sends(&test, "LOY-1", 1, "Gold").await;
        world.sends(&test, "LOY-2", 1, "Far too long a tier").await;
        let (ann, source) = (Browser::of(&test, "admin@rialto.example").await, world.source());
        let general = [("name", "Points"), ("folder", "Loyalty"), ("new_labels", "nightly"), ("mode", "upsert"), ("how", "email")];
        let ends = [("destination", world.extension.as_str()), ("source", source.as_str())];
        let pairs =
            [("offered", world.extension.as_str()), ("field", "email"), ("m-tier", "attributes.tier"), ("m-email", "attributes.Email")];
        let all = [&general[..], &ends[..], &pairs[..]].concat();
        let made = ann.post(NEW, &[&[("step", "matching"), ("go", "create")], &all[..]].concat()).await;
        assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
        let preview = made.header("location").to_owned();
        let path = preview.strip_suffix("/preview").unwrap().to_owned();
        let page = ann.get(&preview).await;
        has(
            &page,
            &[
                "2 rows would be new, 1 rejection",
                "<del>empty</del>",
                "<ins>Gold</ins>",
                "longer than the 10 characters",
                "LOY-2",
                "Disabled",
            ],
        );
        has(&ann.get("/data-exchange?label=nightly&folder=Loyalty&state=disabled").await, &["Points", "<option selected>nightly"]);
        has(&ann.get("/data-exchange?state=enabled").await, &["No profile enrichment fits these filters."]);

        let changed = ann.post(&path, &[&general[..], &ends[..], &[("description", "For mailings")]].concat()).await;
        assert_eq!(changed.header("location"), path, "{}", changed.text);
        let form = ann.get(&path).await;
        has(&form, &["For mailings", "name=\"destination\"", "<button class=\"primary\">Save</button>"]);
        assert_eq!(ann.post(&format!("{path}/switch"), &[("to", "on"), ("back", "preview")]).await.header("location"), preview);
        let shown = ann.get(&path).await;
        has(&shown, &["Disable it first: it can be changed only while it is disabled.", "Enabled", "For mailings", "By e-mail address"]);
        assert!(!shown.text.contains("name=\"destination\""), "{}", test.name);
        let refused = ann.post(&path, &[&general[..], &ends[..]].concat()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        has(&refused, &["Disable the data sync first", "value=\"Points\""]);
        let refused = ann.post(&format!("{path}/matching"), &[&[("go", "save")], &pairs[..]].concat()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
        has(&ann.get(&format!("{path}/delete")).await, &["It is enabled.", "What stays:"]);
        assert_eq!(ann.post(&format!("{path}/delete"), &[]).await.status, StatusCode::CONFLICT);
        assert_eq!(ann.post(&format!("{path}/switch"), &[("to", "off"), ("back", "list")]).await.header("location"), "/data-exchange");
        assert_eq!(ann.post(&format!("{path}/switch"), &[("to", "x")]).await.status, StatusCode::BAD_REQUEST);
        assert_eq!(ann.post(&format!("{path}/delete"), &[]).await.header("location"), "/data-exchange");
        assert_eq!(ann.get(&path).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn another_destination_has_the_field_matching_reviewed() {
    for test in Test::on_both().await {
        let world = world(&test).await;
        world.sends(&test, "LOY-1", 1, "Gold").await;
        let path = world.made(&test).await;
        // A list with fewer fields, and a day where the source sends a text.
        let fields = json!([{"name": "Member", "type": "text", "length": 20}, {"name": "Tier", "type": "date"}, {"name": "Email", "type": "text", "length": 90}]);
        let other = test.api(&world.admin, "POST", "/audience-lists", Some(json!({"name": "Small", "fields": fields}))).await.json();
        let (ann, source, other) = (Browser::of(&test, "admin@rialto.example").await, world.source(), text(&other, "id"));
        let entered = [("name", "Loyalty points"), ("label", "nightly"), ("source", source.as_str()), ("mode", "upsert"), ("how", "email")];
        let saved = ann.post(&path, &[&entered[..], &[("destination", other.as_str())]].concat()).await;
        assert_eq!(saved.header("location"), format!("{path}/matching"), "{}", saved.text);
        let review = ann.get(&format!("{path}/matching")).await;
        has(
            &review,
            &[
                "What no longer fits",
                "the field is of type date",
                "has no field with the API name points",
                "Confirm the field matching",
                "The destination was changed, and nobody has looked",
                "disabled aria-describedby=\"head-why\"",
            ],
        );
        assert_eq!(ann.post(&format!("{path}/switch"), &[("to", "on")]).await.status, StatusCode::CONFLICT, "{}: LO-06", test.name);
        has(&ann.get("/data-exchange?state=review").await, &["To be reviewed"]);
        // What else is saved meanwhile is no review.
        let saved = ann.post(&path, &[&entered[..], &[("destination", other.as_str()), ("description", "Small")]].concat()).await;
        assert_eq!(saved.header("location"), path, "{}", saved.text);
        has(&ann.get(&format!("{path}/matching")).await, &["has no field with the API name points"]);
        let confirmed = [("go", "save"), ("field", "email"), ("m-member", "profileAltId"), ("m-email", "attributes.email")];
        let done = ann.post(&format!("{path}/matching"), &confirmed).await;
        assert_eq!(done.header("location"), format!("{path}/preview"), "{}", done.text);
        let page = ann.get(&format!("{path}/matching")).await;
        assert!(!page.text.contains("What no longer fits") && !page.text.contains("Confirm the field matching"), "{}", test.name);
        assert_eq!(ann.post(&format!("{path}/switch"), &[("to", "on")]).await.status, StatusCode::SEE_OTHER);
        let sync = data_syncs::list(test.app.db.read()).await.unwrap().remove(0);
        assert!(sync.enabled && sync.lost().is_empty() && sync.audience_name == "Small", "{}", test.name);
        let api = test.api(&world.admin, "GET", &path.replace("data-exchange", "data-syncs"), None).await.json();
        assert_eq!(api["mapping"], json!([{"from": "profileAltId", "to": "member"}, {"from": "attributes.email", "to": "email"}]));
        assert_ne!(world.list, other);
    }
}

#[tokio::test]
async fn labels_are_typed_by_those_who_may() {
    for test in Test::on_both().await {
        let world = world(&test).await;
        let path = world.made(&test).await;
        let password_hash = password::hash_now(PASSWORD, &test.app.random).unwrap();
        let access = Access { denied: vec![Permission::LabelsCreate], ..Access::preset(Role::Admin) };
        let eve = NewUser { email: "eve@rialto.example".into(), password_hash, access, timezone: String::new() };
        let mut tx = test.app.db.write().await.unwrap();
        users::create(&mut tx, &eve, &test.actor()).await.unwrap();
        tx.commit().await.unwrap();
        let eve = Browser::of(&test, "eve@rialto.example").await;
        has(
            &eve.get(&path).await,
            &["Making new labels needs the permission to create labels.", "name=\"label\" value=\"nightly\" checked"],
        );
        let source = world.source();
        let entered = [
            ("name", "Renamed"),
            ("source", source.as_str()),
            ("mode", "upsert"),
            ("how", "email"),
            ("destination", world.extension.as_str()),
        ];
        assert_eq!(eve.post(&path, &[&entered[..], &[("new_labels", "weekly")]].concat()).await.status, StatusCode::FORBIDDEN);
        assert_eq!(eve.post(&path, &[&entered[..], &[("label", "nightly")]].concat()).await.status, StatusCode::SEE_OTHER);
        let sync = data_syncs::list(test.app.db.read()).await.unwrap().remove(0);
        let labels = data_syncs::labels_of(test.app.db.read(), sync.id).await.unwrap();
        assert_eq!((sync.name.as_str(), labels.len(), labels[0].name.as_str()), ("Renamed", 1, "nightly"), "{}", test.name);
        // A business unit that is no longer read: its data sync can be looked at, and says what is the matter.
        test.api(&world.admin, "PATCH", &format!("/streams/{}", world.stream), Some(json!({"sources": ["/loyalty/south"]}))).await;
        assert_eq!(eve.post(&format!("{path}/switch"), &[("to", "on")]).await.status, StatusCode::SEE_OTHER);
        has(&eve.get(&format!("{path}/matching")).await, &["The stream connection no longer reads /loyalty/north.", "Waits"]);
        has(&eve.get("/data-exchange?state=waits").await, &["Renamed"]);
    }
}

#[tokio::test]
async fn rejected_values_are_shown_and_taken_once_more_or_put_aside() {
    for test in Test::on_both().await {
        let world = world(&test).await;
        let path = world.made(&test).await;
        let ids: Vec<String> = rejected(&test, &["LOY-1", "LOY-2", "LOY-3"]).await.iter().map(i64::to_string).collect();
        let ann = Browser::of(&test, "admin@rialto.example").await;
        let (history, post) = (format!("{path}/history"), format!("{path}/rejected"));
        let page = ann.get(&history).await;
        has(&page, &["3 open", "longer than the 10 characters", "LOY-3", "&#60;b&#62;Platinum", "Replay all 3"]);
        assert!(!page.text.contains("<b>Platinum"), "what came is never markup");
        assert_eq!(ann.post(&post, &[("act", "replay")]).await.header("location"), history);
        assert!(data_syncs::to_replay(test.app.db.read()).await.unwrap().is_empty(), "{}: nothing was chosen", test.name);
        assert_eq!(ann.post(&post, &[("act", "dismiss"), ("rejected", &ids[0])]).await.header("location"), history);
        assert_eq!(ann.post(&post, &[("act", "replay"), ("rejected", &ids[1]), ("rejected", &ids[0])]).await.header("location"), history);
        let sync = data_syncs::to_replay(test.app.db.read()).await.unwrap().remove(0);
        assert!(sync.replay_chosen && !sync.replay, "{}", test.name);
        has(&ann.get(&format!("{history}?state=open")).await, &["2 open", "are being taken once more", "LOY-1"]);
        assert_eq!(ann.post(&post, &[("act", "dismiss_all")]).await.header("location"), history);
        let (_, open) = streams::of_sync(test.app.db.read(), sync.id, 0, 0).await.unwrap();
        assert_eq!(open, 0, "{}", test.name);
        has(&ann.get(&format!("{history}?state=open")).await, &["Nothing is open."]);
        assert_eq!(ann.post(&post, &[("act", "x"), ("rejected", "1")]).await.status, StatusCode::BAD_REQUEST);
        assert_eq!(ann.get(&format!("{history}?minute=x&before=y")).await.status, StatusCode::OK);
        assert_eq!(ann.get("/data-exchange/history?before=x").await.status, StatusCode::OK);
    }
}
