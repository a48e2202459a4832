//! Another destination (LO-06): lines of the field matching whose field the new one has too go along; what it has no place for is kept apart, to
//! be looked at.

use rialto_core::audience::Seen;
use rialto_core::data_sync::PROFILE_ALT_ID;
use rialto_store::audiences::{self, Audience, Field};
use rialto_store::data_syncs::Lost;
use rialto_store::streams;

use super::choices::unit;
use super::form::Sent;
use crate::api::audiences::named;
use crate::error::Error;
use crate::state::App;

/// Moves the lines of `before` to the destination that was entered; answers what it has no place for.
pub async fn carry(app: &App, before: &Sent, sent: &mut Sent) -> Result<Vec<Lost>, Error> {
    let old = named(app, &before.destination, "destination").await?;
    let new = named(app, &sent.destination, "destination").await?;
    let unit = unit(app, sent).await?;
    let seen = streams::seen_of_source(app.db.read(), unit.id).await?;
    let (had, has) = (audiences::fields(app.db.read(), old.id).await?, audiences::fields(app.db.read(), new.id).await?);
    let name_of = |api: &str| had.iter().find(|f| f.api_name == api).map_or_else(|| api.to_owned(), |f| f.name.clone());
    let mut lost = Vec::new();
    sent.pairs.clear();
    for (api, from) in &before.pairs {
        let kinds = seen.iter().find(|f| f.name == *from).map(|f| f.seen()).unwrap_or_default();
        match place(&new, &has, api, from, kinds)? {
            Ok(to) => sent.set(to, from),
            Err(why) => lost.push(Lost { from: from.clone(), to: name_of(api), why }),
        }
    }
    sent.field.clone_from(&before.field);
    if sent.matched().is_some() && sent.from(&sent.field).is_empty() {
        lost.push(Lost {
            from: String::new(),
            to: name_of(&before.field),
            why: "Rows met subscribers by it. Choose another field for that, under Properties and Field matching.".into(),
        });
        sent.how.clear();
    }
    Ok(lost)
}

/// The field of the new destination into which a line goes, or why there is none.
fn place<'a>(new: &Audience, has: &'a [Field], api: &str, from: &str, kinds: Seen) -> Result<Result<&'a str, String>, Error> {
    if from == PROFILE_ALT_ID {
        let key = has.iter().find(|f| f.is_key()).ok_or(Error::NotFound)?;
        return Ok(Ok(&key.api_name));
    }
    let field = has.iter().find(|f| f.api_name.eq_ignore_ascii_case(api) && f.retired_at.is_none());
    Ok(match field {
        None => Err(format!("{} has no field with the API name {api}.", new.name)),
        Some(field) if field.is_key() => Err(format!("In {} this field is the unique key, which takes profileAltId alone.", new.name)),
        Some(field) => kinds.refused_by(field.field_type()?).map_or(Ok(&field.api_name), Err),
    })
}
