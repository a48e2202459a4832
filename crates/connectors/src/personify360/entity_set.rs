//! Lists and their members through entity sets: OData as of its first version, in verbose JSON. There is no paging in it, so
//! members are read by ranges of their ids.

use std::sync::Arc;

use rialto_core::fields::FieldType;

use super::budget::{Budget, ENTITY_ROWS, FREE_RANGES};
use super::dataset::{Sink, bounded};
use super::fields::Offering;
use super::history::History;
use super::json::{self, Entities, Scalar};
use super::lists::{Listing, Named, entity_set_date};
use super::metadata::{self, Property};
use super::rows::{Columns, Rows};
use super::service::{Service, named, protocol};
use super::table::Table;
use crate::ahead::Out;
use crate::{ConnectorError, Page, RemoteField};

/// Greatest id of twelve digits.
const LAST_ID: u64 = 999_999_999_999;
/// Properties of a member that are no fields.
const NO_FIELDS: &[&str] =
    &["ListCode", "MasterCustomerId", "SubCustomerId", "PrimaryEmailAddress", "AllowEmailFlag", "AllowSolicitationFlag"];
const LIST: &[&str] =
    &["ListCode", "ListName", "ActiveFlag", "LastRefreshed", "MemberCount", "Description", "RegenerationFrequency", "ModifiedOn"];
/// Properties that every list has, null or not.
const REQUIRED: &[&str] = &["ListCode", "ListName", "ActiveFlag", "LastRefreshed", "MemberCount"];
const LIST_NAMES: Named = Named {
    code: "ListCode",
    name: "ListName",
    description: "Description",
    active: "ActiveFlag",
    regeneration: "RegenerationFrequency",
    refreshed: "LastRefreshed",
    modified: "ModifiedOn",
    members: "MemberCount",
};

/// All lists, or the one with this code.
pub(super) async fn lists(service: &Service, code: Option<&str>) -> Result<Listing, ConnectorError> {
    let set = &service.settings.entity_sets.lists;
    let filter = code.map(|c| format!("ListCode eq {}", quoted(c))).unwrap_or_default();
    let body = service.entities(set, &filter).await?;
    let decode = || {
        let mut table = Table::new(LIST);
        json::read(&body, &mut table)?;
        table.check(REQUIRED, &[])?;
        Ok(Listing::of(&table, &LIST_NAMES))
    };
    decode().map_err(|e| named(e, set))
}

/// The members' properties, from the service's own description.
pub(super) async fn fields(service: &Service) -> Result<Offering, ConnectorError> {
    let properties = metadata::properties(&service.metadata().await?, &service.settings.entity_sets.list_members)?;
    Ok(Offering::of(properties.into_iter().filter(|p| !NO_FIELDS.contains(&p.name.as_str())).map(|p| Some(field(p)))))
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
    let known = lists(&service, Some(&code)).await?.lists.into_iter().find(|l| l.code == code);
    let Some(known) = known else { return Ok(()) };
    let page_rows = service.settings.page_rows;
    let budget = Budget::new(known.members, usize::try_from(page_rows).unwrap_or(usize::MAX), FREE_RANGES);
    let columns = Columns::of_entity_set(&code, &fields);
    let mut reader = Reader { columns, history: History::default(), service, code, budget, unfiltered: false };
    let small = u64::from(page_rows);
    if known.members.is_some_and(|n| n <= small) {
        let page = reader.page(None).await?;
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
    budget: Budget,
    /// The service has shown that it ignores filters.
    unfiltered: bool,
}

/// Ids beyond the first bound and up to the second, as texts of twelve digits.
#[derive(Default)]
struct Range {
    above: Option<String>,
    to: Option<String>,
}

impl Range {
    fn new(above: Option<u64>, to: Option<u64>) -> Self {
        let digits = |n: u64| format!("{n:012}");
        Self { above: above.map(digits), to: to.map(digits) }
    }

    fn filter(&self) -> String {
        let above = self.above.iter().map(|id| format!(" and MasterCustomerId gt '{id}'"));
        let to = self.to.iter().map(|id| format!(" and MasterCustomerId le '{id}'"));
        above.chain(to).collect()
    }

    /// Whether an id of digits, which all orders sort alike, lies elsewhere.
    fn excludes(&self, remote_id: &str) -> bool {
        let master = remote_id.rsplit_once('-').map_or(remote_id, |(master, _)| master);
        master.bytes().all(|c| c.is_ascii_digit())
            && (self.above.as_deref().is_some_and(|id| master <= id) || self.to.as_deref().is_some_and(|id| master > id))
    }
}

impl Reader {
    /// The ranges cover all texts: up to the first bound, between the bounds, and beyond the last.
    async fn ranges(&mut self, least: u64, out: &Out) -> Result<(), ConnectorError> {
        let first = self.page(Some(Range::new(None, Some(0)))).await?;
        if !give(out, first).await {
            return Ok(());
        }
        let (mut low, mut width) = (0, least);
        while low < LAST_ID {
            let high = low.saturating_add(width).min(LAST_ID);
            let page = match self.page(Some(Range::new(Some(low), Some(high)))).await {
                Ok(page) => page,
                // Too much for one answer: the budget sees to it that this has an end.
                Err(ConnectorError::Protocol { .. } | ConnectorError::Transient { .. }) if width > least && !self.unfiltered => {
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
        let rest = self.page(Some(Range::new(Some(LAST_ID), None))).await?;
        give(out, rest).await;
        Ok(())
    }

    async fn page(&mut self, range: Option<Range>) -> Result<Page, ConnectorError> {
        let set = &self.service.settings.entity_sets.list_members;
        let range = range.unwrap_or_default();
        self.budget.ask().map_err(|e| named(e, set))?;
        let filter = format!("ListCode eq {}{}", quoted(&self.code), range.filter());
        let body = self.service.entities(set, &filter).await?;
        let page = decode(&body, &self.columns, &mut self.history).map_err(|e| named(e, set))?;
        if page.rows.iter().filter_map(|p| p.remote_id.as_deref()).any(|id| range.excludes(id)) {
            self.unfiltered = true;
            return Err(protocol(format!("{set}: people outside of the asked range of MasterCustomerId, as if the filter were ignored")));
        }
        self.budget.take(page.rows.len()).map_err(|e| named(e, set))?;
        Ok(page)
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
    let mut rows = Rows::new(columns, ENTITY_ROWS);
    json::read(body, &mut rows)?;
    history.check(&mut rows)?;
    Ok(Page { rows: rows.people })
}

impl Entities for Rows<'_> {
    fn begin(&mut self) -> Result<(), ConnectorError> {
        Sink::begin(self)
    }

    fn property(&mut self, name: &str, value: &Scalar<'_>) {
        match value {
            Scalar::Null => self.null(name),
            Scalar::Bool(yes) if matches!(name, "AllowEmailFlag" | "AllowSolicitationFlag") => {
                self.cell(name, if *yes { "Y" } else { "N" })
            }
            Scalar::Bool(yes) => self.cell(name, if *yes { "true" } else { "false" }),
            Scalar::Number(n) => self.cell(name, &n.to_string()),
            Scalar::Text(text) => match plain_date(text) {
                Some(date) => self.cell(name, &date),
                None => self.cell(name, bounded(text)),
            },
        }
    }

    fn end(&mut self) {
        Sink::end(self);
    }
}

/// `/Date(…)/` as text without a zone.
fn plain_date(text: &str) -> Option<String> {
    entity_set_date(text).map(|at| at.strftime("%Y-%m-%dT%H:%M:%S").to_string())
}

/// A text literal of a filter.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collection(text: &str) -> Result<usize, ConnectorError> {
        let mut table = Table::new(&["A"]);
        json::read(text.as_bytes(), &mut table)?;
        Ok(table.rows().count())
    }

    #[test]
    fn both_wrappings_are_read_and_other_shapes_refused() {
        for good in [
            r#"{"d":[{"A":1}]}"#,
            r#"{"d":{"results":[{"A":1}]}}"#,
            "\u{feff}{\"x\":[[{}]],\"d\":{\"__count\":\"1\",\"results\":[{\"A\":{\"d\":[1,{}]},\"B\":[[]]}]}}",
        ] {
            assert_eq!(collection(good).unwrap(), 1, "{good}");
        }
        assert_eq!(collection(r#"{"d":[]}"#).unwrap(), 0);
        for bad in [
            "null",
            "{}",
            "[]",
            r#"{"d":null}"#,
            r#"{"d":{}}"#,
            r#"{"d":[1]}"#,
            r#"{"d":[{"A":1}"#,
            r#"{"d":["\ud800"]}"#,
            r#"{"d":[]}x"#,
            r#"{"d":[],"d":[]}"#,
            r#"{"d":{"results":[],"results":[]}}"#,
            r#"{"d":{"results":{"results":[]}}}"#,
            r#"{"d":[[{}]]}"#,
            r#"{"d":[{"A":1e999}]}"#,
        ] {
            assert_eq!(collection(bad).unwrap_err().kind(), "protocol", "{bad}");
        }
        for deep in ["{\"d\":", "{\"d\":[{\"A\":", "{\"x\":"] {
            assert_eq!(collection(&format!("{deep}{}", "[".repeat(1_000_000))).unwrap_err().kind(), "protocol");
        }
    }

    #[test]
    fn dates_names_and_literals() {
        assert_eq!(plain_date("/Date(1388534400000)/").as_deref(), Some("2014-01-01T00:00:00"));
        assert_eq!(plain_date("/Date(-86400000+0100)/").as_deref(), Some("1969-12-31T00:00:00"));
        assert_eq!(plain_date("/Date(x)/"), None);
        assert_eq!(spaced("JobTitle"), "Job title");
        assert_eq!(quoted("O'X"), "'O''X'");
    }

    #[test]
    fn ranges_know_what_they_exclude() {
        let range = Range::new(Some(5), Some(10));
        assert!(!range.excludes("000000000010-0") && !range.excludes("A5-0") && !range.excludes("0000000000051-0"));
        assert!(range.excludes("000000000005-0") && range.excludes("000000000011-0") && range.excludes("1-0"));
        assert!(!Range::default().excludes("1-0"));
        assert_eq!(range.filter(), " and MasterCustomerId gt '000000000005' and MasterCustomerId le '000000000010'");
    }

    #[test]
    fn a_missing_property_is_an_error_and_a_null_is_null() {
        let columns = Columns::of_entity_set("L", &["City".to_owned()]);
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
