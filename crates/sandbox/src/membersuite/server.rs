//! Serving a sandbox.

use std::io;
use std::net::Ipv4Addr;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{any, get};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::membersuite::options::Options;
use crate::membersuite::sandbox::Sandbox;
use crate::membersuite::{admin, http, pages};
use crate::site::guard;

impl Sandbox {
    /// All routes, each below `/membersuite`: the service, the pages of the simulated product, the admin routes.
    pub fn router(&self) -> Router {
        let pages = pages::router().merge(admin::router()).layer(from_fn(guard::same_origin)).layer(from_fn(guard::headers));
        Router::new()
            .route("/membersuite/healthz", get(async || "ok"))
            .route(self.options().root.trim_end_matches('/'), any(http::handle))
            .merge(pages)
            .with_state(self.clone())
    }
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
    /// Address of the service.
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
    let router = sandbox.router();
    let task = tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(Running { base_url, sandbox, task })
}
