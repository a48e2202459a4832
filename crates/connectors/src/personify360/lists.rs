//! Marketing lists: from a table's rows, whichever way it was read.

use rialto_core::Instant;

use super::names::{self, CODE, DESCRIPTION, FREQUENCY, NAME};
use super::service::{Service, named};
use super::table::{Row, Table};
use crate::{ConnectorError, RemoteList};

const COLUMNS: &[&str] =
    &["LIST_CODE", "ACTIVE_FLAG", "MEMBER_COUNT", "LIST_NAME", "DESCRIPTION", "REGENERATION_FREQUENCY", "LAST_REFRESHED", "MODIFIED_ON"];
const REQUIRED: &[&str] = &["LIST_CODE", "ACTIVE_FLAG", "MEMBER_COUNT"];
const EXPECTED: &[&str] = &["LIST_NAME", "DESCRIPTION", "REGENERATION_FREQUENCY", "LAST_REFRESHED", "MODIFIED_ON"];

/// The columns of a list as one way of reading names them.
pub(super) struct Named {
    pub code: &'static str,
    pub name: &'static str,
    pub description: &'static str,
    pub active: &'static str,
    pub regeneration: &'static str,
    pub refreshed: &'static str,
    pub modified: &'static str,
    pub members: &'static str,
}

const PROCEDURE: Named = Named {
    code: "LIST_CODE",
    name: "LIST_NAME",
    description: "DESCRIPTION",
    active: "ACTIVE_FLAG",
    regeneration: "REGENERATION_FREQUENCY",
    refreshed: "LAST_REFRESHED",
    modified: "MODIFIED_ON",
    members: "MEMBER_COUNT",
};

/// Lists, and what is wrong with some of them.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub lists: Vec<RemoteList>,
    /// Rows whose code is missing or cannot be asked for.
    pub skipped: usize,
}

impl Listing {
    /// The lists of a table. One with a bad code is left out, so that it does not stop the others.
    pub(super) fn of(table: &Table, columns: &Named) -> Self {
        let lists: Vec<RemoteList> = table.rows().filter_map(|row| list(&row, columns)).collect();
        let skipped = table.rows().count() - lists.len();
        if skipped > 0 {
            tracing::warn!(skipped, "lists without a usable code are left out");
        }
        Self { lists, skipped }
    }

    /// Faults as sentences that say what to do.
    pub(super) fn warnings(&self) -> Vec<String> {
        let undated = self.lists.iter().filter(|l| l.refreshed_at.is_none()).count();
        let mut said = Vec::new();
        if self.skipped > 0 {
            said.push(format!(
                "Lists left out: {}. Their code is missing, longer than {CODE} characters, or holds characters that cannot be sent: correct it in the remote system.",
                self.skipped
            ));
        }
        if undated > 0 {
            said.push(format!(
                "Lists that do not say when they were last made: {undated}. Rialto then shows no age of their data, and notices only by their size \
                 that they change while they are read."
            ));
        }
        said
    }
}

/// All lists.
pub(super) async fn all(service: &Service) -> Result<Listing, ConnectorError> {
    let procedure = &service.settings.procedures.lists;
    let body = service.call(procedure, &[]).await?;
    decode(&body).map_err(|e| named(e, procedure))
}

fn decode(body: &[u8]) -> Result<Listing, ConnectorError> {
    let table = Table::decode(body, COLUMNS)?;
    table.check(REQUIRED, EXPECTED)?;
    Ok(Listing::of(&table, &PROCEDURE))
}

fn list(row: &Row<'_>, columns: &Named) -> Option<RemoteList> {
    let shown = |column, most| names::shown(row.get(column).unwrap_or_default(), most);
    Some(RemoteList {
        code: names::key(row.get(columns.code)?, CODE)?,
        name: shown(columns.name, NAME),
        description: shown(columns.description, DESCRIPTION),
        active: row.get(columns.active).is_some_and(|f| f.eq_ignore_ascii_case("Y")),
        regeneration: shown(columns.regeneration, FREQUENCY),
        refreshed_at: row.get(columns.refreshed).and_then(moment),
        modified_at: row.get(columns.modified).and_then(moment),
        members: row.get(columns.members).and_then(|n| n.parse().ok()),
    })
}

/// ISO 8601, read as UTC without an offset, or `/Date(…)/`. What cannot be read, or is no plausible date of a list (before 1970
/// or after 2200: databases mean "never"), is not known.
fn moment(text: &str) -> Option<Instant> {
    let at = match entity_set_date(text) {
        Some(at) => Instant::from_timestamp(at),
        None => Instant::parse(text).or_else(|| {
            let local: jiff::civil::DateTime = text.parse().ok()?;
            let at = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            Some(Instant::from_timestamp(at.timestamp()))
        })?,
    };
    (Instant(0)..=Instant(LATEST)).contains(&at).then_some(at)
}

/// 2200 in microseconds since 1970.
const LATEST: i64 = 7_258_118_400_000_000;

/// `/Date(1388534400000)/`: milliseconds since 1970; an offset after it is only how it was shown.
pub(super) fn entity_set_date(text: &str) -> Option<jiff::Timestamp> {
    let inner = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let sign = inner.get(1..)?.find(['+', '-']).map_or(inner.len(), |at| at + 1);
    jiff::Timestamp::from_millisecond(inner.get(..sign)?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(rows: &str) -> String {
        let inner = format!("<?xml version=\"1.0\" encoding=\"utf-16\"?><NewDataSet>{rows}</NewDataSet>");
        format!("<StoredProcedureOutput><Data>{}</Data></StoredProcedureOutput>", quick_xml::escape::escape(&inner))
    }

    #[test]
    fn a_list_without_a_code_is_left_out_and_the_others_are_kept() {
        let row = |code: &str| {
            format!(
                "<Table>{code}<ACTIVE_FLAG>Y</ACTIVE_FLAG><MEMBER_COUNT>7</MEMBER_COUNT><LAST_REFRESHED>2026-01-05T06:00:00.5</LAST_REFRESHED></Table>"
            )
        };
        let rows = [row("<LIST_CODE>A&amp;B </LIST_CODE>"), row("<LIST_CODE> </LIST_CODE>"), row("")].concat();
        let listing = decode(answer(&rows).as_bytes()).unwrap();
        assert_eq!((listing.skipped, listing.warnings().len()), (2, 1));
        let lists = listing.lists;
        assert_eq!(lists.len(), 1);
        assert_eq!((lists[0].code.as_str(), lists[0].members, lists[0].active), ("A&B", Some(7), true));
        assert_eq!(lists[0].refreshed_at, Instant::parse("2026-01-05T06:00:00.5Z"));
    }

    #[test]
    fn a_renamed_column_is_an_error_with_its_name() {
        let rows = "<Table><LIST_CODE>A</LIST_CODE><ACTIVE>Y</ACTIVE><MEMBER_COUNT>7</MEMBER_COUNT></Table>";
        assert!(decode(answer(rows).as_bytes()).unwrap_err().to_string().contains("ACTIVE_FLAG"));
        let rows = "<Table><LIST_CODE>A</LIST_CODE><ACTIVE_FLAG>Y</ACTIVE_FLAG><MEMBER_COUNT>7</MEMBER_COUNT><NAME>x</NAME></Table>";
        assert!(decode(answer(rows).as_bytes()).unwrap_err().to_string().contains("LIST_NAME"));
    }

    #[test]
    fn no_data_found_is_no_list() {
        let body = "<StoredProcedureOutput><Data>No Data Found</Data></StoredProcedureOutput>";
        assert_eq!(decode(body.as_bytes()).unwrap().lists, []);
    }

    #[test]
    fn a_date_that_says_nothing_is_not_known_and_is_told() {
        assert_eq!(moment("/Date(1388534400123)/"), Instant::parse("2014-01-01T00:00:00.123Z"));
        assert_eq!(moment("2026-01-05T06:00:00+02:00"), Instant::parse("2026-01-05T04:00:00Z"));
        for odd in
            ["", "soon", "1753-01-01T00:00:00", "9999-12-31T23:59:59", "2026-02-30T00:00:00", "/Date(9223372036854775807)/", "/Date()/"]
        {
            assert_eq!(moment(odd), None, "{odd}");
        }
        let row = "<T><LIST_CODE>A</LIST_CODE><ACTIVE_FLAG>Y</ACTIVE_FLAG><MEMBER_COUNT>7</MEMBER_COUNT></T>";
        let warnings = decode(answer(row).as_bytes()).unwrap().warnings();
        assert!(warnings.len() == 1 && warnings[0].contains("when they were last made: 1"), "{warnings:?}");
    }
}
