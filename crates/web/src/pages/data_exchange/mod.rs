//! Data Exchange: profile enrichment (L3, L5; LO-01 to LO-06, LO-09, LO-10). A list of data syncs, a wizard that makes one, and the pages of one.

mod carry;
mod choices;
mod form;
mod head;
mod history;
mod history_all;
mod list;
mod matching;
mod matching_tab;
mod preview;
mod properties;
mod switch;
mod wizard;

use axum::Router;
use axum::routing::{get, post};
use rialto_core::Kind;
use rialto_store::data_syncs::DataSync;
use rialto_store::streams::Stream;

use super::text::Chip;
use crate::api::extract::public;
use crate::error::Error;
use crate::state::App;

/// The list of data syncs.
const HERE: &str = "/data-exchange";

pub fn router() -> Router<App> {
    Router::new()
        .route("/data-exchange", get(list::show))
        .route("/data-exchange/history", get(history_all::show))
        .route("/data-exchange/new", get(wizard::begin).post(wizard::submit))
        .route("/data-exchange/{id}", get(properties::show).post(properties::submit))
        .route("/data-exchange/{id}/matching", get(matching_tab::show).post(matching_tab::submit))
        .route("/data-exchange/{id}/preview", get(preview::show))
        .route("/data-exchange/{id}/history", get(history::show))
        .route("/data-exchange/{id}/rejected", post(history::settle))
        .route("/data-exchange/{id}/switch", post(switch::submit))
        .route("/data-exchange/{id}/delete", get(switch::ask_delete).post(switch::delete))
}

fn id_of(sync: &DataSync) -> String {
    public(Kind::DataSync, sync.created_at, sync.id)
}

fn link(sync: &DataSync) -> String {
    format!("{HERE}/{}", id_of(sync))
}

fn mode_chip(sync: &DataSync) -> Chip {
    Chip::off(sync.mode().title())
}

/// How a data sync stands: as `Standing::ALL` names it in the URL, as a chip, and why, as a sentence; empty where there is nothing to say.
struct Standing {
    name: &'static str,
    chip: Chip,
    why: String,
}

impl Standing {
    /// Names and words, for choosing one.
    const ALL: [(&'static str, &'static str); 5] =
        [("enabled", "Enabled"), ("disabled", "Disabled"), ("review", "To be reviewed"), ("stopped", "Stopped"), ("waits", "Waits")];

    /// `read`: its business unit is still read by the connection.
    fn of(sync: &DataSync, stream: &Stream, read: bool) -> Self {
        let new = |name, chip, why: &str| Self { name, chip, why: why.to_owned() };
        if sync.review {
            return new(
                "review",
                Chip::look("To be reviewed"),
                "The destination was changed, and nobody has looked at the field matching since.",
            );
        }
        if !sync.enabled {
            return new("disabled", Chip::off("Disabled"), &sync.trouble);
        }
        if !sync.trouble.is_empty() {
            return new("stopped", Chip::stop("Stopped"), &sync.trouble);
        }
        if !stream.enabled {
            return new("waits", Chip::look("Waits"), &format!("The stream connection {} is switched off.", stream.name));
        }
        if !read {
            return new("waits", Chip::look("Waits"), &format!("The stream connection no longer reads {}.", sync.source));
        }
        new("enabled", Chip::ok("Enabled"), "")
    }
}

/// How it stands, with what has to be read for that.
async fn standing(app: &App, sync: &DataSync) -> Result<(Standing, Stream), Error> {
    let stream = rialto_store::streams::get(app.db.read(), sync.stream_id).await?.ok_or(Error::NotFound)?;
    let source = rialto_store::streams::source(app.db.read(), sync.source_id).await?;
    let read = source.is_some_and(|s| !s.retired);
    Ok((Standing::of(sync, &stream, read), stream))
}
