//! One upload: what was found out about the file, what its columns are used for, what would happen, and the button that does it.

use askama::Template;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Redirect, Response};
use rialto_connectors::upload::{Format, Found};
use rialto_core::permissions::Permission;
use rialto_core::upload::{Mapping, SOURCE, UploadKind, UploadMode, Use};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::runs::{self, Run};
use rialto_store::uploads::{self, Upload};
use rialto_store::views::Way;
use rialto_store::views::runs as view;
use rialto_store::{fields, groups};
use serde::Deserialize;

use super::run::{Progress, progress_of};
use super::shell::{Page, Reader};
use super::text::{self, Chip, When, filters};
use super::toast::{self, Toast};
use super::{links, upload};
use crate::api::extract::Id;
use crate::api::uploads::{check, do_apply, do_discard, do_map, load, state};
use crate::auth::Form;
use crate::error::Error;

/// Faulty lines shown on the page; all that are kept stand on the page of the plan's run.
const FAULTS: i64 = 50;
/// Those that stand open, so that what is to be decided stays in sight; the rest is one press away.
const OPEN_FAULTS: usize = 5;

const USES: [(&str, &str); 4] = [("ignore", "Nothing"), ("address", "E-mail address"), ("field", "A field"), ("id", "Rialto ID")];

struct Column {
    name: String,
    samples: String,
    used: &'static str,
    field: String,
}

/// What applying would do.
struct Plan {
    reason: String,
    figures: Vec<(&'static str, i64)>,
    faults: Vec<String>,
    several: Vec<String>,
    href: String,
    button: String,
}

#[derive(Template)]
#[template(path = "upload_show.html")]
struct Show {
    page: Page,
    href: String,
    file: String,
    chip: Chip,
    whom: String,
    size: String,
    facts: Vec<String>,
    by: String,
    at: When,
    group: Option<(String, String)>,
    warnings: Vec<String>,
    progress: Option<Progress>,
    run: Option<String>,
    trouble: Option<String>,
    plan: Option<Plan>,
    columns: Vec<Column>,
    uses: [(&'static str, &'static str); 4],
    known: Vec<String>,
    empty_clears: bool,
    fault: Option<String>,
    may: bool,
    open: bool,
    changeable: bool,
}

/// GET /subscribers/uploads/{id}
pub async fn show(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let upload = load(&reader.app, &Id(id)).await?;
    let mapping = upload.mapping();
    page(&reader, &upload, mapping, None).await
}

async fn page(reader: &Reader, u: &Upload, mapping: Option<Mapping>, fault: Option<String>) -> Result<Html<String>, Error> {
    let (db, here) = (&reader.app.db, reader.here());
    let (planned, applied) = uploads::last_runs(db, u.id).await?;
    let at = state(u, planned.as_ref(), applied.as_ref());
    let working = [&applied, &planned].into_iter().flatten().find(|r| !r.state().ended());
    let found: Option<Found> = serde_json::from_str(&u.found).ok();
    let open = u.is_open() && matches!(at, "mapping" | "planned" | "plan_failed" | "failed");
    let may = reader.may(Permission::ListsEdit);
    let href_of = |r: &Run| links::run(r.created_at, r.id);
    let group = match u.group_id {
        Some(id) => groups::get(db.read(), id).await?.map(|g| (links::group(g.created_at, g.id), g.name)),
        None => None,
    };
    let plan = match planned.as_ref().filter(|_| at == "planned") {
        Some(run) => Some(plan_of(reader, u, run).await?),
        None => None,
    };
    let trouble = match at {
        "plan_failed" => planned.as_ref().map(|r| format!("{} {}", r.reason, r.advice)),
        "failed" => applied.as_ref().map(|r| format!("{} {}", r.reason, r.advice)),
        "expired" => Some("Nobody applied this upload in time, and its file is gone. Upload it again.".into()),
        "mapping" => Some("Say which column holds the e-mail addresses.".into()),
        _ => None,
    };
    let frame = reader.page_under("/subscribers/upload", &u.file_name);
    let page = Show {
        page: if working.is_some() { frame.refreshing(3) } else { frame },
        href: upload::href(u),
        file: u.file_name.clone(),
        chip: upload::chip(at),
        whom: upload::whom(reader, u).await?,
        size: size(u.bytes),
        facts: found.as_ref().map(facts).unwrap_or_default(),
        by: text::actor(&u.actor),
        at: here.when(u.created_at),
        group,
        warnings: found.as_ref().filter(|_| open).map(|f| f.warnings.clone()).unwrap_or_default(),
        progress: working.map(|r| progress_of(r, &href_of(r), &here)),
        run: applied.as_ref().filter(|r| r.state().ended()).map(href_of),
        trouble,
        plan,
        columns: found.as_ref().map(|f| columns(f, mapping.as_ref())).unwrap_or_default(),
        uses: USES,
        known: fields::list(db.read(), SOURCE).await?.into_iter().map(|f| f.name).collect(),
        empty_clears: mapping.is_some_and(|m| m.empty_clears),
        fault,
        may,
        open,
        changeable: may && open,
    };
    Ok(Html(page.render()?))
}

fn size(bytes: i64) -> String {
    match bytes {
        0..1_024 => text::count(bytes, "byte", "bytes"),
        1_024..1_048_576 => format!("{} KiB", text::num(bytes / 1_024)),
        _ => format!("{} MiB", text::num(bytes / 1_048_576)),
    }
}

/// What was found out about the file.
fn facts(found: &Found) -> Vec<String> {
    let shape = &found.shape;
    let mut facts = match shape.format {
        Format::Xlsx => vec!["XLSX, its first sheet".to_owned()],
        Format::Text if found.columns.len() == 1 => vec![shape.encoding.name().to_owned()],
        Format::Text => vec![shape.encoding.name().to_owned(), format!("separated by {}", shape.separator_name())],
    };
    facts.push(text::count(found.columns.len() as i64, "column", "columns"));
    facts.push(if shape.header { "the first line names the columns" } else { "the columns have no names" }.into());
    facts
}

fn columns(found: &Found, mapping: Option<&Mapping>) -> Vec<Column> {
    let of = |n: usize| match mapping.and_then(|m| m.columns.get(n)) {
        Some(Use::Address) => ("address", String::new()),
        Some(Use::Id) => ("id", String::new()),
        Some(Use::Field { name }) => ("field", name.clone()),
        _ => ("ignore", String::new()),
    };
    let samples = |n: usize| {
        let cells = found.samples.iter().filter_map(|row| row.get(n)).map(|c| c.trim()).filter(|c| !c.is_empty());
        cells.take(3).map(|c| c.chars().take(40).collect::<String>()).collect::<Vec<_>>().join(" · ")
    };
    found
        .columns
        .iter()
        .enumerate()
        .map(|(n, name)| {
            let (used, field) = of(n);
            Column { name: name.clone(), samples: samples(n), used, field }
        })
        .collect()
}

async fn plan_of(reader: &Reader, u: &Upload, run: &Run) -> Result<Plan, Error> {
    let db = &reader.app.db;
    let c = run.counts();
    let stats: serde_json::Value = serde_json::from_str(&run.stats).unwrap_or_default();
    let of = |name: &str| stats[name].as_i64().unwrap_or(0);
    let silence = u.kind() == UploadKind::Unsubscribers;
    let figures = if silence {
        vec![
            ("lines read", c.read),
            ("would be unsubscribed", c.suppressed),
            ("of them new here", c.created),
            ("unsubscribed already", c.unchanged),
            ("shared by several people, to be decided", of("shared")),
            ("came before in the file", c.duplicate),
            ("faulty lines", c.rejected),
        ]
    } else {
        vec![
            ("lines read", c.read),
            ("would join", c.added),
            ("of them new here", c.created),
            ("would change", c.updated),
            ("are members already", c.unchanged),
            ("would leave", c.leaving),
            ("are known to your systems", of("joined_records")),
            ("have an address of several people", of("several")),
            ("values kept, because a system owns them", of("owned_values")),
            ("came before in the file", c.duplicate),
            ("faulty lines", c.rejected),
        ]
    };
    let name = match u.group_id {
        Some(id) => groups::get(db.read(), id).await?.map(|g| g.name).unwrap_or_default(),
        None => u.group_name.clone(),
    };
    let button = match (silence, u.mode()) {
        (true, _) => format!("Unsubscribe {}", text::count(c.suppressed, "address", "addresses")),
        (_, UploadMode::Add) => format!("Add {} to {name}", text::people(c.added)),
        (_, UploadMode::Replace) => format!("Add {} and remove {}", text::people(c.added), text::people(c.removed)),
    };
    let notes = async |kinds: &[&str]| -> Result<Vec<String>, Error> {
        let found = view::notes(db.read(), run.id, kinds, Way::Onward, 0, FAULTS).await?;
        Ok(found.into_iter().map(|n| n.detail).collect())
    };
    Ok(Plan {
        reason: run.reason.clone(),
        figures: figures.into_iter().enumerate().filter(|(n, (_, figure))| *n == 0 || *figure > 0).map(|(_, f)| f).collect(),
        faults: by_line(notes(&["rejected", "duplicate", "misfit"]).await?),
        several: notes(&["several"]).await?,
        href: links::run(run.created_at, run.id),
        button,
    })
}

/// In the order of the file.
fn by_line(mut faults: Vec<String>) -> Vec<String> {
    let line = |f: &String| f.strip_prefix("Line ").and_then(|rest| rest.split(':').next()?.parse::<u64>().ok()).unwrap_or(u64::MAX);
    faults.sort_by_key(line);
    faults
}

#[derive(Deserialize)]
pub struct Chosen {
    #[serde(default, rename = "use")]
    uses: Vec<String>,
    #[serde(default)]
    field: Vec<String>,
    #[serde(default)]
    empty_clears: String,
}

impl Chosen {
    fn mapping(&self) -> Mapping {
        let of = |(n, text): (usize, &String)| match text.as_str() {
            "address" => Use::Address,
            "id" => Use::Id,
            "field" => Use::Field { name: self.field.get(n).map(|f| f.trim().to_owned()).unwrap_or_default() },
            _ => Use::Ignore,
        };
        Mapping { columns: self.uses.iter().enumerate().map(of).collect(), empty_clears: self.empty_clears == "yes" }
    }
}

/// POST /subscribers/uploads/{id}/map
pub async fn map(reader: Reader, Path(id): Path<String>, Form(chosen): Form<Chosen>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let upload = load(&reader.app, &Id(id)).await?;
    let mapping = chosen.mapping();
    match check(mapping.clone(), &upload) {
        Ok(mapping) => {
            do_map(&reader.app, &upload, &mapping, &reader.session.actor(&reader.app)).await?;
            Ok(Redirect::to(&upload::href(&upload)).into_response())
        }
        Err(Error::Invalid(faults)) => {
            let column = |f: &crate::FieldError| {
                let n: Option<usize> = f.field.strip_prefix("columns.").and_then(|n| n.parse().ok());
                n.map(|n| format!("Column {}: ", n + 1)).unwrap_or_default()
            };
            let fault = faults.iter().map(|f| format!("{}{}", column(f), f.detail)).collect::<Vec<_>>().join(" ");
            Ok(page(&reader, &upload, Some(mapping), Some(fault)).await?.into_response())
        }
        Err(other) => Err(other),
    }
}

#[derive(Deserialize)]
pub struct Nothing {}

/// POST /subscribers/uploads/{id}/apply: its result is the page of the run.
pub async fn apply(reader: Reader, Path(id): Path<String>, Form(_): Form<Nothing>) -> Result<Redirect, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let upload = load(&reader.app, &Id(id)).await?;
    let run = do_apply(&reader.app, &upload, &reader.session.actor(&reader.app)).await?;
    let run = runs::get(reader.app.db.read(), run).await?.ok_or(Error::NotFound)?;
    Ok(Redirect::to(&format!("/sync-runs/{}", PublicId::new(Kind::SyncRun, Instant(run.created_at), run.id))))
}

/// POST /subscribers/uploads/{id}/discard
pub async fn discard(reader: Reader, Path(id): Path<String>, Form(_): Form<Nothing>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let upload = load(&reader.app, &Id(id)).await?;
    do_discard(&reader.app, &upload, &reader.session.actor(&reader.app)).await?;
    toast::done(&reader, "/subscribers/upload", &Toast::new(format!("{} was discarded. Nothing of it was applied.", upload.file_name)))
}
