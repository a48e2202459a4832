//! What surrounds every page: who reads it, the navigation, the style.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use rialto_core::permissions::Permission;

use super::assets;
use super::text::Here;
use crate::auth::Session;
use crate::security::Nonce;
use crate::state::App;

/// Extractor: the signed-in reader of a page.
pub struct Reader {
    pub app: App,
    pub session: Session,
    nonce: Nonce,
    path: String,
    /// Path and query: where the page can be read anew.
    here: String,
}

impl FromRequestParts<App> for Reader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let session = Session::from_request_parts(parts, app).await?;
        let nonce = Nonce(parts.extensions.get::<Nonce>().cloned().unwrap_or_default().0);
        Ok(Self {
            app: app.clone(),
            session,
            nonce,
            path: parts.uri.path().to_owned(),
            here: parts.uri.path_and_query().map_or_else(|| "/".into(), ToString::to_string),
        })
    }
}

impl Reader {
    pub fn here(&self) -> Here {
        Here::new(self.app.clock.now(), &self.session.timezone)
    }

    pub fn may(&self, p: Permission) -> bool {
        self.session.allows(p)
    }

    pub fn page(&self, title: impl Into<String>) -> Page {
        Page {
            title: title.into(),
            account: self.app.settings.account_name.clone(),
            email: self.session.email.clone(),
            csrf: self.session.csrf.clone(),
            nonce: self.nonce.0.clone(),
            version: self.app.settings.version,
            assets: &assets::BASE,
            nav: navigation(&self.path),
            here: self.here.clone(),
            refresh: None,
        }
    }
}

/// The frame of a page; `layout.html` shows it.
pub struct Page {
    pub title: String,
    pub account: String,
    pub email: String,
    pub csrf: String,
    pub nonce: String,
    pub version: &'static str,
    pub assets: &'static str,
    pub nav: Vec<NavGroup>,
    /// Path and query of this page, for reading it anew.
    pub here: String,
    /// Seconds after which browsers without JavaScript load the page anew.
    pub refresh: Option<u32>,
}

impl Page {
    pub fn refreshing(mut self, seconds: u32) -> Self {
        self.refresh = Some(seconds);
        self
    }
}

pub struct NavGroup {
    pub name: &'static str,
    pub entries: Vec<NavEntry>,
}

pub struct NavEntry {
    pub name: &'static str,
    pub path: &'static str,
    pub current: bool,
}

/// Only what exists; the names are those of the source systems, so that nobody has to relearn.
const NAVIGATION: &[(&str, &[(&str, &str)])] = &[
    ("", &[("Overview", "/")]),
    ("Subscribers", &[("Search", "/subscribers"), ("Target Groups", "/target-groups")]),
    ("Data Exchange", &[("Sync runs", "/sync-runs")]),
    ("Admin", &[("Bridge Configuration", "/admin/bridges")]),
];

fn navigation(path: &str) -> Vec<NavGroup> {
    let current = |to: &str| if to == "/" { path == "/" } else { path == to || path.starts_with(&format!("{to}/")) };
    NAVIGATION
        .iter()
        .map(|(name, entries)| NavGroup {
            name,
            entries: entries.iter().map(|(name, path)| NavEntry { name, path, current: current(path) }).collect(),
        })
        .collect()
}
