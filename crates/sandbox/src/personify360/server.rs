//! Serving a sandbox.

use std::io;
use std::net::Ipv4Addr;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{any, get};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::personify360::options::Options;
use crate::personify360::sandbox::Sandbox;
use crate::personify360::{admin, http, pages};
use crate::site::guard;

impl Sandbox {
    /// All routes: the data service, the pages of the simulated product at `/`, the admin routes and `/healthz`.
    pub fn router(&self) -> Router {
        let root = self.options().root.trim_end_matches('/');
        let pages = pages::router().merge(admin::router()).layer(from_fn(guard::same_origin)).layer(from_fn(guard::headers));
        Router::new()
            .route("/healthz", get(async || "ok"))
            .route(root, any(http::handle))
            .route(&format!("{root}/"), any(http::handle))
            .route(&format!("{root}/{{*rest}}"), any(http::handle))
            .merge(pages)
            .with_state(self.clone())
    }
}

/// Serves a sandbox until `shutdown` ends.
pub async fn serve(listener: TcpListener, sandbox: Sandbox, shutdown: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    axum::serve(listener, sandbox.router()).with_graceful_shutdown(shutdown).await
}

/// A sandbox being served; it stops when this is dropped.
pub struct Running {
    /// Where it answers, for example `http://127.0.0.1:40001`.
    pub base_url: String,
    /// The sandbox.
    pub sandbox: Sandbox,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    /// Address of the service root.
    pub fn service_root(&self) -> String {
        format!("{}{}", self.base_url, self.sandbox.options().root)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves a new sandbox on a free port of this machine.
pub async fn start(options: Options) -> io::Result<Running> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let base_url = format!("http://{}", listener.local_addr()?);
    let sandbox = Sandbox::new(options);
    let task = tokio::spawn(serve(listener, sandbox.clone(), std::future::pending()));
    Ok(Running { base_url, sandbox, task })
}
