//! A data sync with its field matching read and checked: what the engine applies by, and what a preview is made with.

use rialto_core::audience::{FieldType, Seen};
use rialto_core::data_sync::{Matching, Pair, Target, Wanted};

use super::{DataSync, pairs};
use crate::audiences::{self, KEY, Of};
use crate::db::Read;
use crate::error::StoreError;

/// A data sync made ready for events.
pub struct Ready {
    pub matching: Matching,
    pub of: Of,
    /// Numbers and types of the fields beside the key.
    pub columns: Vec<(u32, FieldType)>,
    /// Whether the destination is an extension: a delete takes its row.
    pub extension: bool,
}

impl Ready {
    /// The inner `Err` says in sentences why its field matching does not hold any more.
    pub async fn of(read: Read<'_>, sync: &DataSync) -> Result<Result<Self, String>, StoreError> {
        let audience = audiences::get(read, sync.audience_id).await?.ok_or(StoreError::NotFound)?;
        let fields = audiences::fields(read, sync.audience_id).await?;
        let targets = fields.iter().map(audiences::Field::target).collect::<Result<Vec<Target>, _>>()?;
        let mut lines = Vec::new();
        for line in pairs(read, sync.id).await? {
            let from = line.source.parse().map_err(|()| StoreError::Corrupt(format!("a field matching names {}", line.source)))?;
            lines.push(Pair { from, to: u32::try_from(line.target).unwrap_or(0) });
        }
        let link = sync.match_field.and_then(|n| u32::try_from(n).ok());
        let wanted = Wanted { pairs: &lines, targets: &targets, key: KEY as u32, link };
        // Types were looked at when it was saved; from then on each value is looked at by itself.
        let matching = match Matching::new(wanted, |_| Seen::default()) {
            Ok(matching) => matching,
            Err(faults) => return Ok(Err(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))),
        };
        let columns = matching.fields().iter().map(|f| (f.number, f.kind)).collect();
        let of = sync.of(matching.key().kind != FieldType::Text);
        Ok(Ok(Self { of, columns, extension: audience.is_extension(), matching }))
    }
}
