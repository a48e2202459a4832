//! Serving a sandbox.

use std::io;
use std::net::Ipv4Addr;

use axum::Router;
use axum::extract::State;
use axum::response::Html;
use axum::routing::{any, get};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::options::Options;
use crate::sandbox::Sandbox;
use crate::xml::escape;
use crate::{admin, http};

impl Sandbox {
    /// All routes: the data service, the admin routes, an index page and `/healthz`.
    pub fn router(&self) -> Router {
        let root = self.options().root.trim_end_matches('/');
        Router::new()
            .route("/", get(index))
            .route("/healthz", get(async || "ok"))
            .route(root, any(http::handle))
            .route(&format!("{root}/"), any(http::handle))
            .route(&format!("{root}/{{*rest}}"), any(http::handle))
            .merge(admin::router())
            .with_state(self.clone())
    }
}

async fn index(State(sandbox): State<Sandbox>) -> Html<String> {
    let root = escape(&sandbox.options().root).into_owned();
    Html(format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <title>Sandbox data service</title></head><body><main><h1>Sandbox data service</h1>\
         <p>This is a simulator of a Personify360 data service with {people} invented people. \
         It is not the product, and nobody in it exists.</p><ul>\
         <li><a href=\"{root}/\">Service root</a> (HTTP Basic)</li>\
         <li><a href=\"{root}/$metadata\">$metadata</a></li>\
         <li><a href=\"/admin/lists\">Marketing lists</a></li>\
         <li><a href=\"/admin/setup\">Set-up script</a></li>\
         <li><a href=\"/admin/faults\">Fault rules</a></li>\
         <li><a href=\"/admin/requests\">Requests seen</a></li>\
         </ul></main></body></html>",
        people = sandbox.people_count(),
    ))
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
