//! What surrounds every page: who reads it, the navigation, the style.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use rialto_core::permissions::Permission;

use super::navigation::{self, NavGroup};
use super::text::Here;
use super::toast::{self, Toast};
use super::{assets, preferences};
use crate::auth::Session;
use crate::security::Nonce;
use crate::state::App;

/// Extractor: the signed-in reader of a page.
pub struct Reader {
    pub app: App,
    pub session: Session,
    pub headers: HeaderMap,
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
            headers: parts.headers.clone(),
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

    /// Path and query of the page that is read.
    pub fn address(&self) -> &str {
        &self.here
    }

    /// As `page`, for a page that belongs to another place of the navigation than its address says.
    pub fn page_under(&self, path: &str, title: impl Into<String>) -> Page {
        Page { nav: navigation::at(path, |p| self.may(p)), ..self.page(title) }
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
            nav: navigation::at(&self.path, |p| self.may(p)),
            here: self.here.clone(),
            refresh: None,
            theme: preferences::theme(&self.headers),
            toast: toast::take(&self.app, &self.headers, &self.session.csrf),
            find: String::new(),
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
    /// `light`, `dark`, or empty for what the system says.
    pub theme: &'static str,
    /// Said once, at the end of the page.
    pub toast: Option<Toast>,
    /// What stands in the search box of the head.
    pub find: String,
}

impl Page {
    pub fn refreshing(mut self, seconds: u32) -> Self {
        self.refresh = Some(seconds);
        self
    }
}
