//! Marketing lists through the procedure `usr_Rialto_Lists`.

use rialto_core::Instant;

use super::service::{Service, named};
use super::table::{Row, Table};
use crate::{ConnectorError, RemoteList};

const REQUIRED: &[&str] = &["LIST_CODE", "ACTIVE_FLAG", "MEMBER_COUNT"];
const EXPECTED: &[&str] = &["LIST_NAME", "DESCRIPTION", "REGENERATION_FREQUENCY", "LAST_REFRESHED", "MODIFIED_ON"];

/// All lists. A row without a code is no list and is left out.
pub(super) async fn all(service: &Service) -> Result<Vec<RemoteList>, ConnectorError> {
    let procedure = &service.settings.procedures.lists;
    let body = service.call(procedure, &[]).await?;
    decode(&body).map_err(|e| named(e, procedure))
}

fn decode(body: &[u8]) -> Result<Vec<RemoteList>, ConnectorError> {
    let table = Table::decode(body)?;
    table.check(REQUIRED, EXPECTED)?;
    let lists: Vec<RemoteList> = table.rows().filter_map(|row| list(&row)).collect();
    let skipped = table.rows().count() - lists.len();
    if skipped > 0 {
        tracing::warn!(skipped, "lists without a code are left out");
    }
    Ok(lists)
}

fn list(row: &Row<'_>) -> Option<RemoteList> {
    let text = |column| row.get(column).unwrap_or_default().to_owned();
    Some(RemoteList {
        code: row.get("LIST_CODE")?.to_owned(),
        name: text("LIST_NAME"),
        description: text("DESCRIPTION"),
        active: row.get("ACTIVE_FLAG").is_some_and(|f| f.eq_ignore_ascii_case("Y")),
        regeneration: text("REGENERATION_FREQUENCY"),
        refreshed_at: row.get("LAST_REFRESHED").and_then(moment),
        modified_at: row.get("MODIFIED_ON").and_then(moment),
        members: row.get("MEMBER_COUNT").and_then(|n| n.parse().ok()),
    })
}

/// ISO 8601; without an offset it is read as UTC.
fn moment(text: &str) -> Option<Instant> {
    Instant::parse(text).or_else(|| {
        let local: jiff::civil::DateTime = text.parse().ok()?;
        let at = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Instant::from_timestamp(at.timestamp()))
    })
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
        let lists = decode(answer(&[row("<LIST_CODE>A&amp;B </LIST_CODE>"), row("<LIST_CODE> </LIST_CODE>"), row("")].concat()).as_bytes())
            .unwrap();
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
        assert_eq!(decode(body.as_bytes()).unwrap(), []);
    }
}
