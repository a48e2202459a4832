//! Personalization fields through the procedure `usr_Rialto_Fields`.

use rialto_core::fields::FieldType;

use super::names::{self, FIELD, NAME};
use super::service::{Service, named};
use super::table::{Row, Table};
use crate::{ConnectorError, RemoteField};

/// Fields, and how many are left out because their name is missing or cannot be asked for.
#[derive(Debug, Default)]
pub(super) struct Offering {
    pub fields: Vec<RemoteField>,
    pub skipped: usize,
}

impl Offering {
    /// Leaves out fields with bad names, so that they do not stop the others, and cleans the labels.
    pub(super) fn of(offered: impl Iterator<Item = Option<RemoteField>>) -> Self {
        let mut all = Self::default();
        for field in offered {
            match field.and_then(|f| Some((names::key(&f.name, FIELD)?, f))) {
                Some((name, field)) => {
                    let label = Some(names::shown(&field.label, NAME)).filter(|l| !l.is_empty()).unwrap_or_else(|| name.clone());
                    all.fields.push(RemoteField { name, label, ..field });
                }
                None => all.skipped += 1,
            }
        }
        if all.skipped > 0 {
            tracing::warn!(skipped = all.skipped, "fields without a usable name are left out");
        }
        all
    }

    /// Faults as sentences that say what to do.
    pub(super) fn warnings(&self) -> Option<String> {
        (self.skipped > 0).then(|| {
            format!(
                "Fields left out: {}. Their name is missing, longer than {FIELD} characters, or holds characters that cannot be sent: rename \
                 the columns in the personalization view.",
                self.skipped
            )
        })
    }
}

/// The columns of the personalization view.
pub(super) async fn all(service: &Service) -> Result<Offering, ConnectorError> {
    let procedure = &service.settings.procedures.fields;
    let body = service.call(procedure, &[]).await?;
    let decode = || {
        let table = Table::decode(&body, &["COLUMN_NAME", "DATA_TYPE", "LENGTH", "LABEL"])?;
        table.check(&["COLUMN_NAME", "DATA_TYPE"], &["LENGTH", "LABEL"])?;
        Ok(Offering::of(table.rows().map(|row| field(&row))))
    };
    decode().map_err(|e| named(e, procedure))
}

fn field(row: &Row<'_>) -> Option<RemoteField> {
    let name = row.get("COLUMN_NAME")?.to_owned();
    let kind = kind(row.get("DATA_TYPE").unwrap_or_default());
    let length = row.get("LENGTH").and_then(|n| n.parse().ok()).filter(|n| *n > 0 && kind == FieldType::Text);
    let label = row.get("LABEL").unwrap_or_default().to_owned();
    Some(RemoteField { name, label, kind, length })
}

/// The type of a SQL Server column; what is not known is text.
fn kind(sql: &str) -> FieldType {
    let name = sql.split('(').next().unwrap_or_default().trim().to_ascii_lowercase();
    match name.as_str() {
        "int" | "bigint" | "smallint" | "tinyint" => FieldType::Integer,
        "decimal" | "numeric" | "money" | "smallmoney" | "float" | "real" => FieldType::Decimal,
        "datetime" | "datetime2" | "smalldatetime" | "date" | "datetimeoffset" => FieldType::DateTime,
        "bit" => FieldType::Boolean,
        _ => FieldType::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_types_are_mapped() {
        let cases = [
            ("varchar", FieldType::Text),
            ("nvarchar(40)", FieldType::Text),
            ("INT", FieldType::Integer),
            ("decimal(19, 2)", FieldType::Decimal),
            ("datetime", FieldType::DateTime),
            ("bit", FieldType::Boolean),
            ("geography", FieldType::Text),
            ("", FieldType::Text),
        ];
        for (sql, expected) in cases {
            assert_eq!(kind(sql), expected, "{sql}");
        }
    }
}
