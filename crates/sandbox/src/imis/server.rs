//! Serving a simulated iMIS.

use std::io;
use std::net::Ipv4Addr;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::any;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::imis::options::Options;
use crate::imis::sandbox::Sandbox;
use crate::imis::{admin, api, pages};
use crate::site::guard;

/// The site root: everything lies below it.
pub const ROOT: &str = "/imis";

impl Sandbox {
    /// All routes, each below [`ROOT`]: token service, REST interface, pages, admin routes.
    pub fn router(&self) -> Router {
        let pages = pages::router().merge(admin::router()).layer(from_fn(guard::same_origin)).layer(from_fn(guard::headers));
        Router::new()
            .route("/imis/token", any(api::token))
            .route("/imis/Token", any(api::token))
            .route("/imis/api/{*rest}", any(api::handle))
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
    /// Where the server answers, for example `http://127.0.0.1:40001`.
    pub base_url: String,
    /// The sandbox.
    pub sandbox: Sandbox,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    /// Address of the site root.
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
    let task = tokio::spawn(serve(listener, sandbox.clone(), std::future::pending()));
    Ok(Running { base_url, sandbox, task })
}
