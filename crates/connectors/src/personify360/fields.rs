//! Personalization fields through the procedure `usr_Rialto_Fields`.

use rialto_core::fields::FieldType;

use super::service::{Service, named};
use super::table::{Row, Table};
use crate::{ConnectorError, RemoteField};

/// The columns of the personalization view.
pub(super) async fn all(service: &Service) -> Result<Vec<RemoteField>, ConnectorError> {
    let procedure = &service.settings.procedures.fields;
    let body = service.call(procedure, &[]).await?;
    let decode = || {
        let table = Table::decode(&body)?;
        table.check(&["COLUMN_NAME", "DATA_TYPE"], &["LENGTH", "LABEL"])?;
        Ok(table.rows().filter_map(|row| field(&row)).collect())
    };
    decode().map_err(|e| named(e, procedure))
}

fn field(row: &Row<'_>) -> Option<RemoteField> {
    let name = row.get("COLUMN_NAME")?.to_owned();
    let kind = kind(row.get("DATA_TYPE").unwrap_or_default());
    let length = row.get("LENGTH").and_then(|n| n.parse().ok()).filter(|n| *n > 0 && kind == FieldType::Text);
    let label = row.get("LABEL").map_or_else(|| name.clone(), str::to_owned);
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
