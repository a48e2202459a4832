//! Lists and their members through entity sets: OData as of its first version, in verbose JSON. There is no paging in it, so
//! members are read by ranges of their ids.

use std::sync::Arc;

use rialto_core::Instant;
use rialto_core::fields::FieldType;
use serde_json::{Map, Value};

use super::dataset::Sink;
use super::metadata::{self, Property};
use super::people::Out;
use super::rows::{Columns, History, Rows};
use super::service::{Service, named, protocol};
use crate::http::without_bom;
use crate::{ConnectorError, Page, RemoteField, RemoteList};

/// Greatest id of twelve digits.
const LAST_ID: u64 = 999_999_999_999;
/// Properties of a member that are no fields.
const NO_FIELDS: &[&str] =
    &["ListCode", "MasterCustomerId", "SubCustomerId", "PrimaryEmailAddress", "AllowEmailFlag", "AllowSolicitationFlag"];
/// Properties that every list has, null or not.
const LIST: &[&str] = &["ListCode", "ListName", "ActiveFlag", "LastRefreshed", "MemberCount"];

type Entity = Map<String, Value>;

/// All lists, or the one with this code.
pub(super) async fn lists(service: &Service, code: Option<&str>) -> Result<Vec<RemoteList>, ConnectorError> {
    let set = &service.settings.entity_sets.lists;
    let filter = code.map(|c| format!("ListCode eq {}", quoted(c))).unwrap_or_default();
    let body = service.entities(set, &filter).await?;
    let decode = || {
        let entities = collection(&body)?;
        if let Some(missing) = entities.first().and_then(|first| LIST.iter().find(|p| !first.contains_key(**p))) {
            return Err(protocol(format!("the property {missing} is missing")));
        }
        Ok(entities.iter().filter_map(list).collect())
    };
    decode().map_err(|e| named(e, set))
}

fn list(entity: &Entity) -> Option<RemoteList> {
    let words = |name| entity.get(name).and_then(text).map(|t| t.trim().to_owned());
    Some(RemoteList {
        code: words("ListCode").filter(|c| !c.is_empty())?,
        name: words("ListName").unwrap_or_default(),
        description: words("Description").unwrap_or_default(),
        active: entity.get("ActiveFlag").is_some_and(|f| yes(f) == "Y"),
        regeneration: words("RegenerationFrequency").unwrap_or_default(),
        refreshed_at: entity.get("LastRefreshed").and_then(moment),
        modified_at: entity.get("ModifiedOn").and_then(moment),
        members: words("MemberCount").and_then(|n| n.parse().ok()),
    })
}

/// The members' properties, from the service's own description.
pub(super) async fn fields(service: &Service) -> Result<Vec<RemoteField>, ConnectorError> {
    let properties = metadata::properties(&service.metadata().await?, &service.settings.entity_sets.list_members)?;
    Ok(properties.into_iter().filter(|p| !NO_FIELDS.contains(&p.name.as_str())).map(field).collect())
}

fn field(property: Property) -> RemoteField {
    let kind = match property.edm.as_str() {
        "Edm.Byte" | "Edm.SByte" | "Edm.Int16" | "Edm.Int32" | "Edm.Int64" => FieldType::Integer,
        "Edm.Decimal" | "Edm.Double" | "Edm.Single" => FieldType::Decimal,
        "Edm.DateTime" | "Edm.DateTimeOffset" => FieldType::DateTime,
        "Edm.Boolean" => FieldType::Boolean,
        _ => FieldType::Text,
    };
    let length = property.length.filter(|_| kind == FieldType::Text);
    RemoteField { label: spaced(&property.name), name: property.name, kind, length }
}

/// `JobTitle` as `Job title`.
fn spaced(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut before = '_';
    for c in name.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            out.push(' ');
            out.extend(c.to_lowercase());
        } else {
            out.push(c);
        }
        before = c;
    }
    out
}

/// Reads a list to its end: at once if it is small, else by ranges of ids that widen where there are few people.
pub(super) async fn people(service: Arc<Service>, code: String, fields: Vec<String>, out: Out) -> Result<(), ConnectorError> {
    let known = lists(&service, Some(&code)).await?.into_iter().find(|l| l.code == code);
    let Some(known) = known else { return Ok(()) };
    let mut reader = Reader { columns: Columns::of_entity_set(&fields), history: History::default(), service, code };
    let small = u64::from(reader.service.settings.page_rows);
    if known.members.is_some_and(|n| n <= small) {
        let page = reader.page("").await?;
        give(&out, page).await;
        return Ok(());
    }
    reader.ranges(small.div_ceil(2), &out).await
}

/// Whether somebody still listens.
async fn give(out: &Out, page: Page) -> bool {
    page.rows.is_empty() || out.send(Ok(Some(page))).await.is_ok()
}

struct Reader {
    service: Arc<Service>,
    code: String,
    columns: Columns,
    history: History,
}

impl Reader {
    /// The ranges cover all texts: up to the first bound, between the bounds, and beyond the last.
    async fn ranges(&mut self, least: u64, out: &Out) -> Result<(), ConnectorError> {
        let first = self.page(&format!(" and MasterCustomerId le '{:012}'", 0)).await?;
        if !give(out, first).await {
            return Ok(());
        }
        let (mut low, mut width) = (0, least);
        while low < LAST_ID {
            let high = low.saturating_add(width).min(LAST_ID);
            let range = format!(" and MasterCustomerId gt '{low:012}' and MasterCustomerId le '{high:012}'");
            let page = match self.page(&range).await {
                Ok(page) => page,
                Err(ConnectorError::Protocol { .. } | ConnectorError::Transient { .. }) if width > least => {
                    width = least;
                    continue;
                }
                Err(error) => return Err(error),
            };
            width = next_width(width, least, page.rows.len());
            low = high;
            if !give(out, page).await {
                return Ok(());
            }
        }
        let rest = self.page(&format!(" and MasterCustomerId gt '{LAST_ID:012}'")).await?;
        give(out, rest).await;
        Ok(())
    }

    async fn page(&mut self, range: &str) -> Result<Page, ConnectorError> {
        let set = &self.service.settings.entity_sets.list_members;
        let filter = format!("ListCode eq {}{range}", quoted(&self.code));
        let body = self.service.entities(set, &filter).await?;
        let decoded = decode(&body, &self.columns, &mut self.history);
        decoded.map_err(|e| named(e, set))
    }
}

/// Wider where the last range was empty or thin, narrower where it was full.
fn next_width(width: u64, least: u64, found: usize) -> u64 {
    let found = u64::try_from(found).unwrap_or(u64::MAX);
    match found {
        0 => width.saturating_mul(8),
        n if n <= least / 2 => width.saturating_mul(2),
        n if n > least => (width / 2).max(least),
        _ => width,
    }
}

fn decode(body: &[u8], columns: &Columns, history: &mut History) -> Result<Page, ConnectorError> {
    let mut rows = Rows::new(columns);
    for entity in collection(body)? {
        rows.begin();
        for (name, value) in &entity {
            member(&mut rows, name, value);
        }
        rows.end();
    }
    history.check(&mut rows)?;
    Ok(Page { rows: rows.people })
}

fn member(rows: &mut Rows<'_>, name: &str, value: &Value) {
    match value {
        Value::Null => rows.null(name),
        Value::Bool(_) if matches!(name, "AllowEmailFlag" | "AllowSolicitationFlag") => rows.cell(name, yes(value)),
        // Links to other entities.
        Value::Object(_) | Value::Array(_) => {}
        _ => {
            if let Some(text) = text(value) {
                rows.cell(name, &text);
            }
        }
    }
}

/// The entities of `{"d":[…]}` or `{"d":{"results":[…]}}`.
fn collection(body: &[u8]) -> Result<Vec<Entity>, ConnectorError> {
    let text = String::from_utf8_lossy(without_bom(body));
    let mut whole: Value = serde_json::from_str(&text).map_err(|_| protocol("JSON that is cut off or not well formed"))?;
    let mut inner = whole.get_mut("d").map(Value::take).unwrap_or_default();
    if let Some(results) = inner.get_mut("results") {
        inner = results.take();
    }
    let Value::Array(items) = inner else { return Err(protocol("JSON without a collection in `d`")) };
    let entity = |item| match item {
        Value::Object(entity) => Ok(entity),
        _ => Err(protocol("a collection that holds other things than entities")),
    };
    items.into_iter().map(entity).collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(date(s).map_or_else(|| s.clone(), |at| at.strftime("%Y-%m-%dT%H:%M:%S").to_string())),
        Value::Bool(b) => Some(b.to_string()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    }
}

fn yes(value: &Value) -> &'static str {
    let clear = value.as_bool().unwrap_or_else(|| value.as_str().is_some_and(|s| s.trim().eq_ignore_ascii_case("Y")));
    if clear { "Y" } else { "N" }
}

fn moment(value: &Value) -> Option<Instant> {
    let text = value.as_str()?;
    date(text).map(Instant::from_timestamp).or_else(|| Instant::parse(text))
}

/// `/Date(1388534400000)/`: milliseconds since 1970; an offset after it is only how it was shown.
fn date(text: &str) -> Option<jiff::Timestamp> {
    let inner = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let sign = inner.get(1..)?.find(['+', '-']).map_or(inner.len(), |at| at + 1);
    jiff::Timestamp::from_millisecond(inner.get(..sign)?.parse().ok()?).ok()
}

/// A text literal of a filter.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_wrappings_are_read_and_other_shapes_refused() {
        for good in [r#"{"d":[{"A":1}]}"#, r#"{"d":{"results":[{"A":1}]}}"#] {
            assert_eq!(collection(good.as_bytes()).unwrap().len(), 1);
        }
        for bad in ["null", "{}", "[]", r#"{"d":null}"#, r#"{"d":{}}"#, r#"{"d":[1]}"#, r#"{"d":[{"A":1}"#, r#"{"d":["\ud800"]}"#] {
            assert_eq!(collection(bad.as_bytes()).unwrap_err().kind(), "protocol", "{bad}");
        }
        let deep = format!("{{\"d\":{}", "[".repeat(10_000));
        assert_eq!(collection(deep.as_bytes()).unwrap_err().kind(), "protocol");
    }

    #[test]
    fn dates_names_and_literals() {
        assert_eq!(text(&Value::from("/Date(1388534400000)/")).as_deref(), Some("2014-01-01T00:00:00"));
        assert_eq!(text(&Value::from("/Date(-86400000+0100)/")).as_deref(), Some("1969-12-31T00:00:00"));
        assert_eq!(text(&Value::from("/Date(x)/")).as_deref(), Some("/Date(x)/"));
        assert_eq!(spaced("JobTitle"), "Job title");
        assert_eq!(quoted("O'X"), "'O''X'");
    }

    #[test]
    fn a_missing_property_is_an_error_and_a_null_is_null() {
        let columns = Columns::of_entity_set(&["City".to_owned()]);
        let row = r#"{"MasterCustomerId":"1","SubCustomerId":0,"PrimaryEmailAddress":null,"AllowEmailFlag":true,"AllowSolicitationFlag":true,"City":null}"#;
        let page = decode(format!("{{\"d\":[{row}]}}").as_bytes(), &columns, &mut History::default()).unwrap();
        assert_eq!(page.rows[0].remote_id.as_deref(), Some("1-0"));
        assert_eq!(page.rows[0].cells, [rialto_core::fields::Cell::Null]);
        assert_eq!(page.rows[0].flag, rialto_core::consent::Flag::Yes);
        let renamed = row.replace("AllowEmailFlag", "MailFlag");
        let error = decode(format!("{{\"d\":[{renamed}]}}").as_bytes(), &columns, &mut History::default()).unwrap_err();
        assert!(error.to_string().contains("AllowEmailFlag"));
    }
}
