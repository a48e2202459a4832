//! Keyboard shortcuts: a page, and the dialog that `?` opens.

use askama::Template;
use axum::response::Html;

use super::shell::{Page, Reader};
use crate::error::Error;

#[derive(Template)]
#[template(path = "keyboard.html")]
struct Keyboard {
    page: Page,
    keys: [(&'static [&'static str], &'static str); 9],
}

/// GET /keyboard
pub async fn show(reader: Reader) -> Result<Html<String>, Error> {
    // As `assets/app.js` has them; a browser test presses each.
    let keys: [(&[&str], &str); 9] = [
        (&["/"], "Find people and groups"),
        (&["g", "o"], "Go to the Overview"),
        (&["g", "t"], "Go to Target Groups"),
        (&["g", "s"], "Go to Subscribers"),
        (&["g", "r"], "Go to Sync runs"),
        (&["j"], "Next row of a list"),
        (&["k"], "Row before"),
        (&["Esc"], "Close a menu or a dialog"),
        (&["?"], "Show this list"),
    ];
    Ok(Html(Keyboard { page: reader.page("Keyboard shortcuts"), keys }.render()?))
}
