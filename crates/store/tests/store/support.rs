//! What several test files need: a bridge with fields, people as a sync would write them, a group.

use rialto_core::Instant;
use rialto_core::consent::Flag;
use rialto_core::fields::{Cell, FieldType};
use rialto_core::person::{FieldSpec, Mapped, RemotePerson, map};
use rialto_store::bridges::{self, Entered};
use rialto_store::fields::Offered;
use rialto_store::groups::{self, Described};
use rialto_store::people::{self, Dirty, Slice, Written};
use rialto_store::{Db, fields};
use rialto_testkit::{START, actor, vault};

pub struct House {
    pub db: Db,
    pub bridge: i64,
    pub group: i64,
    pub specs: Vec<FieldSpec>,
}

pub fn offered() -> Vec<Offered> {
    let field = |name: &str, kind| Offered { name: name.into(), label: name.into(), kind, length: Some(40) };
    vec![
        field("CITY", FieldType::Text),
        field("NUMBER", FieldType::Integer),
        field("DUES", FieldType::Decimal),
        field("SINCE", FieldType::DateTime),
        field("MEMBER", FieldType::Boolean),
    ]
}

pub async fn bridge(db: &Db) -> i64 {
    let entered = Entered { name: "Members".into(), enabled: true, ..Default::default() };
    let mut tx = db.write().await.unwrap();
    let bridge = bridges::create(&mut tx, &vault(), "personify360", &entered, &actor()).await.unwrap();
    tx.commit().await.unwrap();
    bridge
}

pub async fn house(db: &Db) -> House {
    let who = actor();
    let bridge = bridge(db).await;
    let mut tx = db.write().await.unwrap();
    let specs = fields::mirror(&mut tx, bridge, &offered(), who.at).await.unwrap();
    let list = Described {
        code: "ALL".into(),
        name: "All".into(),
        description: String::new(),
        active: true,
        regeneration: "DAILY".into(),
        members: Some(3),
        refreshed_at: None,
        modified_at: None,
    };
    groups::mirror(&mut tx, bridge, "Lists", &[list], true, who.at).await.unwrap();
    tx.commit().await.unwrap();
    let group = groups::of_bridge(db.read(), bridge).await.unwrap()[0].id;
    House { db: db.clone(), bridge, group, specs }
}

impl House {
    pub fn row(&self, key: &str, address: &str, flag: Flag, city: &str) -> Mapped {
        let text = |t: &str| Cell::Text(t.into());
        let cells = vec![text(city), text("7"), text("12.5"), text("2020-01-02T03:04:05"), text("Y")];
        map(RemotePerson { remote_id: Some(key.into()), address: Some(address.into()), flag, cells }, &self.specs).unwrap()
    }

    /// Writes rows as a sync does: looked up, then one slice.
    pub async fn write(&self, run_id: i64, rows: &[Mapped], suppress_no: bool) -> Written {
        let keys: Vec<&str> = rows.iter().map(|r| r.remote_id.as_str()).collect();
        let known = people::lookup(&self.db, self.bridge, &keys).await.unwrap();
        let dirty: Vec<Dirty<'_>> = rows
            .iter()
            .map(|row| Dirty {
                row,
                known: known.get(&row.remote_id).copied(),
                suppress: suppress_no && row.flag == Flag::No,
                adopt: false,
            })
            .collect();
        let slice = Slice { bridge_id: self.bridge, run_id, worker: None, source: "Members", fields: &self.specs, now: Instant(START) };
        people::write_slice(&self.db, slice, &dirty, &mut people::InHand::default()).await.unwrap()
    }
}
