//! Somebody looks at pages while a sync runs: every 100 ms one page, over HTTP, signed in.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use rialto_core::gate::Limits;
use rialto_core::permissions::{Access, Role};
use rialto_core::{Clock, Kind, PublicId, Random};
use rialto_store::users::NewUser;
use rialto_store::{Actor, Db, Vault, Wake, groups, sessions, users};
use rialto_web::{App, Settings, auth};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub struct Watch {
    stop: oneshot::Sender<()>,
    reader: JoinHandle<Result<Vec<f64>>>,
    server: JoinHandle<()>,
}

/// Rialto's pages on a free port, and somebody who is signed in.
pub struct Site {
    pub origin: String,
    pub cookie: String,
    pub server: JoinHandle<()>,
}

/// Starts the pages.
pub async fn serve(db: &Db, vault: Vault, clock: Clock) -> Result<Site> {
    let cookie = sign_in(db, &clock).await?;
    let app = App {
        db: db.clone(),
        vault,
        clock,
        random: Random::new(|out| out.fill(3)),
        wake: Wake::default(),
        settings: Arc::new(Settings {
            account_name: "Bench".into(),
            timezone: "UTC".into(),
            public_url: "http://127.0.0.1".into(),
            secure_cookies: false,
            trusted_proxies: Vec::new(),
            login_after_seconds: 600,
            limits: Limits::default(),
            overnight_at: "02:00".into(),
            version: "bench",
        }),
        stop: Default::default(),
        metrics: Arc::new(String::new),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(async move {
        let service = rialto_web::router(app).into_make_service_with_connect_info::<std::net::SocketAddr>();
        let _ = axum::serve(listener, service).await;
    });
    Ok(Site { origin, cookie, server })
}

/// Starts the pages and a reader that goes round them.
pub async fn watch(db: &Db, vault: Vault, clock: Clock) -> Result<Watch> {
    let Site { origin, cookie, server } = serve(db, vault, clock).await?;
    let mut paths = vec!["/".to_owned(), "/target-groups".to_owned(), "/sync-runs".to_owned()];
    for group in groups::of_bridge(db.read(), 1).await?.into_iter().filter(|g| g.code.as_deref() == Some(crate::load::LIST)) {
        let id = PublicId::new(Kind::TargetGroup, rialto_core::Instant(group.created_at), group.id);
        paths.extend([format!("/target-groups/{id}"), format!("/target-groups/{id}/subscribers")]);
    }
    let (stop, stopped) = oneshot::channel();
    let reader = tokio::spawn(read(origin, paths, cookie, stopped));
    Ok(Watch { stop, reader, server })
}

async fn sign_in(db: &Db, clock: &Clock) -> Result<String> {
    let now = clock.now();
    let who = Actor { name: "bench".into(), request_id: String::new(), at: now };
    let (secret, hash) = (format!("bench-{}", now.0), auth::secret_hash(&format!("bench-{}", now.0)));
    let new = NewUser {
        email: format!("bench{}@rialto.example", now.0),
        password_hash: "no password signs in".into(),
        access: Access::preset(Role::Admin),
        timezone: String::new(),
    };
    let mut tx = db.write().await?;
    let user = users::create(&mut tx, &new, &who).await?;
    sessions::begin(&mut tx, &hash, user, "csrf", now).await?;
    tx.commit().await?;
    Ok(format!("rialto_session={secret}"))
}

async fn read(origin: String, paths: Vec<String>, cookie: String, mut stopped: oneshot::Receiver<()>) -> Result<Vec<f64>> {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let mut took = Vec::new();
    for path in paths.iter().cycle() {
        let began = Instant::now();
        let answer = client.get(format!("{origin}{path}")).header("cookie", &cookie).send().await?;
        let status = answer.status();
        answer.bytes().await?;
        if !status.is_success() {
            return Err(anyhow!("{path} answered {status}"));
        }
        took.push(began.elapsed().as_secs_f64() * 1_000.0);
        tokio::select! { _ = &mut stopped => break, () = tokio::time::sleep(Duration::from_millis(100)) => {} }
    }
    Ok(took)
}

impl Watch {
    /// The 95th percentile in milliseconds of the pages read until now.
    pub async fn p95_ms(self) -> Result<f64> {
        let _ = self.stop.send(());
        let mut took = self.reader.await??;
        self.server.abort();
        took.sort_by(f64::total_cmp);
        Ok(took.get(took.len() * 95 / 100).or(took.last()).copied().unwrap_or_default())
    }
}
