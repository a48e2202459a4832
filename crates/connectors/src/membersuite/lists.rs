//! Saved searches: those that are public and active, and find individuals.

use rialto_core::Instant;

use super::object::Object;
use super::rows::Table;
use super::search::Query;
use super::service::{Service, Way, named};
use super::xml::{Node, protocol};
use crate::names;
use crate::{ConnectorError, RemoteList};

const STATEMENT: &str = "select OBJECTS() from SavedSearch where IsPublic=1";

/// Longest ID of a search or a record.
const KEY: usize = 100;
/// Longest name and description.
const NAME: usize = 200;
const DESCRIPTION: usize = 4_000;
/// 2200 in microseconds since 1970.
const LATEST: i64 = 7_258_118_400_000_000;

/// Lists, and what is wrong with some searches.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub lists: Vec<RemoteList>,
    /// Public, active searches whose ID cannot be asked for.
    pub skipped: usize,
    /// Public, active searches of something else than individuals.
    pub foreign: usize,
}

impl Listing {
    /// Faults as sentences that say what to do.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut said = Vec::new();
        if self.lists.is_empty() {
            said.push("MemberSuite has no public, active search of individuals: make one there, and share it with everyone.".to_owned());
        }
        if self.foreign > 0 {
            said.push(format!(
                "Public searches left out: {}. They find something else than individuals, who alone can be mailed.",
                self.foreign
            ));
        }
        if self.skipped > 0 {
            said.push(format!("Searches left out: {}. Their ID is missing or holds characters that cannot be sent.", self.skipped));
        }
        said
    }
}

/// An ID by which a record can be asked for.
pub(super) fn key(id: &str) -> Option<&str> {
    let fits = (1..=KEY).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    fits.then_some(id)
}

/// Whether a search is shared with everyone and in use. A flag that is not there says nothing against it.
fn offered(search: &Object) -> Result<bool, ConnectorError> {
    let not = |name: &str| if search.field(name).is_some() { search.flag(name).map(|flag| flag == Some(false)) } else { Ok(false) };
    Ok(!not("IsPublic")? && !not("IsActive")?)
}

fn finds_individuals(search: &Object) -> bool {
    let kind = search.text("ApplicableType");
    kind.is_empty() || kind.eq_ignore_ascii_case("Individual")
}

fn list(search: &Object) -> Option<RemoteList> {
    let code = key(search.text("ID"))?;
    Some(RemoteList {
        code: code.to_owned(),
        name: names::shown(search.text("Name"), NAME),
        description: names::shown(search.text("Description"), DESCRIPTION),
        active: true,
        // Found anew whenever it is executed: there is no date of its data.
        regeneration: String::new(),
        refreshed_at: None,
        modified_at: moment(search.text("LastModifiedDate")),
        members: None,
    })
}

/// As UTC without an offset; `None` when it says nothing plausible.
fn moment(text: &str) -> Option<Instant> {
    let at = Instant::parse(text).or_else(|| {
        let local: jiff::civil::DateTime = text.parse().ok()?;
        Some(Instant::from_timestamp(local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()))
    })?;
    (Instant(0)..=Instant(LATEST)).contains(&at).then_some(at)
}

/// All lists, without counts.
pub(super) async fn all(service: &Service) -> Result<Listing, ConnectorError> {
    let mut listing = Listing::default();
    for search in service.objects(STATEMENT, Way::Patient).await? {
        if !search.is("SavedSearch") {
            return Err(protocol("ExecuteMSQL: objects of another class than was asked for"));
        }
        if !offered(&search).map_err(|e| named(e, "ExecuteMSQL"))? {
            continue;
        }
        match list(&search) {
            _ if !finds_individuals(&search) => listing.foreign += 1,
            Some(list) => listing.lists.push(list),
            None => listing.skipped += 1,
        }
    }
    if listing.skipped > 0 {
        tracing::warn!(skipped = listing.skipped, "searches without a usable ID are left out");
    }
    Ok(listing)
}

/// A search as it is now.
pub(super) struct Saved {
    list: RemoteList,
    /// The field `Search`.
    pub search: Node,
}

/// One search; `None` when there is none with this ID that is public and active.
pub(super) async fn saved(service: &Service, code: &str, way: Way) -> Result<Option<Saved>, ConnectorError> {
    let Some(code) = key(code) else { return Ok(None) };
    let Some(object) = service.get(code, way).await? else { return Ok(None) };
    if !object.is("SavedSearch") || !object.has_id(code) {
        return Err(protocol("Get: another record than was asked for"));
    }
    if !offered(&object).map_err(|e| named(e, "Get"))? || !finds_individuals(&object) {
        return Ok(None);
    }
    let search = object.field("Search").cloned().ok_or_else(|| protocol("Get: the field Search is missing"))?;
    // As it was asked for, so that it is the same list whatever the case of its letters.
    Ok(list(&object).map(|list| Saved { list: RemoteList { code: code.to_owned(), ..list }, search }))
}

/// How many a search finds now, if the service says so.
pub(super) async fn found(service: &Service, query: &Query) -> Result<Option<u64>, ConnectorError> {
    let value = service.call("ExecuteSearch", &query.arguments(0, 1), Way::Patient).await?;
    Ok(Table::read(value, 1).map_err(|e| named(e, "ExecuteSearch"))?.total)
}

/// One list with the number of people whom it finds now.
pub(super) async fn one(service: &Service, code: &str) -> Result<Option<RemoteList>, ConnectorError> {
    let Some(saved) = saved(service, code, Way::Patient).await? else { return Ok(None) };
    let shown = service.settings.fields.get(..1).unwrap_or_default();
    let members = found(service, &Query::of(&saved.search, shown)?).await?;
    service.heard(code, members);
    Ok(Some(RemoteList { members, ..saved.list }))
}
