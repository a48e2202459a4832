//! One person as one source knows them: whether they may be mailed and what proves it, who they are, where they are, what happened.

use askama::Template;
use axum::extract::Path;
use axum::response::Html;
use rialto_core::consent::Cause;
use rialto_core::permissions::Permission;
use rialto_core::upload::SOURCE;
use rialto_core::{AddressState, Instant, Kind, PublicId};
use rialto_store::bridges::{self, Bridge};
use rialto_store::fields::{self, Field};
use rialto_store::views::members::{self, Member};
use rialto_store::views::people::{self, Profile};
use rialto_store::views::{consent, history, runs};
use rialto_store::{households, personas};

use super::group_subscribers::same_address;
use super::people_table::chips;
use super::run_changes::value;
use super::shell::{Page, Reader};
use super::subscriber_history::{self, Moment};
use super::subscriber_interests::{self, Choice};
use super::subscriber_lists::{self, InList};
use super::table::Table;
use super::text::{self, Chip, When, filters};
use super::{bridges as bridge_pages, links};
use crate::api::consent::BY_ADMIN;
use crate::api::why::sentence;
use crate::error::Error;

/// What the ledger holds of a cause.
struct Proof {
    source: String,
    run: Option<String>,
    who: String,
    reason: String,
    evidence: String,
}

/// One reason not to mail somebody, what proves it, and what can change it.
struct Reason {
    label: &'static str,
    /// So that it reads on after "because".
    what: String,
    since: Option<When>,
    proof: Option<Proof>,
    lifted_by: &'static str,
}

struct Entry {
    at: When,
    act: &'static str,
    cause: &'static str,
    source: String,
    actor: String,
    reason: String,
    evidence: String,
    run: Option<String>,
    /// Another record whose act counts here because of the address: its page and Remote ID.
    other: Option<(String, String)>,
}

/// A personalization field as a mailing would fill it.
struct Attribute {
    name: String,
    value: String,
    /// The value is the bridge's default: the person has none.
    default: bool,
}

struct InGroup {
    href: String,
    name: String,
    gone: bool,
    synced: Option<When>,
}

#[derive(Template)]
#[template(path = "subscriber.html")]
struct Subscriber {
    page: Page,
    id: String,
    href: String,
    address: String,
    /// Empty when no field says it.
    name: String,
    /// As the questions call them: a first name, or `this person`.
    called: String,
    remote_id: String,
    bridge: String,
    bridge_href: Option<String>,
    source: String,
    created: When,
    chips: Vec<Chip>,
    mailable: bool,
    reasons: Vec<Reason>,
    flag: &'static str,
    may_unsubscribe: bool,
    may_resubscribe: bool,
    may_link: bool,
    /// Questions about people with this address that wait.
    questions: i64,
    attributes: Vec<Attribute>,
    empty: usize,
    hidden: usize,
    groups: Vec<InGroup>,
    lists: Vec<InList>,
    same: Option<Table>,
    ledger: Vec<Entry>,
    ledger_more: i64,
    persona: Option<String>,
    choices: Vec<Choice>,
    moments: Vec<Moment>,
    moments_more: bool,
    window: String,
}

/// The person whom an address names.
pub async fn find(reader: &Reader, id: &str) -> Result<Member, Error> {
    let public = PublicId::parse(id, Kind::Subscriber).ok_or(Error::NotFound)?;
    let person = people::one(reader.app.db.read(), public.id).await?;
    person.filter(|p| public.fits(Instant(p.created_at))).ok_or(Error::NotFound)
}

/// GET /subscribers/{id}
pub async fn show(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let (db, here) = (&reader.app.db, reader.here());
    let person = find(&reader, &id).await?;
    let person_id = person.id;
    let more = people::more(db.read(), person_id).await?;
    let bridge = bridges::get(db.read(), person.bridge_id).await?;
    let causes = members::causes(db, std::slice::from_ref(&person)).await?.remove(&person.id).unwrap_or_default();
    let fields = fields::list(db.read(), person.bridge_id).await?;
    let values = people::profiles(db, person.bridge_id, &fields, &[person.id]).await?.remove(&person.id).unwrap_or_default();
    let bridge_name = match &bridge {
        Some(b) => b.name.clone(),
        None if person.bridge_id == SOURCE => "Upload".to_owned(),
        None => "a deleted bridge".to_owned(),
    };
    let (name, called) = names(&fields, &values);
    let (mut attributes, empty, hidden) = attributes(&fields, &values);
    if person.bridge_id != SOURCE {
        attributes.extend(uploaded(&reader, &person).await?);
    }
    let groups = people::groups(db.read(), person.id).await?;
    let same = people::same_address(db.read(), &person).await?;
    let (ledger, ledger_more) = ledger(&reader, &person).await?;
    let (moments, moments_more) = subscriber_history::read(&reader, &person, more.created_run, &fields, &values).await?;
    let page = Subscriber {
        page: reader.page(if person.address.is_empty() { person.remote_id.clone() } else { person.address.clone() }),
        mailable: causes.is_empty() && person.address_state == AddressState::Usable as i16,
        reasons: reasons(&reader, &person, &causes, &bridge_name).await?,
        flag: if more.remote_flag_seen == 1 { "yes" } else { "no" },
        may_unsubscribe: reader.may(Permission::ListsEdit) && !causes.contains(&Cause::OwnUnsubscribe),
        may_link: reader.may(Permission::ListsEdit),
        questions: households::waiting_about(db.read(), &person.canonical).await?,
        may_resubscribe: reader.may(Permission::UsersAdmin) && causes.iter().any(|c| c.lifted_by(BY_ADMIN)),
        href: links::person(person.created_at, person.id),
        id,
        created: here.when(person.created_at),
        lists: subscriber_lists::of(&reader, person_id).await?,
        groups: groups
            .into_iter()
            .map(|g| InGroup {
                href: links::group(g.created_at, g.id),
                gone: g.state == "gone",
                synced: here.maybe(g.synced_at),
                name: g.name,
            })
            .collect(),
        same: same_address(&reader, same).await?,
        chips: chips(person.address_state, &causes),
        bridge_href: bridge.as_ref().map(|b| links::bridge(b.created_at, b.id)),
        source: source(bridge.as_ref()),
        bridge: bridge_name,
        address: person.address,
        remote_id: person.remote_id,
        name,
        called,
        attributes,
        empty,
        hidden,
        ledger,
        ledger_more,
        persona: personas::of_person(reader.app.db.read(), person_id).await?.map(|p| p.name),
        choices: subscriber_interests::read(&reader, person_id).await?,
        moments,
        moments_more,
        window: text::num(history::WINDOW),
    };
    Ok(Html(page.render()?))
}

/// Where the record comes from, as the platforms' Source column says it.
fn source(bridge: Option<&Bridge>) -> String {
    bridge.map_or_else(|| "integration".to_owned(), |b| format!("{} integration", bridge_pages::kind_name(b)))
}

/// Full name, and what to call them; from fields named as most systems name them.
pub fn names(fields: &[Field], values: &Profile) -> (String, String) {
    let of = |wanted: &str| {
        let plain = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        let field = fields.iter().find(|f| f.is_valid() && plain(&f.name) == wanted);
        field.map(|f| value(values.get(&f.number), &f.kind).trim().to_owned()).unwrap_or_default()
    };
    let (first, last) = (of("firstname"), of("lastname"));
    let full = format!("{first} {last}").trim().to_owned();
    let called = if !first.is_empty() { first } else { full.clone() };
    (full, if called.is_empty() { "this person".into() } else { called })
}

async fn reasons(reader: &Reader, person: &Member, causes: &[Cause], bridge: &str) -> Result<Vec<Reason>, Error> {
    let (app, here) = (&reader.app, reader.here());
    let mut reasons = Vec::new();
    let address = |label, what, lifted_by| Reason { label, what, since: None, proof: None, lifted_by };
    match AddressState::from_i16(person.address_state) {
        AddressState::Usable => {}
        AddressState::Missing => {
            reasons.push(address(
                "No address",
                format!("{bridge} has no address for this record"),
                "An address there, and a sync, change that.",
            ));
        }
        AddressState::Malformed => reasons.push(address(
            "Malformed address",
            format!("“{}” is no address that mail could reach", person.address),
            "A better address in the remote system, and a sync, change that.",
        )),
    }
    let open = people::causes(app.db.read(), person).await?;
    let key = if person.canonical.is_empty() { String::new() } else { app.vault.address_key(&person.canonical) };
    for cause in causes {
        let (what, lifted_by) = sentence(*cause, bridge);
        let found = consent::proof(app.db.read(), person.id, &key, cause.name()).await?;
        let since = open.iter().find(|o| o.cause == cause.name()).map(|o| o.created_at).or(found.as_ref().map(|e| e.created_at));
        let proof = match found {
            Some(e) => Some(Proof {
                run: run_link(reader, e.run_id).await?,
                who: text::actor(&e.actor),
                source: said_by(&e.source),
                reason: e.reason,
                evidence: e.evidence,
            }),
            None => None,
        };
        reasons.push(Reason { label: cause.label(), what, since: here.maybe(since), proof, lifted_by });
    }
    Ok(reasons)
}

/// Where an act happened, in words.
pub fn said_by(source: &str) -> String {
    match source {
        "api" => "the API".into(),
        "page" => "this page".into(),
        "preference page" => "their preference page".into(),
        "one-click" => "their mail program, by one click".into(),
        other => other.to_owned(),
    }
}

async fn run_link(reader: &Reader, run: Option<i64>) -> Result<Option<String>, Error> {
    let Some(id) = run else { return Ok(None) };
    Ok(runs::created_at(reader.app.db.read(), id).await?.map(|at| links::run(at, id)))
}

/// Fields that mailings can use, empty ones by their default; how many are empty without one, and how many are hidden.
fn attributes(fields: &[Field], values: &Profile) -> (Vec<Attribute>, usize, usize) {
    let (mut found, mut empty, mut hidden) = (Vec::new(), 0, 0);
    for f in fields.iter().filter(|f| f.is_valid()) {
        let own = value(values.get(&f.number), &f.kind);
        match (f.shown, own.is_empty(), f.default_value.is_empty()) {
            (false, ..) => hidden += 1,
            (_, false, _) => found.push(Attribute { name: f.title().to_owned(), value: own, default: false }),
            (_, _, false) => found.push(Attribute { name: f.title().to_owned(), value: f.default_shown(), default: true }),
            _ => empty += 1,
        }
    }
    (found, empty, hidden)
}

/// What uploads have brought beside the fields of the bridge.
async fn uploaded(reader: &Reader, person: &Member) -> Result<Vec<Attribute>, Error> {
    let db = &reader.app.db;
    let fields = fields::list(db.read(), SOURCE).await?;
    let values = people::profiles(db, SOURCE, &fields, &[person.id]).await?.remove(&person.id).unwrap_or_default();
    let named = fields.iter().map(|f| Attribute {
        name: format!("{} (uploaded)", f.title()),
        value: value(values.get(&f.number), &f.kind),
        default: false,
    });
    Ok(named.filter(|a| !a.value.is_empty()).collect())
}

/// The newest acts; and how many older ones there are.
async fn ledger(reader: &Reader, person: &Member) -> Result<(Vec<Entry>, i64), Error> {
    let (app, here) = (&reader.app, reader.here());
    let key = if person.canonical.is_empty() { String::new() } else { app.vault.address_key(&person.canonical) };
    let (rows, total) = consent::ledger(app.db.read(), person.id, &key, i64::MAX, 50).await?;
    let mut entries = Vec::with_capacity(rows.len());
    for e in rows {
        entries.push(Entry {
            at: here.when(e.created_at),
            act: if e.act == "lift" { "lifted" } else { "opened" },
            cause: Cause::from_name(&e.cause).map_or("a cause", Cause::label),
            run: run_link(reader, e.run_id).await?,
            other: (e.subscriber_id != person.id && e.made_at != 0).then(|| (links::person(e.made_at, e.subscriber_id), e.remote_id)),
            source: said_by(&e.source),
            actor: text::actor(&e.actor),
            reason: e.reason,
            evidence: e.evidence,
        });
    }
    let older = total - entries.len() as i64;
    Ok((entries, older))
}
