//! What the List of Attributes adds to a field, a person's history, a bridge's health, and the audit trail by actor and object.

use rialto_core::consent::Flag;
use rialto_core::run::{RunKind, Trigger};
use rialto_store::audit::{self, Filter};
use rialto_store::fields::{self, Attribute};
use rialto_store::runs::{self, NewRun, Subject};
use rialto_store::views::{bridges as health, consent, history, people as views};
use rialto_store::{Actor, args};
use rialto_testkit::{actor, both};

use crate::support::{House, house, offered};

#[tokio::test]
async fn what_is_said_about_a_field_outlives_a_refresh_and_its_absence() {
    for test in both().await {
        let house = house(&test.db).await;
        let said = Attribute { shown: false, display_name: "Home".into(), default_value: "here".into(), comment: "c".into() };
        let set = async |to: &Attribute| {
            let mut tx = test.db.write().await.unwrap();
            let before = fields::set(&mut tx, house.bridge, 1, to, &actor()).await.unwrap();
            tx.commit().await.unwrap();
            before
        };
        assert_eq!(
            set(&said).await,
            Some(Attribute { shown: true, display_name: String::new(), default_value: String::new(), comment: String::new() })
        );
        assert_eq!(set(&said).await, None, "the same again writes nothing");
        for now in [&offered()[1..], &offered()[..]] {
            let mut tx = test.db.write().await.unwrap();
            fields::mirror(&mut tx, house.bridge, now, actor().at).await.unwrap();
            tx.commit().await.unwrap();
            let field = fields::list(test.db.read(), house.bridge).await.unwrap().into_iter().find(|f| f.number == 1).unwrap();
            assert_eq!((field.attribute(), field.title()), (said.clone(), "Home"), "{}", test.name);
            assert_eq!(field.is_valid(), now.len() == offered().len());
        }
        let mut tx = test.db.write().await.unwrap();
        assert!(fields::set(&mut tx, house.bridge, 99, &said, &actor()).await.is_err());
    }
}

async fn run(house: &House) -> i64 {
    let mut tx = house.db.write().await.unwrap();
    let subject = Subject::Group { group_id: house.group, bridge_id: house.bridge };
    let asked = runs::request(&mut tx, NewRun::of(RunKind::People, subject, Trigger::Resync), &actor()).await.unwrap();
    tx.commit().await.unwrap();
    let end = "UPDATE sync_run SET state = 'succeeded', finished_at = created_at WHERE id = $1";
    let mut tx = house.db.write().await.unwrap();
    tx.run(end, args![asked.run_id]).await.unwrap();
    tx.commit().await.unwrap();
    asked.run_id
}

#[tokio::test]
async fn a_history_holds_each_change_with_what_stood_before() {
    for test in both().await {
        let house = house(&test.db).await;
        let first = run(&house).await;
        let written = house
            .write(first, &[house.row("A", "a@x.example", Flag::Yes, "One"), house.row("B", "b@x.example", Flag::Yes, "B")], true)
            .await;
        assert_eq!(written.created, 2);
        let mut made = Vec::new();
        for (city, flag) in [("Two", Flag::Yes), ("Three", Flag::No)] {
            let id = run(&house).await;
            house.write(id, &[house.row("A", "a@x.example", flag, city)], true).await;
            made.push(id);
        }
        let person = views::by_remote_id(test.db.read(), "A", 2).await.unwrap().remove(0);
        let found = history::of(test.db.read(), &person, i64::MAX).await.unwrap();
        let city = |at: usize| {
            let kept: serde_json::Value = serde_json::from_str(&found.values[at].before_values).unwrap();
            kept["profile"]["f1"].as_str().unwrap().to_owned()
        };
        assert_eq!(found.values.iter().map(|e| e.run_id).collect::<Vec<_>>(), [made[1], made[0]], "{}", test.name);
        assert_eq!((city(0), city(1), found.values[0].group_name.as_str()), ("Two".into(), "One".into(), "All"));
        assert_eq!(found.flags.iter().map(|e| (e.run_id, e.op)).collect::<Vec<_>>(), [(made[1], 1)]);
        assert_eq!(history::of(test.db.read(), &person, made[1]).await.unwrap().values.len(), 1);
        let other = views::by_remote_id(test.db.read(), "B", 2).await.unwrap().remove(0);
        assert!(history::of(test.db.read(), &other, i64::MAX).await.unwrap().values.is_empty());
        let proof = consent::proof(test.db.read(), person.id, "", "remote_flag").await.unwrap().unwrap();
        assert_eq!((proof.run_id, proof.source.as_str()), (Some(made[1]), "Members"));
        assert!(consent::proof(test.db.read(), other.id, "", "remote_flag").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn health_counts_what_waits_and_what_nothing_has_made_good() {
    for test in both().await {
        let house = house(&test.db).await;
        let of = async || health::health(test.db.read()).await.unwrap().remove(&house.bridge).unwrap();
        assert_eq!((of().await.groups, of().await.failed), (1, 0));
        let set = async |id: i64, state: &str| {
            let mut tx = test.db.write().await.unwrap();
            tx.run("UPDATE sync_run SET state = $2 WHERE id = $1", args![id, state]).await.unwrap();
            tx.commit().await.unwrap();
        };
        let first = run(&house).await;
        set(first, "failed").await;
        assert_eq!((of().await.failed, of().await.held), (1, 0), "{}", test.name);
        let second = run(&house).await;
        assert_eq!(of().await.failed, 0, "something newer came of the same group");
        set(second, "held").await;
        assert_eq!((of().await.held, of().await.queued), (1, 0));
        let mut tx = test.db.write().await.unwrap();
        fields::mirror(&mut tx, house.bridge, &offered()[2..], actor().at).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(of().await.fields_gone, 2);
    }
}

#[tokio::test]
async fn the_audit_is_read_by_actor_and_by_object() {
    for test in both().await {
        let write = async |name: &str, object: &str| {
            let who = Actor { name: name.into(), ..actor() };
            let mut tx = test.db.write().await.unwrap();
            audit::write(&mut tx, &who, "x.do", object, None, serde_json::json!({})).await.unwrap();
            tx.commit().await.unwrap();
        };
        for (name, object) in [("user:a", "bridge"), ("user:b", "bridge"), ("user:a", "setting"), ("cli", "user")] {
            write(name, object).await;
        }
        let found = async |actor: &str, object: &str| {
            let filter = Filter { actor: actor.into(), object: object.into() };
            let rows = audit::filtered(test.db.read(), &filter, rialto_store::views::Way::Onward, i64::MAX, 10).await.unwrap();
            assert!(rows.is_sorted_by(|a, b| a.id > b.id));
            rows.iter().map(|r| format!("{} {}", r.actor, r.object)).collect::<Vec<_>>()
        };
        assert_eq!(found("", "").await.len(), 4, "{}", test.name);
        assert_eq!(found("user:a", "").await, ["user:a setting", "user:a bridge"]);
        assert_eq!(found("", "bridge").await, ["user:b bridge", "user:a bridge"]);
        assert_eq!(found("user:a", "bridge").await, ["user:a bridge"]);
        let (actors, objects) = audit::choices(test.db.read()).await.unwrap();
        assert_eq!(
            (actors, objects),
            (vec!["cli".into(), "user:a".into(), "user:b".into()], vec!["bridge".into(), "setting".into(), "user".into()])
        );
    }
}
