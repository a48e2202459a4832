//! Pages of users, tokens and the own account, as a browser without scripts sends them.

use axum::http::StatusCode;
use rialto_core::permissions::{Permission, Role};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::users::{self, User};
use rialto_store::{args, groups};
use serde_json::json;

use crate::harness::{Answer, PASSWORD, Test};
use crate::runs::{id_of, seeded};

pub struct Browser<'a> {
    test: &'a Test,
    cookie: String,
    csrf: String,
}

impl<'a> Browser<'a> {
    pub async fn of(test: &'a Test, email: &str) -> Self {
        let cookie = test.sign_in(email).await;
        let page = test.get("/keyboard", &cookie).await.text;
        let csrf = page.split_once("name=\"csrf\" value=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default().to_owned();
        Self { test, cookie, csrf }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.test.get(path, &self.cookie).await
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let fields: Vec<(&str, &str)> = [("csrf", self.csrf.as_str())].into_iter().chain(fields.iter().copied()).collect();
        self.test.form(path, &self.cookie, &fields, &[]).await
    }
}

async fn user(test: &Test, email: &str) -> User {
    users::by_email(test.app.db.read(), email).await.unwrap().unwrap()
}

fn page_of(user: &User) -> String {
    format!("/settings/users/{}", PublicId::new(Kind::User, Instant(user.created_at), user.id))
}

async fn audited(test: &Test, action: &str) -> i64 {
    let (n,): (i64,) = test.app.db.read().one("SELECT COUNT(*) FROM audit WHERE action = $1", args![action]).await.unwrap();
    n
}

#[tokio::test]
async fn only_those_who_manage_users_open_these_pages() {
    for test in Test::on_both().await {
        for role in Role::ALL {
            test.user(&format!("{}@rialto.example", role.name()), role).await;
        }
        let ann = user(&test, "viewer@rialto.example").await;
        let token = test.token(Role::Viewer).await;
        assert!(!token.is_empty());
        let listed = rialto_store::tokens::page(test.app.db.read(), 0, 1).await.unwrap();
        let revoke = format!("/settings/tokens/{}/revoke", PublicId::new(Kind::Token, Instant(listed[0].created_at), listed[0].id));
        let href = page_of(&ann);
        for role in Role::ALL {
            let browser = Browser::of(&test, &format!("{}@rialto.example", role.name())).await;
            let may = role.allows(Permission::UsersAdmin);
            let status = if may { StatusCode::OK } else { StatusCode::FORBIDDEN };
            for path in [
                "/settings/users",
                "/settings/users/new",
                &href,
                &format!("{href}?role=admin"),
                &format!("{href}/password"),
                "/settings/tokens",
                "/settings/tokens/new",
                &revoke,
            ] {
                let page = browser.get(path).await;
                assert_eq!(page.status, status, "{} {path} on {}: {}", role.name(), test.name, page.text);
                assert!(!page.text.contains("style=\"") && !page.text.contains("onclick"), "{path}");
            }
            let account = browser.get("/account").await;
            assert_eq!(account.status, StatusCode::OK);
            assert_eq!(account.text.contains("href=\"/settings/users\""), may, "the navigation leaves out what is closed");
            if may {
                continue;
            }
            for (path, fields) in [
                ("/settings/users/new".to_owned(), vec![("email", "x@rialto.example"), ("role", "viewer"), ("password", PASSWORD)]),
                (href.clone(), vec![("role", "admin")]),
                (format!("{href}/switch?to=off"), vec![]),
                (format!("{href}/password"), vec![("password", "another quiet river")]),
                ("/settings/tokens/new".into(), vec![("name", "x"), ("role", "viewer")]),
                (revoke.clone(), vec![]),
            ] {
                assert_eq!(browser.post(&path, &fields).await.status, StatusCode::FORBIDDEN, "{} {path}", role.name());
            }
        }
        assert_eq!(users::count(test.app.db.read()).await.unwrap(), 4, "nothing was done");
    }
}

#[tokio::test]
async fn a_user_is_added_changed_and_disabled_at_once() {
    for test in Test::on_both().await {
        test.user("ann@rialto.example", Role::Admin).await;
        let ann = Browser::of(&test, "ann@rialto.example").await;
        let entered = |password: &'static str| {
            [("email", "Bob@Rialto.example"), ("role", "marketer"), ("password", password), ("timezone", "Mars/Base")]
        };
        let refused = ann.post("/settings/users/new", &entered("password")).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        for words in ["2 fields need", "among the first that others would try", "IANA name", "value=\"Bob@Rialto.example\""] {
            assert!(refused.text.contains(words), "{words}: {}", refused.text);
        }
        assert!(!refused.text.contains("value=\"password\""), "a password is never given back");
        let mut fields = entered(PASSWORD);
        fields[3].1 = "";
        assert_eq!(ann.post("/settings/users/new", &fields).await.header("location"), "/settings/users");
        let twice = ann.post("/settings/users/new", &fields).await;
        assert!(twice.status == StatusCode::UNPROCESSABLE_ENTITY && twice.text.contains("exists already"), "{}", twice.text);

        let bob = Browser::of(&test, "bob@rialto.example").await;
        let href = page_of(&user(&test, "bob@rialto.example").await);
        assert_eq!(bob.get("/settings/audit").await.status, StatusCode::FORBIDDEN);
        let change = [("role", "viewer"), ("p-audit.read", "granted"), ("p-lists.edit", "denied"), ("timezone", "Europe/Vienna")];
        assert_eq!(ann.post(&href, &change).await.header("location"), "/settings/users");
        assert_eq!(bob.get("/settings/audit").await.status, StatusCode::OK, "{}: in force at once, without a new sign-in", test.name);
        assert_eq!(bob.get("/target-groups/new").await.status, StatusCode::FORBIDDEN);
        let list = ann.get("/settings/users").await.text;
        assert!(list.contains("may also read the audit trail; may not edit target groups and lists"), "{list}");
        let form = ann.get(&href).await.text;
        assert!(
            form.contains("value=\"granted\" selected") && form.contains("value=\"denied\" selected") && form.contains("Europe/Vienna")
        );
        let faulty = ann.post(&href, &[("role", "viewer"), ("timezone", "Nowhere/At all")]).await;
        assert!(faulty.status == StatusCode::UNPROCESSABLE_ENTITY && faulty.text.contains("Nowhere/At all"), "{}", faulty.text);

        assert_eq!(ann.post(&format!("{href}/switch?to=off"), &[]).await.status, StatusCode::SEE_OTHER);
        assert!(bob.get("/").await.header("location").starts_with("/sign-in"), "a disabled user is signed out");
        assert_ne!(test.try_sign_in("bob@rialto.example", PASSWORD, "/").await.status, StatusCode::SEE_OTHER);
        assert_eq!(ann.post(&format!("{href}/switch?to=on"), &[]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(ann.post(&format!("{href}/switch?to=x"), &[]).await.status, StatusCode::BAD_REQUEST);

        let weak = ann.post(&format!("{href}/password"), &[("password", "bob@rialto.example")]).await;
        assert!(weak.status == StatusCode::UNPROCESSABLE_ENTITY && weak.text.contains("password-fault"), "{}", weak.text);
        let bob = Browser::of(&test, "bob@rialto.example").await;
        assert_eq!(ann.post(&format!("{href}/password"), &[("password", "another quiet river")]).await.status, StatusCode::SEE_OTHER);
        assert!(bob.get("/").await.header("location").starts_with("/sign-in"), "a new password ends sessions");
        assert_eq!(test.try_sign_in("bob@rialto.example", "another quiet river", "/").await.status, StatusCode::SEE_OTHER);
        assert_eq!(
            (audited(&test, "user.create").await, audited(&test, "user.update").await, audited(&test, "user.password").await),
            (2, 3, 1)
        );
    }
}

#[tokio::test]
async fn nobody_shuts_themselves_out_and_nobody_rises_above_themselves() {
    for test in Test::on_both().await {
        for email in ["ann@rialto.example", "eve@rialto.example"] {
            test.user(email, Role::Admin).await;
        }
        let ann = Browser::of(&test, "ann@rialto.example").await;
        let href = page_of(&user(&test, "ann@rialto.example").await);
        for fields in [vec![("role", "viewer")], vec![("role", "admin"), ("p-users.admin", "denied")]] {
            let refused = ann.post(&href, &fields).await;
            assert!(refused.status == StatusCode::CONFLICT && refused.text.contains("Nobody disables themselves"), "{}", refused.text);
        }
        assert_eq!(ann.post(&format!("{href}/switch?to=off"), &[]).await.status, StatusCode::CONFLICT);
        assert!(!ann.get("/settings/users").await.text.contains(&format!("{href}/switch")));
        assert_eq!(user(&test, "ann@rialto.example").await.access().role, Role::Admin);
        // Less of everything else is one's own choice.
        assert_eq!(ann.post(&href, &[("role", "admin"), ("p-mailings.send", "denied")]).await.status, StatusCode::SEE_OTHER);
        // Now Eve may do more than Ann: out of her reach, and so is what Ann gave away.
        let eve = page_of(&user(&test, "eve@rialto.example").await);
        for path in [eve.clone(), format!("{eve}/password")] {
            assert_eq!(ann.get(&path).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        assert_eq!(ann.post(&format!("{eve}/switch?to=off"), &[]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(ann.post(&href, &[("role", "admin")]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(ann.post("/settings/tokens/new", &[("name", "x"), ("role", "admin")]).await.status, StatusCode::FORBIDDEN);
        // The last one stays, whoever asks.
        let eve = Browser::of(&test, "eve@rialto.example").await;
        assert_eq!(eve.post(&format!("{href}/switch?to=off"), &[]).await.status, StatusCode::SEE_OTHER);
        let token = test.token(Role::Admin).await;
        let last = page_of(&user(&test, "eve@rialto.example").await).replace("/settings", "");
        assert_eq!(test.api(&token, "PATCH", &last, Some(json!({"disabled": true}))).await.status, StatusCode::CONFLICT);
    }
}

#[tokio::test]
async fn everybody_chooses_their_own_time_zone() {
    for test in Test::on_both().await {
        test.user("ann@rialto.example", Role::Viewer).await;
        let ann = Browser::of(&test, "ann@rialto.example").await;
        let refused = ann.post("/account", &[("timezone", "<b>Oz</b>")]).await;
        assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.text.contains("&#60;b&#62;Oz"), "{}", refused.text);
        assert_eq!(ann.post("/account", &[("timezone", "Asia/Tokyo")]).await.header("location"), "/account");
        let page = ann.get("/account").await.text;
        assert!(page.contains("JST") && page.contains("value=\"Asia/Tokyo\""), "{page}");
        assert_eq!((user(&test, "ann@rialto.example").await.timezone.as_str(), audited(&test, "user.timezone").await), ("Asia/Tokyo", 1));
    }
}

#[tokio::test]
async fn everybody_changes_their_own_password_and_is_signed_out_elsewhere() {
    for test in Test::on_both().await {
        test.user("ann@rialto.example", Role::Viewer).await;
        let (ann, elsewhere) = (Browser::of(&test, "ann@rialto.example").await, Browser::of(&test, "ann@rialto.example").await);
        let new = "an older and wider river";
        let change = async |current: &str, new: &str, again: &str| {
            ann.post("/account/password", &[("current_password", current), ("password", new), ("password_again", again)]).await
        };
        for (current, new, again, said) in [
            ("not this one", new, new, "This is not your password."),
            (PASSWORD, "12345678", "12345678", "among the first that others would try"),
            (PASSWORD, new, "another", "This is not the same as above."),
            ("", new, new, "Enter the password with which you signed in."),
        ] {
            let refused = change(current, new, again).await;
            assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.text.contains(said), "{said}: {}", refused.text);
            assert!(!refused.text.contains(new) && !refused.text.contains(PASSWORD), "a password is never given back");
        }
        assert_eq!((audited(&test, "user.password").await, elsewhere.get("/account").await.status), (0, StatusCode::OK));
        assert_eq!(change(PASSWORD, new, new).await.header("location"), "/account", "{}", test.name);
        assert_eq!(ann.get("/account").await.status, StatusCode::OK, "this session goes on");
        assert_eq!(elsewhere.get("/account").await.status, StatusCode::SEE_OTHER, "the other session ended");
        assert_eq!(audited(&test, "user.password").await, 1);
        assert!(change(PASSWORD, "yet another calm river", "yet another calm river").await.text.contains("This is not your password."));
        // Whoever guesses must wait.
        let mut said = String::new();
        for _ in 0..6 {
            said = change("a guess", new, new).await.text;
        }
        assert!(said.contains("Too many tries."), "{}: {said}", test.name);
    }
}

#[tokio::test]
async fn a_token_is_shown_once_and_revoked_after_a_question() {
    for test in Test::on_both().await {
        test.user("ann@rialto.example", Role::Admin).await;
        let ann = Browser::of(&test, "ann@rialto.example").await;
        assert!(ann.get("/settings/tokens").await.text.contains("opens the HTTP API to a program"));
        let refused = ann.post("/settings/tokens/new", &[("name", "  "), ("role", "viewer")]).await;
        assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.text.contains("name-fault"), "{}", refused.text);
        let made = ann.post("/settings/tokens/new", &[("name", "<i>Nightly</i>"), ("role", "marketer")]).await;
        assert_eq!((made.status, made.header("cache-control")), (StatusCode::OK, "no-store"));
        let token = made.text.split_once("id=\"made\" value=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap().to_owned();
        assert!(token.starts_with("rialto_") && made.text.contains("&#60;i&#62;Nightly"), "{}", made.text);
        assert_eq!(test.api(&token, "GET", "/bridges", None).await.status, StatusCode::OK);
        let list = ann.get("/settings/tokens").await.text;
        assert!(
            !list.contains(&token) && list.contains("Marketer") && list.contains("ann@rialto.example") && list.contains("just now"),
            "{list}"
        );
        let revoke = list.split('"').find(|part| part.ends_with("/revoke")).unwrap().to_owned();
        assert!(ann.get(&revoke).await.text.contains("This cannot be taken back"));
        assert_eq!(test.api(&token, "GET", "/bridges", None).await.status, StatusCode::OK, "a question revokes nothing");
        assert_eq!(ann.post(&revoke, &[]).await.header("location"), "/settings/tokens");
        assert_eq!(test.api(&token, "GET", "/bridges", None).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(ann.post(&revoke, &[]).await.status, StatusCode::CONFLICT);
        assert!(ann.get(&revoke).await.text.contains("revoked already"));
        let list = ann.get("/settings/tokens").await.text;
        assert!(list.contains("Revoked") && !list.contains(&revoke), "{list}");
    }
}

#[tokio::test]
async fn a_group_that_only_plans_is_resumed_by_the_api() {
    for test in Test::on_both().await {
        let (_, all) = seeded(&test, 1).await;
        let (token, path) = (test.token(Role::Marketer).await, format!("/target-groups/{}/resume", id_of(&all[0])));
        assert_eq!(test.api(&token, "POST", &path, None).await.status, StatusCode::CONFLICT, "nothing is paused");
        crate::people::run(&test, "UPDATE target_group SET plan_only = TRUE WHERE id = $1", args![all[0].id]).await;
        let viewer = test.token(Role::Viewer).await;
        assert_eq!(test.api(&viewer, "POST", &path, None).await.status, StatusCode::FORBIDDEN);
        let resumed = test.api(&token, "POST", &path, None).await;
        assert_eq!((resumed.status, &resumed.json()["plan_only"]), (StatusCode::OK, &json!(false)), "{}", resumed.text);
        assert!(!groups::get(test.app.db.read(), all[0].id).await.unwrap().unwrap().plan_only);
        assert_eq!(audited(&test, "target_group.resume").await, 1);
    }
}
