//! Folders and queries as documents, and the definitions of queries.

use std::collections::BTreeSet;

use rialto_core::Instant;
use serde::Deserialize;
use serde_json::{Value, json};

use super::dialect::{Values, decode, entity, text_parameter};
use super::service::{Service, protocol};
use crate::ConnectorError;
use crate::names;

/// Most queries of a folder.
const MOST: usize = 5_000;
/// Most columns of a query.
const COLUMNS: usize = 512;
/// 2200 in microseconds since 1970.
const LATEST: i64 = 7_258_118_400_000_000;

/// A folder or query as the document system shows it.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Document {
    document_id: String,
    document_type_id: String,
    #[serde(default)]
    pub name: String,
    pub path: String,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    update_info: Option<Updated>,
}

#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "PascalCase")]
struct Updated {
    #[serde(default)]
    updated_on: Option<String>,
}

impl Document {
    pub(super) fn is_query(&self) -> bool {
        self.document_type_id == "IQD"
    }

    /// Anything but Draft and Archived.
    pub(super) fn is_published(&self) -> bool {
        self.status.as_deref().is_none_or(|s| s.eq_ignore_ascii_case("Published"))
    }

    /// When it was last changed, if that says something plausible. Without an offset it is read as UTC.
    pub(super) fn modified_at(&self) -> Option<Instant> {
        let text = self.update_info.as_ref()?.updated_on.as_deref()?;
        let at = Instant::parse(text).or_else(|| {
            let local: jiff::civil::DateTime = text.parse().ok()?;
            Some(Instant::from_timestamp(local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()))
        })?;
        (Instant(0)..=Instant(LATEST)).contains(&at).then_some(at)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", bound = "T: serde::de::DeserializeOwned")]
struct Executed<T> {
    // Null when nothing was found; missing is another shape.
    #[serde(deserialize_with = "Option::deserialize")]
    result: Option<T>,
}

/// A document by its path; `None` when there is none.
pub(super) async fn find(service: &Service, path: &str) -> Result<Option<Document>, ConnectorError> {
    let body = service.execute("DocumentSummary", "FindByPath", vec![text_parameter(path)]).await?;
    Ok(decode::<Executed<Document>>(&body).map_err(|e| named(e, "DocumentSummary"))?.result)
}

/// The queries that stand in a folder itself.
pub(super) async fn queries(service: &Service, folder: &str) -> Result<Vec<Document>, ConnectorError> {
    let Some(found) = find(service, folder).await? else {
        return Err(ConnectorError::Rejected { detail: format!("there is no folder {folder}") });
    };
    let kinds = json!({ "$type": "System.String[]", "$values": ["IQD"] });
    let parameters = vec![text_parameter(&found.document_id), kinds, json!({ "$type": "System.Boolean", "$value": false })];
    let body = service.execute("DocumentSummary", "FindDocumentsInFolder", parameters).await?;
    let all = decode::<Executed<Values<Document, MOST>>>(&body).map_err(|e| named(e, "DocumentSummary"))?.result;
    let all = all.ok_or_else(|| protocol("DocumentSummary: a folder without a result"))?.0;
    let prefix = format!("{folder}/").to_lowercase();
    // A server that searches deeper than it was asked to shows other folders' queries too.
    let inside = |d: &Document| d.path.to_lowercase().strip_prefix(&prefix).is_some_and(|rest| !rest.contains('/'));
    Ok(all.into_iter().filter(|d| d.is_query() && inside(d)).collect())
}

/// A column of a query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Column {
    pub alias: String,
    pub caption: String,
    pub kind: String,
}

/// What a query shows and asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Definition {
    pub columns: Vec<Column>,
    /// What whoever runs it is asked for.
    pub prompts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    properties: Values<Shown, COLUMNS>,
    #[serde(default)]
    parameters: Values<Criterion, COLUMNS>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    #[serde(default)]
    name: String,
    #[serde(default)]
    alias: Option<String>,
    #[serde(default)]
    caption: Option<String>,
    #[serde(default)]
    data_type_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Criterion {
    #[serde(default)]
    prompt: Option<String>,
}

/// The definition of a query; `None` when there is none. The older generation shows it bare, and without aliases that equal names.
pub(super) async fn definition(service: &Service, path: &str) -> Result<Option<Definition>, ConnectorError> {
    let body = service.execute("QueryDefinition", "FindByPath", vec![text_parameter(path)]).await?;
    read_definition(&body).map_err(|e| named(e, "QueryDefinition"))
}

fn read_definition(body: &[u8]) -> Result<Option<Definition>, ConnectorError> {
    let whole = entity(body)?;
    let bare = match whole.get("Result") {
        Some(Value::Null) => return Ok(None),
        Some(inner) => inner.clone(),
        None => whole,
    };
    let described: Described = serde_json::from_value(bare).map_err(|_| protocol("JSON without a query's definition"))?;
    let column = |shown: Shown| {
        let alias = shown.alias.filter(|a| !a.trim().is_empty()).unwrap_or(shown.name);
        let kind = shown.data_type_name.unwrap_or_default();
        let alias = alias.trim().to_owned();
        (!alias.is_empty()).then(|| Column { caption: shown.caption.unwrap_or_default(), kind, alias })
    };
    let mut seen = BTreeSet::new();
    let columns = described.properties.0.into_iter().filter_map(column).filter(|c| seen.insert(c.alias.clone())).collect();
    let prompts = described.parameters.0.into_iter().filter_map(|c| c.prompt).map(|p| names::shown(&p, names::NAME));
    Ok(Some(Definition { columns, prompts: prompts.filter(|p| !p.is_empty()).collect() }))
}

fn named(error: ConnectorError, what: &str) -> ConnectorError {
    super::service::named(error, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_of_both_generations_are_read() {
        let property = r#"{"$type":"p","Name":"ID","Caption":"Id","DataTypeName":"String"}"#;
        let other = r#"{"$type":"p","Name":"x.Mail","Alias":"Email","DataTypeName":"String"}"#;
        let bare = format!(
            r#"{{"$type":"d","Path":"p","Properties":{{"$type":"c","$values":[{property},{other},{other}]}},"Parameters":{{"$type":"c","$values":[{{"PropertyName":"State","Prompt":"State"}},{{"PropertyName":"City"}}]}}}}"#
        );
        let old = read_definition(bare.as_bytes()).unwrap().unwrap();
        let new = read_definition(format!(r#"{{"$type":"r","Result":{bare}}}"#).as_bytes()).unwrap().unwrap();
        assert_eq!(old, new);
        assert_eq!(old.columns.iter().map(|c| c.alias.as_str()).collect::<Vec<_>>(), ["ID", "Email"]);
        assert_eq!(old.prompts, ["State"]);
        assert_eq!(read_definition(br#"{"Result":null}"#).unwrap(), None);
        for odd in ["{}", "[]", r#"{"Result":7}"#, r#"{"Result":{"Properties":7}}"#] {
            assert!(read_definition(odd.as_bytes()).is_err(), "{odd}");
        }
    }
}
