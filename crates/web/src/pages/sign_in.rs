//! The sign-in page.

use askama::Template;
use axum::response::Html;

use super::assets;
use crate::auth::SignInView;
use crate::error::Error;
use crate::security::Nonce;
use crate::state::App;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    account: &'a str,
    assets: &'a str,
    version: &'a str,
    view: &'a SignInView,
}

pub fn render(app: &App, _nonce: &Nonce, view: &SignInView) -> Result<Html<String>, Error> {
    let page = SignIn { account: &app.settings.account_name, assets: &assets::BASE, version: app.settings.version, view };
    Ok(Html(page.render()?))
}
