//! Style, scripts and icon: part of the binary, served under a path that changes with their content.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::state::App;

/// In the order in which the rules are to apply.
const CSS: &str = concat!(
    include_str!("../../assets/css/1-tokens.css"),
    include_str!("../../assets/css/2-base.css"),
    include_str!("../../assets/css/3-frame.css"),
    include_str!("../../assets/css/4-pieces.css"),
    include_str!("../../assets/css/5-floating.css"),
    include_str!("../../assets/css/6-tables.css"),
    include_str!("../../assets/css/7-forms.css"),
    include_str!("../../assets/css/8-exchange.css"),
    include_str!("../../assets/css/8-groups.css"),
    include_str!("../../assets/css/8-lists.css"),
    include_str!("../../assets/css/8-loop.css"),
    include_str!("../../assets/css/8-mailings.css"),
    include_str!("../../assets/css/8-personas.css"),
    include_str!("../../assets/css/8-segments.css"),
    include_str!("../../assets/css/9-last.css"),
);
/// For pages outside the frame; small, as it is all that they load.
const PUBLIC: &str = include_str!("../../assets/public.css");
const SCRIPT: &str = include_str!("../../assets/app.js");
const ICON: &str = include_str!("../../assets/favicon.svg");
const HTMX: &str = include_str!(concat!(env!("OUT_DIR"), "/htmx.min.js"));

/// First part of the path of every asset.
pub static BASE: LazyLock<String> = LazyLock::new(|| {
    let digest = [CSS, PUBLIC, SCRIPT, ICON, HTMX].iter().fold(Sha256::new(), |sum, text| sum.chain_update(text)).finalize();
    let hash: String = digest.iter().take(6).map(|b| format!("{b:02x}")).collect();
    format!("/assets/{hash}")
});

pub fn router() -> Router<App> {
    Router::new().route("/assets/{hash}/{name}", get(serve))
}

async fn serve(Path((hash, name)): Path<(String, String)>) -> Result<Response, Error> {
    let (kind, content) = match name.as_str() {
        "app.css" => ("text/css; charset=utf-8", CSS),
        "public.css" => ("text/css; charset=utf-8", PUBLIC),
        "app.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "htmx.js" => ("text/javascript; charset=utf-8", HTMX),
        "favicon.svg" => ("image/svg+xml", ICON),
        _ => return Err(Error::NotFound),
    };
    // Another version's path, asked for during an upgrade: right for now, not for a year.
    let current = BASE.strip_prefix("/assets/") == Some(hash.as_str());
    let keep = if current { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, keep)], content).into_response())
}
