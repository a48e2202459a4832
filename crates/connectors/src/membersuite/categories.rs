//! Interests: the active message categories. People have all that they did not opt out of (`docs/adr/0112`).

use rialto_core::writeback::{InterestKey, InterestSource};

use super::individual::{self, OPT_OUTS};
use super::lists::{found, key};
use super::object::Object;
use super::search::{Condition, Query};
use super::service::{Service, Way, named};
use super::xml::protocol;
use crate::names;
use crate::{ConnectorError, RemoteInterest, RemoteList};

const CLASS: &str = "MessageCategory";
const NAME: usize = 200;
/// Times that numbers which do not add up are asked for: somebody may have changed something in between.
const COUNTS: usize = 3;

/// All message categories that are active. One without a usable ID is left out, so that it does not stop the others.
pub(super) async fn all(service: &Service) -> Result<Vec<RemoteInterest>, ConnectorError> {
    let all = service.objects(&format!("select OBJECTS() from {CLASS}"), Way::Patient).await?;
    let interest = |one: &Object| {
        if !one.is(CLASS) {
            return Err(protocol("ExecuteMSQL: objects of another class than was asked for"));
        }
        if one.flag("IsActive").map_err(|e| named(e, "ExecuteMSQL"))? != Some(true) {
            return Ok(None);
        }
        Ok(key(one.text("ID")).map(|id| RemoteInterest {
            source: InterestSource::Area,
            code: id.to_owned(),
            subcode: String::new(),
            name: names::shown(one.text("Name"), NAME),
            active: true,
            members: None,
        }))
    };
    all.iter().filter_map(|one| interest(one).transpose()).collect()
}

/// Whoever has not opted out of a category.
pub(super) fn kept_in(category: &str) -> Condition<'_> {
    Condition { operation: "DoesNotEqual", field: OPT_OUTS, value: category }
}

fn opted_out(category: &str) -> Condition<'_> {
    Condition { operation: "Equals", field: OPT_OUTS, value: category }
}

/// Those who have an active category, as a list. How a condition on a field of many values is meant is not publicly known: it counts only
/// where those who have the category and those who opted out of it are everybody, so that nobody is taken for interested who said no.
pub(super) async fn list(service: &Service, interest: &InterestKey) -> Result<Option<RemoteList>, ConnectorError> {
    let Some(offered) = all(service).await?.into_iter().find(|i| i.key() == *interest) else { return Ok(None) };
    let members = members(service, &offered.code).await?;
    service.heard(&offered.code, Some(members));
    Ok(Some(RemoteList {
        code: offered.code,
        name: offered.name,
        description: String::new(),
        active: true,
        regeneration: String::new(),
        refreshed_at: None,
        modified_at: None,
        members: Some(members),
    }))
}

async fn members(service: &Service, category: &str) -> Result<u64, ConnectorError> {
    let number = async |condition| {
        let counted = found(service, &Query::own(condition, &[])).await?;
        counted.ok_or_else(|| protocol("ExecuteSearch: searches do not say how many people they find"))
    };
    let mut seen = (0, 0, 0);
    for _ in 0..COUNTS {
        let everybody = number(None).await?;
        let (has, out) = (number(Some(kept_in(category))).await?, number(Some(opted_out(category))).await?);
        if has.checked_add(out) == Some(everybody) {
            return Ok(has);
        }
        seen = (has, out, everybody);
    }
    let (has, out, everybody) = seen;
    Err(protocol(format!(
        "ExecuteSearch: {has} people are said to have the message category and {out} to have opted out of it, of {everybody}; that does not add up"
    )))
}

/// Those that a person has: the active ones that are not among the opt-outs.
pub(super) async fn of(service: &Service, remote_id: &str) -> Result<Vec<RemoteInterest>, ConnectorError> {
    let Some(id) = key(remote_id) else { return Ok(Vec::new()) };
    let Some(person) = individual::get(service, id, Way::Patient).await? else { return Ok(Vec::new()) };
    let out = person.list(OPT_OUTS).map_err(|e| named(e, "Get"))?;
    let all = all(service).await?;
    Ok(all.into_iter().filter(|i| !out.iter().any(|code| code.eq_ignore_ascii_case(&i.code))).collect())
}
