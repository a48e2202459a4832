//! The sign-in page.

use askama::Template;
use axum::http::HeaderMap;
use axum::response::Html;

use super::{assets, preferences};
use crate::auth::SignInView;
use crate::error::Error;
use crate::state::App;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    account: &'a str,
    assets: &'a str,
    theme: &'static str,
    version: &'a str,
    view: &'a SignInView,
}

pub fn render(app: &App, headers: &HeaderMap, view: &SignInView) -> Result<Html<String>, Error> {
    let theme = preferences::theme(headers);
    let page = SignIn { account: &app.settings.account_name, assets: &assets::BASE, theme, version: app.settings.version, view };
    Ok(Html(page.render()?))
}
