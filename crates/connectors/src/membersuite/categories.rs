//! Interests: message categories. People have all that they did not opt out of.

use rialto_core::writeback::InterestSource;

use super::individual::{self, OPT_OUTS};
use super::lists::key;
use super::object::Object;
use super::service::{Service, Way, named};
use super::xml::protocol;
use crate::names;
use crate::{ConnectorError, RemoteInterest};

const CLASS: &str = "MessageCategory";
const NAME: usize = 200;

/// All message categories. One without a usable ID is left out, so that it does not stop the others.
pub(super) async fn all(service: &Service) -> Result<Vec<RemoteInterest>, ConnectorError> {
    let all = service.objects(&format!("select OBJECTS() from {CLASS}"), Way::Patient).await?;
    let interest = |one: &Object| {
        if !one.is(CLASS) {
            return Err(protocol("ExecuteMSQL: objects of another class than was asked for"));
        }
        let active = one.flag("IsActive").map_err(|e| named(e, "ExecuteMSQL"))? == Some(true);
        Ok(key(one.text("ID")).map(|id| RemoteInterest {
            source: InterestSource::Area,
            code: id.to_owned(),
            subcode: String::new(),
            name: names::shown(one.text("Name"), NAME),
            active,
            members: None,
        }))
    };
    all.iter().filter_map(|one| interest(one).transpose()).collect()
}

/// Those that a person has: the active ones that are not among the opt-outs.
pub(super) async fn of(service: &Service, remote_id: &str) -> Result<Vec<RemoteInterest>, ConnectorError> {
    let Some(id) = key(remote_id) else { return Ok(Vec::new()) };
    let Some(person) = individual::get(service, id, Way::Patient).await? else { return Ok(Vec::new()) };
    let out = person.list(OPT_OUTS).map_err(|e| named(e, "Get"))?;
    let all = all(service).await?;
    Ok(all.into_iter().filter(|i| i.active && !out.iter().any(|code| code.eq_ignore_ascii_case(&i.code))).collect())
}
