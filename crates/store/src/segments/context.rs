//! What segments can speak of, and where it is kept.

use std::collections::HashMap;

use rialto_core::audience::FieldType as AudienceType;
use rialto_core::data_sync::MatchBy;
use rialto_core::fields::FieldType as BridgeType;
use rialto_core::segment::{Fault, Kind, Known, Reference, Segment, Set, Table, Today, Vocabulary};

use crate::args;
use crate::audiences::{self, Audience};
use crate::db::Read;
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    BRIDGES = sql!("SELECT id, created_at, name, CAST(CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END AS BIGINT) FROM bridge ORDER BY position, id");
    BRIDGE_FIELDS = sql!("SELECT f.bridge_id, f.number, CASE WHEN f.display_name = '' THEN f.label ELSE f.display_name END AS title, f.kind, f.gone_at FROM bridge_field f JOIN bridge b ON b.id = f.bridge_id WHERE b.deleted_at IS NULL ORDER BY b.position, f.bridge_id, f.position, f.number");
    AUDIENCE_FIELDS = sql!("SELECT audience_id, number, name, kind, retired_at FROM audience_field
        ORDER BY audience_id, position, number");
    PERSONAS = sql!("SELECT id, created_at, name, group_id FROM persona ORDER BY position");
    INTERESTS = sql!("SELECT i.id, i.created_at, i.name, i.group_id FROM interest i JOIN target_group g ON g.id = i.group_id
        WHERE g.deleted_at IS NULL ORDER BY i.name_folded, i.id");
    GROUPS = sql!("SELECT id, created_at, name FROM target_group WHERE deleted_at IS NULL AND kind NOT IN ('persona', 'interest') ORDER BY name_folded, id");
}

/// Owner, number, name, type, and since when it is gone.
type FieldRow = (i64, i64, String, String, Option<i64>);

/// Everything that segments can speak of now, and where it is kept.
#[derive(Clone, Debug)]
pub struct Context {
    pub vocabulary: Vocabulary,
    /// Bridges, fields and sets in the order in which people choose from them.
    pub bridges: Vec<i64>,
    pub fields: Vec<(Table, i64)>,
    pub sets: Vec<Set>,
    pub today: Today,
    pub(super) sqlite: bool,
    created: HashMap<Reference<i64>, i64>,
    /// Groups of personas and interests.
    groups: HashMap<Set, i64>,
    /// Whose rows meet subscribers how.
    audiences: HashMap<i64, Audience>,
}

impl Context {
    pub async fn load(mut read: Read<'_>, today: Today) -> Result<Self, StoreError> {
        let mut context = Self {
            vocabulary: Vocabulary::default(),
            bridges: Vec::new(),
            fields: Vec::new(),
            sets: Vec::new(),
            today,
            sqlite: read.is_sqlite(),
            created: HashMap::new(),
            groups: HashMap::new(),
            audiences: audiences::list(read).await?.into_iter().map(|a| (a.id, a)).collect(),
        };
        context.created.extend(context.audiences.values().map(|a| (Reference::Audience(a.id), a.created_at)));
        for (id, created_at, name, gone) in read.all::<(i64, i64, String, i64)>(BRIDGES, args![]).await? {
            context.created.insert(Reference::Bridge(id), created_at);
            if gone == 0 {
                context.bridges.push(id);
                context.vocabulary.bridges.insert(id, name);
            }
        }
        for row in read.all::<FieldRow>(BRIDGE_FIELDS, args![]).await? {
            context.add_bridge_field(row);
        }
        for row in read.all::<FieldRow>(AUDIENCE_FIELDS, args![]).await? {
            context.add_audience_field(row)?;
        }
        for (id, created_at, name, group) in read.all::<(i64, i64, String, i64)>(PERSONAS, args![]).await? {
            context.created.insert(Reference::Persona(id), created_at);
            context.add_set(Set::Persona(id), name, group);
        }
        for (id, created_at, name, group) in read.all::<(i64, i64, String, i64)>(INTERESTS, args![]).await? {
            context.created.insert(Reference::Interest(id), created_at);
            context.add_set(Set::Interest(id), name, group);
        }
        for (id, created_at, name) in read.all::<(i64, i64, String)>(GROUPS, args![]).await? {
            context.created.insert(Reference::Group(id), created_at);
            context.add_set(Set::Group(id), name, id);
        }
        Ok(context)
    }

    fn add_bridge_field(&mut self, (bridge, number, title, kind, gone): FieldRow) {
        let Some(kind) = BridgeType::from_name(&kind) else { return };
        let of = self.vocabulary.bridges.get(&bridge).cloned().unwrap_or_default();
        let gone = if gone.is_some() { format!("{of} no longer offers {title}. Choose another field.") } else { String::new() };
        self.add_field((Table::Bridge(bridge), number), Known { name: format!("{title} ({of})"), kind: kind.into(), gone });
    }

    fn add_audience_field(&mut self, (audience, number, title, kind, retired): FieldRow) -> Result<(), StoreError> {
        let kind = AudienceType::from_name(&kind).ok_or_else(|| StoreError::Corrupt(format!("a field of type {kind}")))?;
        let of = self.audiences.get(&audience).map(|a| a.name.clone()).unwrap_or_default();
        let gone =
            if retired.is_some() { format!("{title} of {of} is retired. Bring it back, or choose another field.") } else { String::new() };
        self.add_field((Table::Audience(audience), number), Known { name: format!("{title} ({of})"), kind: kind.into(), gone });
        Ok(())
    }

    fn add_field(&mut self, field: (Table, i64), known: Known) {
        if known.gone.is_empty() {
            self.fields.push(field);
        }
        self.vocabulary.fields.insert(field, known);
    }

    fn add_set(&mut self, set: Set, name: String, group: i64) {
        self.sets.push(set);
        self.groups.insert(set, group);
        self.vocabulary.sets.insert(set, name);
    }

    /// What keeps a segment from being asked; empty for nothing.
    pub fn check(&self, segment: &Segment) -> Vec<Fault> {
        segment.check(&self.vocabulary)
    }

    /// When something that segments can speak of was made: part of its public id. `None` when it is not there.
    pub fn created_at(&self, of: Reference<i64>) -> Option<i64> {
        self.created.get(&of).copied()
    }

    /// The name of the list of a field, or of its bridge.
    pub fn owner(&self, of: Table) -> &str {
        match of {
            Table::Bridge(id) => self.vocabulary.bridges.get(&id).map_or("", String::as_str),
            Table::Audience(id) => self.audiences.get(&id).map_or("", |a| a.name.as_str()),
        }
    }

    pub(super) fn kind(&self, of: Table, number: i64) -> Result<Kind, StoreError> {
        self.vocabulary.fields.get(&(of, number)).map(|known| known.kind).ok_or(StoreError::NotFound)
    }

    /// The target group that holds a set's people.
    pub fn group_of(&self, set: Set) -> Result<i64, StoreError> {
        self.groups.get(&set).copied().ok_or(StoreError::NotFound)
    }

    /// What puts the keys of a list in one order on both databases, to be written behind the column.
    pub(super) fn key_order(&self, audience: i64) -> Result<&'static str, StoreError> {
        let is_text = self.kind(Table::Audience(audience), audiences::KEY)? == Kind::Text;
        Ok(if is_text && !self.sqlite { " COLLATE \"C\"" } else { "" })
    }

    /// The column of `subscriber` that is held against the links of a list, and the bridge whose subscribers alone are meant. `None` while
    /// nothing says how its rows meet subscribers.
    pub(super) fn link_of(&self, audience: i64) -> Result<Option<(&'static str, Option<i64>)>, StoreError> {
        let audience = self.audiences.get(&audience).ok_or(StoreError::NotFound)?;
        Ok(audience.matching().map(|by| match by {
            MatchBy::Email => ("canonical", None),
            MatchBy::RemoteId => ("remote_id", audience.match_bridge),
        }))
    }
}
