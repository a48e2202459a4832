//! Serving a sandbox.

use std::io;
use std::net::Ipv4Addr;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::loyalty::options::Options;
use crate::loyalty::sandbox::Sandbox;
use crate::loyalty::{admin, pages};
use crate::site::guard;

/// Where the pages begin.
pub const ROOT: &str = "/loyalty";

impl Sandbox {
    /// All routes, each below `/loyalty`: the pages of the simulated product and the admin routes.
    pub fn router(&self) -> Router {
        let pages = pages::router().merge(admin::router()).layer(from_fn(guard::same_origin)).layer(from_fn(guard::headers));
        Router::new().route("/loyalty/healthz", get(async || "ok")).merge(pages).with_state(self.clone())
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
    /// Address of the pages.
    pub fn site_root(&self) -> String {
        format!("{}{ROOT}", self.base_url)
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
