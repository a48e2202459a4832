//! The router over a fresh database, a clock moved by hand, and a browser without a screen.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use rialto_core::permissions::{Access, Role};
use rialto_store::users::{self, NewUser};
use rialto_store::{Actor, tokens};
use rialto_testkit::TestDb;
use rialto_web::auth::{new_token, password};
use rialto_web::{App, Settings};
use serde_json::Value;
use tower::ServiceExt;

pub const PASSWORD: &str = "a long and quiet river";

pub struct Test {
    pub app: App,
    pub router: Router,
    pub hand: Arc<AtomicI64>,
    pub name: &'static str,
    _db: TestDb,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// Name and value of a cookie that this answer sets.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let all = self.headers.get_all(header::SET_COOKIE).iter().filter_map(|v| v.to_str().ok());
        all.filter_map(|c| c.split(';').next()).find(|c| c.starts_with(&format!("{name}="))).map(str::to_owned)
    }
}

impl Test {
    pub async fn on_both() -> Vec<Self> {
        rialto_testkit::both().await.into_iter().map(|db| Self::over(db, false)).collect()
    }

    pub fn over(db: TestDb, secure_cookies: bool) -> Self {
        let (clock, hand) = rialto_testkit::clock();
        let settings = Settings {
            account_name: "Test".into(),
            timezone: "Europe/Vienna".into(),
            public_url: "http://rialto.example".into(),
            secure_cookies,
            trusted_proxies: Vec::new(),
            login_after_seconds: 600,
            overnight_at: "02:00".into(),
            limits: Default::default(),
            version: "0.0.0-test",
        };
        let app = App {
            db: db.db.clone(),
            vault: rialto_testkit::vault(),
            clock,
            random: rialto_testkit::random(),
            wake: Default::default(),
            settings: Arc::new(settings),
            stop: Default::default(),
            metrics: Arc::new(|| "test_metric 1\n".into()),
        };
        Self { router: rialto_web::router(app.clone()), app, hand, name: db.name, _db: db }
    }

    /// Serves anew, believing these networks about the client's address.
    pub fn trust_proxies(&mut self, networks: &[&str]) {
        let trusted_proxies = networks.iter().map(|n| n.parse().unwrap()).collect();
        self.configure(|s| s.trusted_proxies = trusted_proxies);
    }

    pub fn public_url(&mut self, url: &str) {
        self.configure(|s| s.public_url = url.to_owned());
    }

    fn configure(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = (*self.app.settings).clone();
        change(&mut settings);
        self.app.settings = Arc::new(settings);
        self.router = rialto_web::router(self.app.clone());
    }

    pub fn later(&self, seconds: i64) {
        self.hand.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    pub fn actor(&self) -> Actor {
        Actor { name: "cli".into(), request_id: "test".into(), at: self.app.clock.now() }
    }

    pub async fn token(&self, role: Role) -> String {
        let (token, hash) = new_token(&self.app.random);
        let mut tx = self.app.db.write().await.unwrap();
        tokens::create(&mut tx, role.name(), &hash, role, &self.actor()).await.unwrap();
        tx.commit().await.unwrap();
        token
    }

    pub async fn user(&self, email: &str, role: Role) -> i64 {
        let password_hash = password::hash_now(PASSWORD, &self.app.random).unwrap();
        let new = NewUser { email: email.into(), password_hash, access: Access::preset(role), timezone: String::new() };
        let mut tx = self.app.db.write().await.unwrap();
        let id = users::create(&mut tx, &new, &self.actor()).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 8 << 20).await.unwrap();
        // Where an address may break is nothing that readers see.
        let text = String::from_utf8_lossy(&bytes).replace("<wbr>", "");
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// A request to the API with a bearer token.
    pub async fn api(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.api_with(token, method, path, body, &[]).await
    }

    pub async fn api_with(&self, token: &str, method: &str, path: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |b| Body::from(b.to_string()));
        let answer = self.send(request.body(body).unwrap()).await;
        crate::described::check(method, path, &answer);
        answer
    }

    pub async fn get(&self, path: &str, cookies: &str) -> Answer {
        self.send(Request::builder().uri(path).header(header::COOKIE, cookies).body(Body::empty()).unwrap()).await
    }

    pub async fn form(&self, path: &str, cookies: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = Request::builder().method("POST").uri(path).header(header::COOKIE, cookies);
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").header(header::HOST, "rialto.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Tries to sign in as a browser would; the answer to the form.
    pub async fn try_sign_in(&self, email: &str, password: &str, next: &str) -> Answer {
        let page = self.get(&format!("/sign-in?next={next}"), "").await;
        let cookie = page.cookie("rialto_sign_in").expect("a cookie for the form");
        let csrf = cookie.split_once('=').unwrap().1.to_owned();
        self.form("/sign-in", &cookie, &[("csrf", &csrf), ("email", email), ("password", password), ("next", next)], &[]).await
    }

    /// Signs in; the session's cookie.
    pub async fn sign_in(&self, email: &str) -> String {
        let answer = self.try_sign_in(email, PASSWORD, "/").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}: {}", self.name, answer.text);
        answer.cookie("rialto_session").expect("a session cookie")
    }
}
