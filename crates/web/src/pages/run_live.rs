//! A run under way as a stream of events, for browsers; without it the page asks every second.

use std::convert::Infallible;

use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::StreamExt;
use rialto_core::Instant;
use rialto_store::runs::Run;

use super::links;
use super::run::progress_of;
use super::shell::Reader;
use super::text::Here;
use crate::error::Error;
use crate::watch::{self, Watchers};

/// GET /sync-runs/{id}/live: the moving part as HTML whenever it differs (event `progress`), and `end` once the run is over. The stream
/// also ends, without that word, when Rialto stops and when the session does.
pub async fn stream(reader: Reader, Extension(watchers): Extension<Watchers>, Path(id): Path<String>) -> Result<impl IntoResponse, Error> {
    let row = links::find_run(&reader.app, &id).await?;
    let watcher = watchers.open(reader.session.user_id)?;
    let href = links::run(row.run.created_at, row.run.id);
    let Reader { app, session, .. } = reader;
    let zone = session.timezone.clone();
    let still = {
        let app = app.clone();
        async move || session.goes_on(&app).await
    };
    let clock = app.clock.clone();
    let states = watch::run(app, row.run, still);
    let stream = async_stream::stream! {
        let _open = watcher;
        let mut sent = String::new();
        futures::pin_mut!(states);
        while let Some(run) = states.next().await {
            if run.state().ended() {
                yield Ok::<_, Infallible>(Event::default().event("end").data("over"));
                break;
            }
            let Some(html) = fragment(&run, &href, clock.now(), &zone) else { break };
            if html != sent {
                yield Ok(Event::default().event("progress").data(html.clone()));
                sent = html;
            }
        }
    };
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

fn fragment(run: &Run, href: &str, now: Instant, zone: &str) -> Option<String> {
    progress_of(run, href, &Here::new(now, zone)).render().ok()
}
