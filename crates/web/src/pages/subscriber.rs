//! One person as one source knows them: who, whether they may be mailed and why, where they are, what they decided.

use askama::Template;
use axum::extract::Path;
use axum::response::Html;
use rialto_core::consent::Cause;
use rialto_core::{AddressState, Instant, Kind, PublicId};
use rialto_store::bridges;
use rialto_store::fields;
use rialto_store::views::members::{self, Member};
use rialto_store::views::{api, people, runs};

use super::group_subscribers::same_address;
use super::links;
use super::people_table::chips;
use super::run_changes::value;
use super::shell::{Page, Reader};
use super::table::Table;
use super::text::{self, Chip, When};
use crate::error::Error;

/// One reason not to mail somebody, and what can change it.
struct Reason {
    what: String,
    since: Option<When>,
    lifted_by: &'static str,
}

struct Entry {
    at: When,
    act: &'static str,
    cause: &'static str,
    source: String,
    actor: String,
    reason: String,
    run: Option<String>,
}

#[derive(Template)]
#[template(path = "subscriber.html")]
struct Subscriber {
    page: Page,
    id: String,
    address: String,
    remote_id: String,
    bridge: String,
    created: When,
    chips: Vec<Chip>,
    mailable: bool,
    in_no_group: bool,
    reasons: Vec<Reason>,
    flag: &'static str,
    fields: Vec<(String, String)>,
    empty_fields: usize,
    groups: Vec<(String, String, bool)>,
    same: Option<Table>,
    ledger: Vec<Entry>,
    ledger_more: i64,
}

/// GET /subscribers/{id}
pub async fn show(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let (app, here) = (&reader.app, reader.here());
    let db = &app.db;
    let public = PublicId::parse(&id, Kind::Subscriber).ok_or(Error::NotFound)?;
    let person = people::one(db.read(), public.id).await?.filter(|p| public.fits(Instant(p.created_at))).ok_or(Error::NotFound)?;
    let more = people::more(db.read(), person.id).await?;
    let bridge = bridges::list(db.read())
        .await?
        .into_iter()
        .find(|b| b.id == person.bridge_id)
        .map_or_else(|| "a deleted bridge".into(), |b| b.name);
    let causes = members::causes(db, std::slice::from_ref(&person)).await?.remove(&person.id).unwrap_or_default();
    let (fields, empty_fields) = profile(&reader, &person).await?;
    let groups = people::groups(db.read(), person.id).await?;
    let same = people::same_address(db.read(), &person).await?;
    let (ledger, ledger_more) = ledger(&reader, &person).await?;
    let chips = chips(person.address_state, &causes);
    let page = Subscriber {
        page: reader.page(if person.address.is_empty() { person.remote_id.clone() } else { person.address.clone() }),
        mailable: causes.is_empty() && person.address_state == AddressState::Usable as i16,
        in_no_group: groups.is_empty(),
        reasons: reasons(&reader, &person, &causes, &bridge).await?,
        flag: match more.remote_flag_seen {
            1 => "yes",
            _ => "no",
        },
        id,
        created: here.when(person.created_at),
        groups: groups.into_iter().map(|g| (links::group(g.created_at, g.id), g.name, g.state == "gone")).collect(),
        same: same_address(&reader, same).await?,
        address: person.address,
        remote_id: person.remote_id,
        bridge,
        chips,
        fields,
        empty_fields,
        ledger,
        ledger_more,
    };
    Ok(Html(page.render()?))
}

async fn reasons(reader: &Reader, person: &Member, causes: &[Cause], bridge: &str) -> Result<Vec<Reason>, Error> {
    let (db, here) = (&reader.app.db, reader.here());
    let mut reasons = Vec::new();
    match AddressState::from_i16(person.address_state) {
        AddressState::Usable => {}
        AddressState::Missing => reasons.push(Reason {
            what: format!("{bridge} has no address for this record."),
            since: None,
            lifted_by: "An address there, and a sync, change that.",
        }),
        AddressState::Malformed => reasons.push(Reason {
            what: format!("“{}” is no address that mail could reach.", person.address),
            since: None,
            lifted_by: "A better address in the remote system, and a sync, change that.",
        }),
    }
    let open = people::causes(db.read(), person).await?;
    for cause in causes {
        let since = open.iter().find(|o| o.cause == cause.name()).map(|o| o.created_at);
        let (what, lifted_by) = sentence(*cause, bridge);
        let since = match (since, cause) {
            (None, Cause::RemoteFlag) => runs::created_at(db.read(), person.remote_flag_run).await?,
            (since, _) => since,
        };
        reasons.push(Reason { what, since: here.maybe(since), lifted_by });
    }
    Ok(reasons)
}

fn sentence(cause: Cause, bridge: &str) -> (String, &'static str) {
    match cause {
        Cause::OwnUnsubscribe => {
            ("They unsubscribed here.".into(), "Only they themselves can change that, or an administrator with evidence of their word.")
        }
        Cause::Complaint => ("They reported a mailing as unwanted.".into(), "Only an administrator with evidence can change that."),
        Cause::InvalidAddress => ("Mail to this address bounced.".into(), "A new address changes that, or an administrator."),
        Cause::RemoteFlag => (
            format!("{bridge} says no to mail for this record: Unsubscribed from remote system."),
            "Only that system can change it, by saying yes; a sync brings it.",
        ),
        Cause::Upload => (
            "The address was uploaded in a list of people who unsubscribed.".into(),
            "Only an administrator with evidence can change that.",
        ),
        Cause::Admin => ("An administrator blocked this person.".into(), "An administrator can change that."),
    }
}

/// The bridge's fields with their values; and how many are empty.
async fn profile(reader: &Reader, person: &Member) -> Result<(Vec<(String, String)>, usize), Error> {
    let db = &reader.app.db;
    let all = fields::list(db.read(), person.bridge_id).await?;
    let values = people::profiles(db, person.bridge_id, &all, &[person.id]).await?.remove(&person.id).unwrap_or_default();
    let current = all.iter().filter(|f| f.gone_at.is_none());
    let (set, empty): (Vec<_>, Vec<_>) =
        current.map(|f| (f.label.clone(), value(values.get(&f.number), &f.kind))).partition(|(_, v)| !v.is_empty());
    Ok((set, empty.len()))
}

/// The newest acts; and how many older ones there are.
async fn ledger(reader: &Reader, person: &Member) -> Result<(Vec<Entry>, i64), Error> {
    let (app, here) = (&reader.app, reader.here());
    let key = if person.canonical.is_empty() { String::new() } else { app.vault.address_key(&person.canonical) };
    let (rows, total) = api::ledger(app.db.read(), person.id, &key, i64::MAX, 50).await?;
    let mut entries = Vec::with_capacity(rows.len());
    for e in rows {
        let run = match e.run_id {
            Some(id) => runs::created_at(app.db.read(), id).await?.map(|at| links::run(at, id)),
            None => None,
        };
        entries.push(Entry {
            at: here.when(e.created_at),
            act: if e.act == "lift" { "lifted" } else { "opened" },
            cause: Cause::from_name(&e.cause).map_or("a cause", Cause::label),
            source: e.source,
            actor: text::actor(&e.actor),
            reason: e.reason,
            run,
        });
    }
    let older = total - entries.len() as i64;
    Ok((entries, older))
}
