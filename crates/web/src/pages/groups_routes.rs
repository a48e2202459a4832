//! Addresses of target groups and their folders.

use axum::Router;
use axum::routing::{get, post};

use super::{compound, compound_made, folders, group_edit, info, split};
use crate::state::App;

pub fn router() -> Router<App> {
    Router::new()
        .route("/target-groups/new", get(compound::new).post(compound::create))
        .route("/target-groups/count", post(compound::count))
        .route("/target-groups/pick", post(compound::pick))
        .route("/target-groups/folders/new", get(folders::new).post(folders::create))
        .route("/target-groups/folders/{id}/edit", get(folders::edit).post(folders::update))
        .route("/target-groups/folders/{id}/delete", get(folders::ask_delete).post(folders::delete))
        .route("/target-groups/{id}/edit", get(compound::edit).post(compound::update))
        .route("/target-groups/{id}/made-of", get(compound_made::show))
        .route("/target-groups/{id}/split", get(split::show).post(split::submit))
        .route("/target-groups/{id}/move", get(group_edit::ask_move).post(group_edit::relocate))
        .route("/target-groups/{id}/delete", get(group_edit::ask_delete).post(group_edit::delete))
        .route("/target-groups/{id}/resume", post(group_edit::resume))
        .route("/target-groups/{id}/info", get(info::overview).post(info::start))
        .route("/target-groups/{id}/info/counts", get(info::counts))
        .route("/target-groups/{id}/info/subscribers", get(info::subscribers))
        .route("/target-groups/{id}/info/mailings", get(info::mailings))
}
