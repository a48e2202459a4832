//! Segments as target groups: they follow their rule, what it asks about, and the day.

use rialto_core::audience::{FieldType, Stored};
use rialto_core::event::Version;
use rialto_core::run::RunState;
use rialto_core::segment::{Segment, Today};
use rialto_store::audiences::{self, NewField, Of, Written};
use rialto_store::segments::{self, Context};
use rialto_store::{StoreError, args, compound, groups};
use serde_json::json;

use crate::world::{World, worlds};

const DAY: i64 = 86_400_000_000;

impl World {
    async fn context(&self) -> Context {
        Context::load(self.db.read(), Today::in_zone(self.who().at, "UTC")).await.unwrap()
    }

    async fn segment(&self, rule: serde_json::Value) -> Result<i64, StoreError> {
        let new = compound::New { name: "Chosen", description: "", folder: "" };
        let mut tx = self.db.write().await.unwrap();
        let id = segments::create(&mut tx, &new, &Segment::read(&rule).unwrap(), &self.context().await, &self.who()).await?;
        tx.commit().await?;
        Ok(id)
    }

    async fn redefine_segment(&self, id: i64, rule: serde_json::Value) {
        let mut tx = self.db.write().await.unwrap();
        segments::redefine(&mut tx, id, &Segment::read(&rule).unwrap(), &self.context().await, &self.who()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// A list met by the Remote ID of the bridge: a key, a tier, a date.
    async fn list(&self) -> Of {
        let field = |name: &str, kind, length| NewField {
            name: name.into(),
            api_name: name.to_lowercase(),
            kind,
            length,
            description: String::new(),
            default_value: String::new(),
        };
        let fields =
            [field("Key", FieldType::Text, Some(50)), field("Tier", FieldType::Text, Some(50)), field("Since", FieldType::Date, None)];
        let new = audiences::New { name: "Loyalty", api_name: "loyalty", folder: "", description: "", extends: None, fields: &fields };
        let mut tx = self.db.write().await.unwrap();
        let id = audiences::create(&mut tx, &new, &self.who()).await.unwrap();
        tx.run("UPDATE audience SET match_by = 'remote_id', match_bridge = $2 WHERE id = $1", args![id, self.bridge]).await.unwrap();
        let column = format!("ALTER TABLE audience_{id} ADD COLUMN v1 BIGINT");
        tx.run_built(column, args![]).await.unwrap();
        tx.commit().await.unwrap();
        Of { audience_id: id, source_id: 1, sync_id: 1, numeric: false }
    }

    /// Rows as a data sync writes them.
    async fn rows(&self, of: &Of, rows: &[(i64, &str, &str)]) {
        let text = |t: &str| Some(Stored::Text(t.to_owned()));
        let rows: Vec<Written> = rows
            .iter()
            .map(|(person, tier, since)| Written {
                key: Stored::Text(format!("k{person}")),
                version: Version::from_stored(1),
                link: Some(Some(format!("R-{person}"))),
                values: vec![text(tier), text(since)],
            })
            .collect();
        let mut tx = self.db.write().await.unwrap();
        audiences::upsert(&mut tx, of, &[(2, FieldType::Text), (3, FieldType::Date)], &rows).await.unwrap();
        tx.commit().await.unwrap();
    }
}

fn tier(list: i64, is: &serde_json::Value) -> serde_json::Value {
    json!({"field": {"of": {"audience": list}, "number": 2, "is": is}})
}

#[tokio::test]
async fn it_follows_its_rule_its_parts_and_the_lists_it_asks_about() {
    for w in worlds(40, 1).await {
        let of = w.list().await;
        let group = w.remote[0];
        w.fill(group, 1..=20).await;
        w.rows(&of, &[(1, "Gold", "2026-01-01"), (2, "Silver", "2026-01-01"), (30, "gold", "2026-01-01")]).await;
        let gold = tier(of.audience_id, &json!({"text": {"is": ["gold"]}}));
        let member = json!({"member": {"of": {"group": group}, "is": true}});
        let id = w.segment(json!({"all": [gold, member]})).await.unwrap();
        w.settle().await;
        assert_eq!(w.members(id).await, [1].into(), "{}", w.name);
        w.honest(id).await;
        let first = w.runs(id).await;
        assert_eq!((w.group(id).await.kind.as_str(), first), ("segment", 1));
        // A part was changed.
        w.fill(group, 1..=35).await;
        w.settle().await;
        assert_eq!((w.members(id).await, w.runs(id).await), ([1, 30].into(), first + 1), "{}", w.name);
        // Rows were changed: not looked at before some seconds have passed, then once.
        w.rows(&of, &[(2, "GOLD", "2026-01-01")]).await;
        w.rows(&of, &[(30, "Silver", "2026-01-01")]).await;
        w.later(100_000).await;
        assert_eq!((w.members(id).await, w.runs(id).await), ([1, 30].into(), first + 1), "{}", w.name);
        w.later(6_000_000).await;
        assert_eq!((w.members(id).await, w.runs(id).await), ([1, 2].into(), first + 2), "{}", w.name);
        w.honest(id).await;
        // A change that changes nobody makes no run.
        w.rows(&of, &[(2, "gold", "2026-02-02")]).await;
        w.later(6_000_000).await;
        assert_eq!(w.runs(id).await, first + 2, "{}", w.name);
        w.redefine_segment(id, json!({"none": [tier(of.audience_id, &json!({"text": {"is": ["gold"]}}))]})).await;
        w.settle().await;
        assert_eq!(w.members(id).await, (3..=40).collect(), "{}", w.name);
        w.honest(id).await;
    }
}

#[tokio::test]
async fn another_day_finds_other_people() {
    for w in worlds(10, 0).await {
        let of = w.list().await;
        // The world begins on the 5th of January 2026.
        w.rows(&of, &[(1, "x", "2026-01-05"), (2, "x", "2026-01-06"), (3, "x", "2026-01-20")]).await;
        let since = json!({"field": {"of": {"audience": of.audience_id}, "number": 3, "is": {"time": "today"}}});
        let id = w.segment(json!({"all": [since]})).await.unwrap();
        w.settle().await;
        assert_eq!(w.members(id).await, [1].into(), "{}", w.name);
        w.later(DAY).await;
        assert_eq!(w.members(id).await, [2].into(), "{}", w.name);
        assert_eq!(w.last_run(id).await.run_trigger, "overnight");
        let runs = w.runs(id).await;
        w.later(DAY).await;
        assert_eq!(w.members(id).await, [].into(), "{}", w.name);
        w.later(DAY).await;
        assert_eq!(w.runs(id).await, runs + 1, "{}: a day that changes nobody makes no run", w.name);
    }
}

#[tokio::test]
async fn what_it_needs_is_kept_or_it_says_what_is_missing() {
    for w in worlds(20, 2).await {
        let [a, b] = w.remote[..] else { panic!() };
        let of = w.list().await;
        w.fill(a, 1..=5).await;
        w.rows(&of, &[(1, "Gold", "2026-01-01"), (2, "Gold", "2026-01-01")]).await;
        let filled = tier(of.audience_id, &json!("not_empty"));
        let id = w.segment(json!({"all": [{"member": {"of": {"group": a}, "is": true}}, filled]})).await.unwrap();
        w.settle().await;
        assert_eq!(w.members(id).await, [1, 2].into(), "{}", w.name);
        let told = async |act: &str| {
            let mut tx = w.db.write().await.unwrap();
            let refused = match act {
                "list" => audiences::remove(&mut tx, of.audience_id, &w.who()).await,
                _ => audiences::retire(&mut tx, of.audience_id, 2, true, &w.who()).await,
            };
            refused.unwrap_err().to_string()
        };
        assert!(told("list").await.contains("Chosen") && told("field").await.contains("Chosen"));
        assert_eq!(audiences::usage(w.db.read(), of.audience_id).await.unwrap()[0].kind, "segment");
        // A group that was never read keeps the segment empty, and it says why.
        w.redefine_segment(id, json!({"all": [{"member": {"of": {"group": b}, "is": false}}]})).await;
        w.settle().await;
        assert_eq!((w.members(id).await, w.last_run(id).await.state.as_str()), ([1, 2].into(), "incomplete"), "{}", w.name);
        assert!(compound::blocked(w.db.read(), id).await.unwrap().contains("never synced"));
        let runs = w.runs(id).await;
        w.later(120_000_000).await;
        assert_eq!(w.runs(id).await, runs, "{}: no run while it is blocked", w.name);
        w.set_members(b, &crate::world::set(3..=20), RunState::Succeeded).await;
        w.later(120_000_000).await;
        assert_eq!(w.members(id).await, [1, 2].into(), "{}", w.name);
        assert_eq!(compound::blocked(w.db.read(), id).await.unwrap(), "", "{}", w.name);
        // A segment is not made of itself, and goes when nothing is made of it.
        let itself = json!({"all": [{"member": {"of": {"group": id}, "is": true}}]});
        let mut tx = w.db.write().await.unwrap();
        let circle = segments::redefine(&mut tx, id, &Segment::read(&itself).unwrap(), &w.context().await, &w.who()).await;
        assert!(circle.unwrap_err().to_string().contains("itself"));
        drop(tx);
        let mut tx = w.db.write().await.unwrap();
        groups::delete(&mut tx, id, &w.who()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(segments::get(w.db.read(), id).await.unwrap().is_none());
        w.later(120_000_000).await;
        let mut tx = w.db.write().await.unwrap();
        audiences::retire(&mut tx, of.audience_id, 2, true, &w.who()).await.unwrap();
    }
}
