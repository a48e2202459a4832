//! What there is besides people: definitions of user-defined tables, communication types, codes.

use serde_json::{Value, json};

use super::answer::Answer;
use super::paged;
use super::request::Request;
use crate::faults::Tweaks;
use crate::imis::dialect;
use crate::imis::rows::Filter;
use crate::imis::sandbox::Sandbox;
use crate::imis::tables::{Field, FieldKind, Instances, Table};

/// One definition by its name without regard to case, or all of them.
pub(super) fn tables(sandbox: &Sandbox, request: &Request) -> Answer {
    let tables = sandbox.tables();
    match request.identity().first() {
        Some(name) => {
            let found = tables.iter().find(|t| t.name.eq_ignore_ascii_case(name));
            found.map_or_else(Answer::missing, |table| Answer::json(200, &definition(table)))
        }
        None => Answer::json(200, &paged(request, sandbox, tables.iter().map(definition).collect(), Tweaks(None))),
    }
}

fn definition(table: &Table) -> Value {
    let multi = table.instances == Instances::Multi;
    let own = [("ID", true), ("Ordinal", multi)].into_iter().filter(|(_, there)| *there).map(|(name, _)| identity(name));
    let properties = own.chain(table.fields.iter().map(property)).collect();
    dialect::core(
        "BOEntityDefinitionData",
        json!({
            "EntityTypeName": table.name,
            "Description": table.description,
            "ObjectTypeName": if multi { "Multi" } else { "Single" },
            "PrimaryParentEntityTypeName": "Party",
            "IsDesignable": true,
            "Properties": dialect::values("PropertyTypeDataCollection", properties),
        }),
    )
}

fn extended(name: &str, database: &str) -> Value {
    dialect::core("ExtendedPropertyInformationData", json!({ "DatabaseColumnName": name, "DbDataType": database, "IsNullable": true }))
}

fn identity(name: &str) -> Value {
    let text = name == "ID";
    let mut members = json!({
        "Name": name, "PropertyTypeName": if text { "String" } else { "Integer" }, "IsIdentity": true, "Visible": true,
        "ExtendedPropertyInformation": extended(name, if text { "VarChar" } else { "Int" }),
    });
    if text && let Some(map) = members.as_object_mut() {
        map.insert("MaxLength".into(), 10.into());
    }
    dialect::core(if text { "PropertyTypeStringData" } else { "PropertyTypeIntegerData" }, members)
}

fn property(field: &Field) -> Value {
    let (kind, name, database) = match field.kind {
        FieldKind::Char => ("PropertyTypeStringData", "String", "NVarChar"),
        FieldKind::Int => ("PropertyTypeIntegerData", "Integer", "Int"),
        FieldKind::Date => ("PropertyTypeDateTimeData", "Date", "DateTime"),
        FieldKind::Boolean => ("PropertyTypeBooleanData", "Boolean", "Bit"),
    };
    let mut members = json!({
        "Name": field.name, "Caption": field.prompt, "PropertyTypeName": name, "Visible": true,
        "ExtendedPropertyInformation": extended(&field.name, database),
    });
    if field.kind == FieldKind::Char
        && let Some(map) = members.as_object_mut()
    {
        map.insert("MaxLength".into(), field.length.into());
    }
    dialect::core(kind, members)
}

pub(super) fn communication_types(sandbox: &Sandbox, request: &Request) -> Answer {
    let filters = request.filters();
    let holds = |value: &Value| {
        filters.iter().all(|f: &Filter| {
            dialect::member(value, &f.name).is_some_and(|v| f.holds(&v.as_str().map_or_else(|| v.to_string(), str::to_owned)))
        })
    };
    let all = sandbox.communication_types().into_iter().map(|kind| {
        let members = json!({
            "CommunicationTypeId": kind.id, "ReasonCode": kind.reason, "CommunicationTypeDisplay": kind.name,
            "IsSystem": kind.system, "CannotOptOut": kind.cannot_opt_out,
        });
        dialect::core("CommunicationTypeData", members)
    });
    Answer::json(200, &paged(request, sandbox, all.filter(holds).collect(), Tweaks(None)))
}

/// Codes of a general table; the activity types are one.
pub(super) fn codes(sandbox: &Sandbox, request: &Request) -> Answer {
    let table = request.option("TableName").unwrap_or_default();
    let codes = if table.eq_ignore_ascii_case("ACTIVITY_TYPE") { sandbox.activity_types() } else { Vec::new() };
    let one = |(code, text): &(String, String)| {
        dialect::core("GenTableData", json!({ "TableName": "ACTIVITY_TYPE", "Code": code, "Description": text }))
    };
    Answer::json(200, &paged(request, sandbox, codes.iter().map(one).collect(), Tweaks(None)))
}
