//! Split: a group shared out at random into groups that stay the same (`docs/adr/0014`).

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_core::compound::{MAX_SHARES, Shares, split};
use rialto_core::permissions::Permission;
use rialto_core::run::Trigger;
use rialto_store::folders as store_folders;
use rialto_store::views::groups::GroupRow;
use serde::Deserialize;

use super::folders;
use super::links;
use super::shell::{Page, Reader};
use super::text::{count, filters};
use super::toast::{self, Toast};
use crate::api::compound::{make_parts, part_name, split_fault};
use crate::auth::Form;
use crate::error::{Error, FieldError};

/// What was entered.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Entered {
    /// `equal` or `percent`.
    how: String,
    parts: String,
    /// `20, 30`.
    percentages: String,
    folder: String,
    /// `preview` or `split`.
    act: String,
    /// What the preview on the page was of.
    seen: String,
}

impl Entered {
    fn key(&self) -> String {
        if self.how == "percent" { format!("% {}", self.percentages.trim()) } else { format!("= {}", self.parts.trim()) }
    }

    fn shares(&self) -> Result<Shares, Error> {
        if self.how == "percent" {
            let wrong = || Error::field("percentages", "Enter whole percentages with commas between them, such as 20, 30.");
            let sizes: Result<Vec<u32>, _> = self
                .percentages
                .split([',', ';', ' '])
                .map(|p| p.trim().trim_end_matches('%').trim())
                .filter(|p| !p.is_empty())
                .take(MAX_SHARES + 1)
                .map(str::parse)
                .collect();
            return Ok(Shares::Percent(sizes.map_err(|_| wrong())?));
        }
        let parts = self.parts.trim().parse().map_err(|_| Error::field("parts", &format!("Enter a number from 2 to {MAX_SHARES}.")))?;
        Ok(Shares::Equal(parts))
    }
}

/// A group that would be made.
struct PartShown {
    name: String,
    about: i64,
}

#[derive(Template)]
#[template(path = "split.html")]
struct Split {
    page: Page,
    href: String,
    name: String,
    members: i64,
    synced: bool,
    entered: Entered,
    places: Vec<String>,
    parts: Vec<PartShown>,
    /// People who would be in none of the parts.
    rest: i64,
    faults: Vec<FieldError>,
}

impl Split {
    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|f| f.field == field).map(|f| f.detail.as_str())
    }

    fn percent(&self) -> bool {
        self.entered.how == "percent"
    }

    fn button(&self) -> String {
        let n = i64::try_from(self.parts.len()).unwrap_or(0);
        format!("Make {}", count(n, "target group", "target groups"))
    }
}

/// Names of the parts, and about how many people each would hold.
fn preview(row: &GroupRow, shares: &Shares) -> Result<Vec<PartShown>, Error> {
    let parts = split(row.group.id, 0, shares).map_err(split_fault)?;
    let of = parts.len();
    let about = |(of, from, to): (u32, u32, u32)| {
        let (members, share, of) = (i128::from(row.group.members), i128::from(to - from), i128::from(of.max(1)));
        i64::try_from((members * share + of / 2) / of).unwrap_or(i64::MAX)
    };
    Ok(parts.iter().enumerate().map(|(n, p)| PartShown { name: part_name(&row.group, shares, n, of), about: about(p.buckets()) }).collect())
}

async fn form(
    reader: &Reader,
    row: &GroupRow,
    entered: Entered,
    parts: Vec<PartShown>,
    faults: Vec<FieldError>,
) -> Result<Response, Error> {
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let held: i64 = parts.iter().map(|p| p.about).sum();
    let page = Split {
        page: reader.page(format!("Split {}", row.group.name)),
        href: links::group(row.group.created_at, row.group.id),
        name: row.group.name.clone(),
        members: row.group.members,
        synced: row.group.synced_at.is_some(),
        rest: if entered.how == "percent" && !parts.is_empty() { (row.group.members - held).max(0) } else { 0 },
        places: folders::paths(reader).await?,
        entered,
        parts,
        faults,
    };
    Ok((status, Html(page.render()?)).into_response())
}

/// GET /target-groups/{id}/split
pub async fn show(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let row = links::find_group(&reader.app, &id).await?;
    let entered = Entered { how: "equal".into(), parts: "2".into(), folder: row.group.folder.clone(), ..Entered::default() };
    form(&reader, &row, entered, Vec::new(), Vec::new()).await
}

/// POST /target-groups/{id}/split: shows what it would make, then makes it.
pub async fn submit(reader: Reader, Path(id): Path<String>, Form(entered): Form<Entered>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let row = links::find_group(&reader.app, &id).await?;
    let folder = store_folders::path(&entered.folder).map_err(|fault| Error::field("folder", fault));
    let shares = entered.shares().and_then(|shares| preview(&row, &shares).map(|parts| (shares, parts)));
    let (folder, (shares, parts)) = match (folder, shares) {
        (Ok(folder), Ok(shares)) => (folder, shares),
        (Err(Error::Invalid(faults)), _) | (_, Err(Error::Invalid(faults))) => {
            return form(&reader, &row, entered, Vec::new(), faults).await;
        }
        (Err(other), _) | (_, Err(other)) => return Err(other),
    };
    // Changed since it was previewed: then it is shown anew, before it is made.
    if entered.act != "split" || entered.seen != entered.key() {
        return form(&reader, &row, entered, parts, Vec::new()).await;
    }
    let app = &reader.app;
    let made = make_parts(app, &reader.session.actor(app), &row.group, &shares, (&folder, Trigger::Resync)).await?;
    let n = count(i64::try_from(made.len()).unwrap_or(i64::MAX), "target group", "target groups");
    let to = format!("/target-groups{}", links::query(&[("folder", &folder)]));
    toast::done(&reader, &to, &Toast::new(format!("{} was split into {n}; their members are computed now.", row.group.name)))
}
