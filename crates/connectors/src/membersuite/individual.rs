//! A person's Do Not Email and opt-outs, and what the remote shows about them.

use rialto_core::consent::Flag;

use super::activity;
use super::lists::key;
use super::object::{Change, Object, Sent};
use super::save::save;
use super::service::{Service, Way, named};
use super::settings::DO_NOT_EMAIL;
use super::xml::protocol;
use crate::{ConnectorError, DeliveryError, Shown};

const CLASS: &str = "Individual";
/// Ids of the message categories that a person opted out of.
pub(super) const OPT_OUTS: &str = "OptOuts";

/// A person; `None` when there is no such individual.
pub(super) async fn get(service: &Service, id: &str, way: Way) -> Result<Option<Object>, ConnectorError> {
    let Some(person) = service.get(id, way).await? else { return Ok(None) };
    if !person.is(CLASS) {
        return Ok(None);
    }
    if person.has_id(id) { Ok(Some(person)) } else { Err(protocol("Get: another person than was asked for")) }
}

/// Ticks or unticks Do Not Email and nothing else. Where it stands as it should, nothing is written.
pub(super) async fn set_do_not_email(service: &Service, person: &Object, id: &str, yes: bool) -> Result<(), DeliveryError> {
    if person.flag(DO_NOT_EMAIL).map_err(|e| named(e, "Get"))? == Some(yes) {
        return Ok(());
    }
    let change = Change::of(CLASS).set("ID", &Sent::Text(id)).set(DO_NOT_EMAIL, &Sent::Flag(yes));
    let saved = save(service, &change).await?;
    if !saved.is(CLASS) || !saved.has_id(id) {
        return Err(protocol("Save: answered with another record").into());
    }
    if saved.flag(DO_NOT_EMAIL).map_err(|e| named(e, "Save"))? != Some(yes) {
        return Err(protocol(format!("Save: {DO_NOT_EMAIL} was not changed by saving it")).into());
    }
    Ok(())
}

/// Sets the opt-outs where they differ from these changes: (category, whether the person opts out of it).
pub(super) async fn set_opt_outs(service: &Service, person: &Object, id: &str, changes: &[(&str, bool)]) -> Result<(), DeliveryError> {
    let before = person.list(OPT_OUTS).map_err(|e| named(e, "Get"))?;
    let is = |known: &String, category: &str| known.eq_ignore_ascii_case(category);
    let mut after = before.clone();
    for (category, out) in changes {
        after.retain(|known| *out && before.contains(known) || !is(known, category));
        if *out && !after.iter().any(|known| is(known, category)) {
            after.push((*category).to_owned());
        }
    }
    if after == before {
        return Ok(());
    }
    let saved = save(service, &Change::of(CLASS).set("ID", &Sent::Text(id)).set(OPT_OUTS, &Sent::List(&after))).await?;
    if !saved.is(CLASS) || !saved.has_id(id) {
        return Err(protocol("Save: answered with another record").into());
    }
    let now = saved.list(OPT_OUTS).map_err(|e| named(e, "Save"))?;
    if changes.iter().all(|(category, out)| now.iter().any(|known| is(known, category)) == *out) {
        return Ok(());
    }
    Err(protocol(format!("Save: {OPT_OUTS} is not what was saved")).into())
}

/// What the remote shows about a person.
pub(super) async fn shown(service: &Service, remote_id: &str) -> Result<Shown, ConnectorError> {
    let Some(id) = key(remote_id) else { return Ok(Shown::default()) };
    let Some(person) = get(service, id, Way::Patient).await? else { return Ok(Shown::default()) };
    let said = person.flag(DO_NOT_EMAIL).map_err(|e| named(e, "Get"))?;
    let markers = activity::markers(service, id).await?;
    Ok(Shown { flag: Some(if said == Some(false) { Flag::Yes } else { Flag::No }), markers })
}
