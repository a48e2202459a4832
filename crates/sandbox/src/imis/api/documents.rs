//! Folders and queries as documents, and the definitions of queries.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::answer::Answer;
use super::request::Request;
use crate::imis::contacts::guid;
use crate::imis::dialect;
use crate::imis::options::Generation;
use crate::imis::queries::{LISTS, OTHER, Stored};
use crate::imis::sandbox::Sandbox;
use crate::imis::state::State;

const NEVER: &str = "2020-01-01T00:00:00";

/// `FindByPath` and `FindDocumentsInFolder`.
pub(super) fn summary(sandbox: &Sandbox, request: &Request) -> Answer {
    let parameters = request.parameters();
    let first = parameters.first().and_then(|p| p.as_str()).unwrap_or_default();
    let state = sandbox.read();
    match request.operation() {
        "FindByPath" => result(find(&state, first)),
        "FindDocumentsInFolder" => {
            let Some(folder) = folders(&state).into_iter().find(|f| folder_id(f) == first.to_lowercase()) else { return Answer::missing() };
            let kinds: Vec<&str> = dialect::items(parameters.get(1).copied()).iter().filter_map(Value::as_str).collect();
            result(dialect::values("DocumentSummaryDataCollection", children(&state, &folder, &kinds)))
        }
        _ => Answer::trouble(),
    }
}

fn result(of: Value) -> Answer {
    Answer::json(200, &dialect::core("GenericExecuteResult", json!({ "Result": of })))
}

fn find(state: &State, path: &str) -> Value {
    if let Some(query) = state.query(path) {
        return document(query);
    }
    let found = folders(state).into_iter().find(|f| f.eq_ignore_ascii_case(path.trim_end_matches('/')));
    found.map_or(Value::Null, |f| folder(&f))
}

/// All folders: those that are always there, those of queries, and what is above them.
fn folders(state: &State) -> BTreeSet<String> {
    let of = state.queries.values().map(|q| q.folder.as_str()).chain([LISTS, OTHER]);
    of.flat_map(|path| path.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| path[..at].to_owned()).chain([path.to_owned()]))
        .collect()
}

fn children(state: &State, folder_path: &str, kinds: &[&str]) -> Vec<Value> {
    let wanted = |kind: &str| kinds.is_empty() || kinds.contains(&kind);
    let below = |path: &str| path.rsplit_once('/').is_some_and(|(above, _)| above.eq_ignore_ascii_case(folder_path));
    let inner = folders(state).into_iter().filter(|f| wanted("FOL") && below(f)).map(|f| folder(&f));
    let queries = state.queries.values().filter(|q| wanted("IQD") && q.folder.eq_ignore_ascii_case(folder_path)).map(document);
    inner.chain(queries).collect()
}

/// A GUID for a folder, the same for the same path.
fn folder_id(path: &str) -> String {
    let hash = path.to_lowercase().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    guid(3, hash & 0xFFFF_FFFF_FFFF)
}

fn folder(path: &str) -> Value {
    let name = path.rsplit('/').next().unwrap_or_default();
    dialect::core(
        "DocumentSummaryData",
        json!({
            "Description": "", "DocumentId": folder_id(path), "DocumentVersionId": folder_id(path), "DocumentTypeId": "FOL",
            "Name": name, "Path": path, "Status": "Published", "IsFolder": true,
        }),
    )
}

fn document(query: &Stored) -> Value {
    let updated = query.modified.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let update = dialect::core(
        "EntityUpdateInformationData",
        json!({ "CreatedBy": "MANAGER", "CreatedOn": NEVER, "UpdatedBy": "MANAGER", "UpdatedOn": updated }),
    );
    dialect::core(
        "DocumentSummaryData",
        json!({
            "Description": query.description, "DocumentId": query.document_id(), "DocumentVersionId": query.document_id(),
            "DocumentTypeId": "IQD", "Name": query.name, "Path": query.path(), "FolderPath": query.folder,
            "Status": if query.published { "Published" } else { "Draft" }, "UpdateInfo": update,
        }),
    )
}

/// `FindByPath` of a query's definition. The older generation shows it bare and without its document.
pub(super) fn definition(sandbox: &Sandbox, request: &Request) -> Answer {
    let parameters = request.parameters();
    let path = parameters.first().and_then(|p| p.as_str()).unwrap_or_default();
    let state = sandbox.read();
    let Some(query) = state.query(path) else { return result(Value::Null) };
    let old = sandbox.options().generation == Generation::Y2017;
    let property = |(at, column): (usize, &crate::imis::queries::Column)| {
        let (alias, caption, kind) = column.described();
        let mut members = json!({ "Name": alias, "Caption": caption, "DataTypeName": kind, "DisplayOrder": at + 1, "Link": "" });
        if !old && let Some(map) = members.as_object_mut() {
            map.insert("Alias".into(), alias.into());
            map.insert("PropertyName".into(), alias.into());
        }
        dialect::core("QueryPropertyData", members)
    };
    let prompts = query.prompt.iter().map(|prompt| {
        let members = json!({ "PropertyName": "StateProvince", "Prompt": prompt, "Operation": 0, "AllowMultiple": false, "Values": null });
        dialect::core("CriteriaData", members)
    });
    let mut members = json!({
        "Path": query.path(),
        "QueryDefinitionId": query.document_id(),
        "Properties": dialect::values("QueryPropertyDataCollection", query.columns.iter().enumerate().map(property).collect()),
        "Parameters": dialect::values("CriteriaDataCollection", prompts.collect()),
        "Relations": dialect::values("QueryRelationDataCollection", Vec::new()),
        "Sources": dialect::values("QuerySourceDataCollection", Vec::new()),
    });
    if old {
        return Answer::json(200, &dialect::core("IqaQueryDefinitionData", members));
    }
    if let Some(map) = members.as_object_mut() {
        map.insert("Document".into(), document(query));
    }
    result(dialect::core("IqaQueryDefinitionData", members))
}
