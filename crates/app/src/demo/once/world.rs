//! A whole installation in a temporary folder, on free ports, and the sandbox beside it.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use rialto_core::permissions::Role;
use rialto_core::{Clock, Instant};
use rialto_engine::Engine;
use rialto_sandbox::{Running, Sandbox};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::commands::{sandbox, token, user};
use crate::config::secret;
use crate::demo::api::{Api, text};
use crate::demo::data::Login;
use crate::parts::Parts;
use crate::{http, serve};

/// Rows per page: small, so that every list of some size has several pages.
const PAGE_ROWS: &str = "100";

/// Longest wait for the parts to stop.
const STOP: Duration = Duration::from_secs(10);

pub struct World {
    pub api: Api,
    /// Where browsers reach Rialto.
    pub base: String,
    /// Beside the one that works: to ask for what a mailing asks for, and to look at the schedules at once.
    pub engine: Engine,
    pub login: Login,
    /// How far Rialto's clock goes ahead of the machine's, in microseconds.
    ahead: Arc<AtomicI64>,
    pub bridge: String,
    parts: Parts,
    remote: Running,
    stop: CancellationToken,
    work: JoinHandle<()>,
    web: JoinHandle<anyhow::Result<()>>,
    folder: tempfile::TempDir,
    /// Remote IDs of those who unsubscribed here.
    left: Mutex<BTreeSet<String>>,
}

impl World {
    pub async fn begin(people: u64) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder can be made")?;
        let listener = serve::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let address = listener.local_addr()?;
        let key = secret::create_key_file(&folder.path().join("secrets.key"), &crate::clock::random())?;
        let database = format!("sqlite://{}", folder.path().join("rialto.db").display());
        let mut parts = Parts::with(crate::demo::config(&database, key, address)).await?;
        let ahead = Arc::new(AtomicI64::new(0));
        parts.clock = movable(parts.clock, ahead.clone());
        let login = Login { email: "ann@rialto.example".into(), password: parts.random.hex::<10>() };
        user::make(&parts, &login.email, Role::Marketer, &login.password).await?;
        let remote = rialto_sandbox::start(sandbox::options(people, 1)).await.context("the sandbox does not start")?;
        let stop = CancellationToken::new();
        let work = tokio::spawn({
            let (engine, stop) = (parts.engine(), stop.clone());
            async move { engine.serve(stop).await }
        });
        let app = parts.app(Arc::new(String::new), stop.clone());
        let web = tokio::spawn(http::web(listener, rialto_web::router(app), stop.clone()));
        let (_, _, token) = token::make(&parts, "demo", Role::Admin).await?;
        let api = Api::new(format!("http://{address}"), token)?;
        let options = remote.sandbox.options();
        let bridge = api
            .post(
                "/bridges",
                json!({
                    "kind": "personify360", "name": "Sandbox",
                    "settings": {"base_url": remote.service_root(), "page_rows": PAGE_ROWS, "requests_per_second": "100"},
                    "secrets": {"username": options.user, "password": options.password},
                }),
            )
            .await?;
        let bridge = text(&bridge, "id")?.to_owned();
        let (base, engine) = (format!("http://{address}"), parts.engine());
        Ok(Self { api, base, engine, login, ahead, bridge, parts, remote, stop, work, web, folder, left: Mutex::default() })
    }

    /// What the remote system holds: the truth.
    pub fn sandbox(&self) -> &Sandbox {
        &self.remote.sandbox
    }

    /// Rialto's database, as a second process sees it.
    pub fn db(&self) -> &rialto_store::Db {
        &self.parts.db
    }

    /// Rialto's time.
    pub fn now(&self) -> Instant {
        self.parts.clock.now()
    }

    /// Moves Rialto's clock, forward or back; the sandbox's stays.
    pub fn move_clock(&self, seconds: i64) {
        self.ahead.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// The target group of a remote list.
    pub async fn group(&self, code: &str) -> anyhow::Result<Value> {
        let groups = self.api.all(&format!("/target-groups?bridge={}", self.bridge)).await?;
        groups.into_iter().find(|g| g["code"] == code).with_context(|| format!("there is no target group for the list {code}"))
    }

    /// Syncs a remote list's people; answers the run.
    pub async fn sync(&self, code: &str) -> anyhow::Result<Value> {
        let group = self.group(code).await?;
        self.api.run(&format!("/target-groups/{}/sync", text(&group, "id")?), json!({})).await
    }

    /// Only plans it.
    pub async fn plan(&self, code: &str) -> anyhow::Result<Value> {
        let group = self.group(code).await?;
        self.api.run(&format!("/target-groups/{}/sync", text(&group, "id")?), json!({"plan_only": true})).await
    }

    pub async fn counts(&self, code: &str) -> anyhow::Result<Value> {
        let group = self.group(code).await?;
        self.api.get(&format!("/target-groups/{}/counts", text(&group, "id")?)).await
    }

    /// Members as Rialto shows them.
    pub async fn members(&self, code: &str) -> anyhow::Result<Vec<Value>> {
        let group = self.group(code).await?;
        self.api.all(&format!("/target-groups/{}/subscribers", text(&group, "id")?)).await
    }

    /// Remote IDs of the members.
    pub async fn member_ids(&self, code: &str) -> anyhow::Result<BTreeSet<String>> {
        self.members(code).await?.iter().map(|m| Ok(text(m, "remote_id")?.to_owned())).collect()
    }

    /// The one subscriber with a Remote ID.
    pub async fn subscriber(&self, remote_id: &str) -> anyhow::Result<Value> {
        let mut found = self.api.all(&format!("/subscribers?remote_id={remote_id}")).await?;
        ensure!(found.len() == 1, "{} subscribers have the Remote ID {remote_id}", found.len());
        found.pop().context("no subscriber")
    }

    /// Whether and why a subscriber may be mailed.
    pub async fn verdict(&self, remote_id: &str) -> anyhow::Result<Value> {
        let subscriber = self.subscriber(remote_id).await?;
        let mut answer = self.api.get(&format!("/subscribers/{}/consent", text(&subscriber, "id")?)).await?;
        Ok(answer["verdict"].take())
    }

    /// An unsubscribe on the person's word.
    pub async fn unsubscribe(&self, remote_id: &str) -> anyhow::Result<()> {
        let subscriber = self.subscriber(remote_id).await?;
        let path = format!("/subscribers/{}/unsubscribe", text(&subscriber, "id")?);
        let act = json!({"reason": "The demo's person said so.", "evidence": "The demo's own script."});
        let answer = self.api.post(&path, act).await?;
        ensure!(answer["changed"] == true, "{remote_id} was unsubscribed already");
        self.left.lock().unwrap_or_else(PoisonError::into_inner).insert(remote_id.to_owned());
        Ok(())
    }

    /// Somebody who had unsubscribed here is mailed again.
    pub fn came_back(&self, remote_id: &str) {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).remove(remote_id);
    }

    /// Remote IDs of those who unsubscribed here.
    pub fn left(&self) -> BTreeSet<String> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops everything and takes the folder away.
    pub async fn end(self) {
        self.stop.cancel();
        let both = async { tokio::join!(self.work, self.web) };
        if tokio::time::timeout(STOP, both).await.is_err() {
            tracing::warn!("the demo's parts did not stop in time");
        }
        self.parts.db.close().await;
        drop(self.folder);
    }
}

fn movable(real: Clock, ahead: Arc<AtomicI64>) -> Clock {
    Clock::new(move || Instant(real.now().0 + ahead.load(Ordering::SeqCst)))
}

/// Names of the causes in a verdict.
pub fn causes(verdict: &Value) -> Vec<&str> {
    verdict["causes"].as_array().into_iter().flatten().filter_map(|c| c["cause"].as_str()).collect()
}
