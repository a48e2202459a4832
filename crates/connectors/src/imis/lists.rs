//! The queries of the folder as lists: those that keep the rules, and what is wrong with the others (SY-19).

use futures::{StreamExt as _, TryStreamExt as _};

use super::dialect::{Flat, Generic, Paged, decode};
use super::documents::{self, Definition, Document};
use super::service::{Service, named};
use super::settings::{Generation, PATH};
use crate::http::Refusal;
use crate::names::{self, DESCRIPTION, NAME};
use crate::{ConnectorError, RemoteList};

/// Requests at once while queries are looked at.
const AT_ONCE: usize = 4;
/// Queries left out that are told one by one.
const TOLD: usize = 20;
/// The column that holds the key.
pub(super) const ID: &str = "ID";
/// The column that says whether somebody may not be mailed.
pub(super) const DO_NOT_EMAIL: &str = "DoNotEmail";

/// Queries that are offered as lists, and the others with the reason.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub lists: Vec<RemoteList>,
    /// Name of the query, and a sentence about the rule it breaks.
    pub left_out: Vec<(String, String)>,
}

impl Listing {
    /// Faults as sentences that say what to do.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut said: Vec<String> =
            self.left_out.iter().take(TOLD).map(|(name, why)| format!("The query “{name}” is left out: {why}")).collect();
        let more = self.left_out.len().saturating_sub(TOLD);
        if more > 0 {
            said.push(format!("Queries left out besides: {more}."));
        }
        said
    }
}

/// A query of the folder with its definition, or the rule that the definition breaks.
pub(super) type Judged = (Document, Result<Definition, String>);

/// All queries of the folder, judged by their definitions.
pub(super) async fn judged(service: &Service) -> Result<Vec<Judged>, ConnectorError> {
    let queries = documents::queries(service, &service.settings.lists_folder).await?;
    let look = |query: Document| async move {
        if names::key(&query.path, PATH).as_deref() != Some(query.path.as_str()) {
            return Ok((query, Err(format!("its path is longer than {PATH} characters or holds characters that cannot be sent."))));
        }
        let judged = match documents::definition(service, &query.path).await? {
            Some(definition) => keeps_rules(&definition, &service.settings.column_email).map(|()| definition),
            None => Err("its definition cannot be read.".to_owned()),
        };
        Ok((query, judged))
    };
    futures::stream::iter(queries).map(look).buffered(AT_ONCE).try_collect().await
}

/// Whether a definition keeps the rules; the error is a sentence.
pub(super) fn keeps_rules(definition: &Definition, email: &str) -> Result<(), String> {
    let shows = |alias: &str| definition.columns.iter().any(|c| c.alias == alias);
    if let Some(prompt) = definition.prompts.first() {
        return Err(format!("it asks for “{prompt}”. Set the prompt of all its filters to No."));
    }
    if !shows(ID) {
        return Err(format!("it shows no column {ID}. Show the party's id with exactly this alias."));
    }
    if !shows(email) {
        return Err(format!("it shows no column {email}. Show the e-mail address with exactly this alias."));
    }
    Ok(())
}

/// All lists of the folder.
pub(super) async fn all(service: &Service) -> Result<Listing, ConnectorError> {
    let queries = judged(service).await?;
    let look = |(query, judged): Judged| async move {
        let members = match judged {
            Ok(_) => count(service, &query.path).await?,
            Err(why) => Err(why),
        };
        Ok::<_, ConnectorError>((query, members))
    };
    let looked: Vec<_> = futures::stream::iter(queries).map(look).buffered(AT_ONCE).try_collect().await?;
    let mut listing = Listing::default();
    for (query, members) in looked {
        match members {
            Ok(0) => listing.left_out.push((shown_name(&query), "it selects nobody. It is offered as soon as it selects somebody.".into())),
            Ok(members) => listing.lists.push(list(service, &query, members)),
            Err(why) => listing.left_out.push((shown_name(&query), why)),
        }
    }
    if !listing.left_out.is_empty() {
        tracing::info!(left_out = listing.left_out.len(), "queries that break a rule are no lists");
    }
    Ok(listing)
}

/// One list by its path, if it is still there. One that breaks a rule is refused: what it answers proves nothing.
pub(super) async fn one(service: &Service, path: &str) -> Result<Option<RemoteList>, ConnectorError> {
    let Some(query) = documents::find(service, path).await?.filter(Document::is_query) else { return Ok(None) };
    let Some(definition) = documents::definition(service, path).await? else { return Ok(None) };
    let members = match keeps_rules(&definition, &service.settings.column_email) {
        Ok(()) => count(service, path).await?,
        Err(why) => Err(why),
    };
    match members {
        Ok(members) => Ok(Some(list(service, &query, members))),
        Err(why) => Err(ConnectorError::Rejected { detail: format!("the query “{}” is no list any more: {why}", shown_name(&query)) }),
    }
}

fn shown_name(query: &Document) -> String {
    let name = names::shown(&query.name, NAME);
    if name.is_empty() { names::shown(&query.path, NAME) } else { name }
}

fn list(service: &Service, query: &Document, members: u64) -> RemoteList {
    service.heard(&query.path, members);
    RemoteList {
        code: query.path.clone(),
        name: shown_name(query),
        description: names::shown(query.description.as_deref().unwrap_or_default(), DESCRIPTION),
        active: query.is_published(),
        // A query is worked out anew whenever it is asked.
        regeneration: String::new(),
        refreshed_at: None,
        modified_at: query.modified_at(),
        members: Some(members),
    }
}

/// How many a query selects, or why it cannot be run. The service refuses those that are not shared with it.
async fn count(service: &Service, path: &str) -> Result<Result<u64, String>, ConnectorError> {
    let body = match service.query(path, 0, 1).await {
        Ok(body) => body,
        Err(Refusal { status: Some(403), .. }) => {
            return Ok(Err("it is not shared with the user of this bridge. Share it with Everyone.".into()));
        }
        Err(Refusal { status: Some(404), .. }) => return Ok(Err("there is no such query any more.".into())),
        Err(refusal) => return Err(refusal.into()),
    };
    let total = match service.settings.generation {
        Generation::Ems => decode::<Paged<Flat>>(&body).map(|page| page.total_count),
        Generation::Y2017 => decode::<Paged<Generic>>(&body).map(|page| page.total_count),
    };
    let total = total.map_err(|e| named(e, path))?;
    total.map(Ok).ok_or_else(|| named(super::service::protocol("an answer without TotalCount"), path))
}

#[cfg(test)]
mod tests {
    use super::documents::Column;
    use super::*;

    #[test]
    fn each_rule_is_told_in_its_own_words() {
        let column = |alias: &str| Column { alias: alias.into(), caption: String::new(), kind: "String".into() };
        let of = |columns: &[&str], prompts: &[&str]| Definition {
            columns: columns.iter().map(|c| column(c)).collect(),
            prompts: prompts.iter().map(|p| (*p).to_owned()).collect(),
        };
        assert_eq!(keeps_rules(&of(&["ID", "Email"], &[]), "Email"), Ok(()));
        assert!(keeps_rules(&of(&["ID", "Email"], &["State"]), "Email").unwrap_err().contains("asks for “State”"));
        assert!(keeps_rules(&of(&["Id", "Email"], &[]), "Email").unwrap_err().contains("no column ID"));
        assert!(keeps_rules(&of(&["ID", "Mail"], &[]), "Email").unwrap_err().contains("no column Email"));
    }

    #[test]
    fn not_every_fault_of_many_is_told() {
        let left_out = (0..30).map(|n| (n.to_string(), "x.".to_owned())).collect();
        let told = Listing { lists: Vec::new(), left_out }.warnings();
        assert!(told.len() == TOLD + 1 && told[TOLD].ends_with("besides: 10."));
    }
}
