//! Which fields a text may name, and what they hold for whom.

use rialto_core::audience::{FieldType, Stored};
use rialto_core::consent::Flag;
use rialto_core::event::Version;
use rialto_store::audiences::{self, New, NewField, Of, Written};
use rialto_store::fields::{self, Attribute};
use rialto_store::personalization::{Offer, Source, offered, values};
use rialto_store::views::people;
use rialto_store::{Db, args};
use rialto_testkit::{actor, both};

use crate::support::{House, house};

fn field(name: &str, kind: FieldType, default: &str) -> NewField {
    let length = (kind == FieldType::Text).then_some(50);
    NewField { name: name.into(), api_name: name.into(), kind, length, description: String::new(), default_value: default.into() }
}

async fn make(db: &Db, name: &str, extends: Option<(i64, &str)>, fields: &[NewField]) -> i64 {
    let mut tx = db.write().await.unwrap();
    let new = New { name, api_name: name, folder: "", description: "", extends, fields };
    let id = audiences::create(&mut tx, &new, &actor()).await.unwrap();
    // As a data sync leaves it.
    tx.run_built(format!("ALTER TABLE audience_{id} ADD COLUMN v1 BIGINT"), args![]).await.unwrap();
    tx.run("UPDATE audience SET match_by = 'email' WHERE id = $1", args![id]).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn write(db: &Db, id: i64, columns: &[(u32, FieldType)], key: &str, link: &str, cells: Vec<Stored>) {
    let of = Of { audience_id: id, source_id: 1, sync_id: 1, numeric: false };
    let row = Written {
        key: Stored::Text(key.into()),
        version: Version::from_stored(1),
        link: Some(Some(link.into())),
        values: cells.into_iter().map(Some).collect(),
    };
    let mut tx = db.write().await.unwrap();
    audiences::upsert(&mut tx, &of, columns, &[row]).await.unwrap();
    tx.commit().await.unwrap();
}

const COLUMNS: [(u32, FieldType); 5] =
    [(2, FieldType::Text), (3, FieldType::Integer), (4, FieldType::Float), (5, FieldType::Date), (6, FieldType::DateTime)];

/// A list `members` with `CITY`, which the bridge has too, and its extension LOYALTY.
async fn lists(db: &Db) -> (i64, i64) {
    let key = || field("id", FieldType::Text, "");
    let list = make(db, "members", None, &[key(), field("city", FieldType::Text, ""), field("nick", FieldType::Text, "member")]).await;
    let extension = [
        key(),
        field("tier", FieldType::Text, "Bronze"),
        field("points", FieldType::Integer, "0"),
        field("basket", FieldType::Float, ""),
        field("since", FieldType::Date, ""),
        field("bought", FieldType::DateTime, ""),
        field("texts", FieldType::Boolean, ""),
    ];
    let extension = make(db, "profile", Some((list, "LOYALTY")), &extension).await;
    (list, extension)
}

async fn person(house: &House, key: &str) -> i64 {
    people::by_remote_id(house.db.read(), key, 1).await.unwrap().remove(0).id
}

fn of<'a>(offers: &'a [Offer], reference: &str) -> &'a Offer {
    offers.iter().find(|o| o.reference == reference).unwrap_or_else(|| panic!("{reference} is not offered"))
}

#[tokio::test]
async fn every_field_has_a_name_of_its_own() {
    for test in both().await {
        let house = house(&test.db).await;
        let (list, extension) = lists(&test.db).await;
        let hidden = Attribute { shown: false, display_name: String::new(), default_value: String::new(), comment: String::new() };
        let named = Attribute { shown: true, display_name: "Dues paid".into(), default_value: "0".into(), comment: "a year".into() };
        let mut tx = test.db.write().await.unwrap();
        fields::set(&mut tx, house.bridge, 2, &hidden, &actor()).await.unwrap();
        fields::set(&mut tx, house.bridge, 3, &named, &actor()).await.unwrap();
        audiences::retire(&mut tx, extension, 4, true, &actor()).await.unwrap();
        tx.commit().await.unwrap();
        let offers = offered(test.db.read()).await.unwrap();
        let names: Vec<&str> = offers.iter().map(|o| o.reference.as_str()).collect();
        let expected = [
            "email",
            "remote_id",
            "city",
            "dues",
            "since",
            "member",
            "id",
            "members.city",
            "nick",
            "LOYALTY.id",
            "LOYALTY.tier",
            "LOYALTY.points",
            "LOYALTY.since",
            "LOYALTY.bought",
            "LOYALTY.texts",
        ];
        assert_eq!(names, expected, "{}: what is not shown or retired is not offered", test.name);
        let dues = of(&offers, "dues");
        assert_eq!((dues.label.as_str(), dues.group.as_str(), dues.kind), ("Dues paid", "Members", FieldType::Float));
        assert_eq!((dues.default_value.as_str(), dues.description.as_str()), ("0", "a year"));
        let nick = of(&offers, "nick");
        assert_eq!((nick.also.as_deref(), nick.default_value.as_str()), (Some("members.nick"), "member"));
        assert_eq!(of(&offers, "LOYALTY.points").also.as_deref(), Some("profile.points"));
        assert_eq!(of(&offers, "members.city").source, Source::Audience { id: list, number: 2 });
    }
}

#[tokio::test]
async fn values_are_typed_and_each_subscribers_own() {
    for test in both().await {
        let house = house(&test.db).await;
        let rows = [
            house.row("A", "Ann@Home.example", Flag::Yes, "Bern"),
            house.row("B", "b@home.example", Flag::Yes, ""),
            house.row("C", "", Flag::Yes, "C"),
        ];
        house.write(1, &rows, true).await;
        let (list, extension) = lists(&test.db).await;
        let text = |t: &str| Stored::Text(t.into());
        let cells = |tier: &str, points| {
            vec![text(tier), Stored::Integer(points), Stored::Float(0.1 + 0.2), text("2026-03-01"), text("2026-03-01 10:11:12")]
        };
        write(&test.db, extension, &COLUMNS, "L2", "ann@home.example", cells("Silver", 5)).await;
        write(&test.db, extension, &COLUMNS, "L1", "ann@home.example", cells("Gold", 1200)).await;
        write(&test.db, extension, &COLUMNS, "L3", "", cells("Nobody's", 1)).await;
        write(&test.db, list, &[(2, FieldType::Text)], "L1", "b@home.example", vec![text("Basel")]).await;
        let mut tx = test.db.write().await.unwrap();
        tx.run_built(format!("UPDATE audience_{extension} SET f7 = TRUE"), args![]).await.unwrap();
        tx.commit().await.unwrap();
        let offers = offered(test.db.read()).await.unwrap();
        let wanted: Vec<&Offer> = [
            "email",
            "city",
            "number",
            "dues",
            "since",
            "member",
            "members.city",
            "LOYALTY.tier",
            "LOYALTY.points",
            "LOYALTY.basket",
            "LOYALTY.since",
            "LOYALTY.bought",
            "LOYALTY.texts",
        ]
        .map(|r| of(&offers, r))
        .into();
        let (a, b, c) = (person(&house, "A").await, person(&house, "B").await, person(&house, "C").await);
        let found = values(test.db.read(), &[a, b, c, 999_999], &wanted).await.unwrap();
        let bridge = [Stored::Integer(7), Stored::Float(12.5), text("2020-01-02 03:04:05"), Stored::Boolean(true)];
        let row = |email: Stored, city: Stored, list: Stored, extension: Vec<Stored>| {
            [vec![email, city], bridge.to_vec(), vec![list], extension].concat()
        };
        let nothing = vec![Stored::Null; 6];
        let gold = [cells("Gold", 1200), vec![Stored::Boolean(true)]].concat();
        assert_eq!(found.len(), 3, "{}: who is gone is not answered", test.name);
        assert_eq!(found[&a], row(text("Ann@Home.example"), text("Bern"), Stored::Null, gold), "{}: the lowest key counts", test.name);
        assert_eq!(found[&b], row(text("b@home.example"), Stored::Null, text("Basel"), nothing.clone()), "{}", test.name);
        assert_eq!(found[&c], row(Stored::Null, text("C"), Stored::Null, nothing), "{}: no address meets no row", test.name);
        let mut tx = test.db.write().await.unwrap();
        tx.run("UPDATE audience SET match_by = 'remote_id', match_bridge = $2 WHERE id = $1", args![extension, house.bridge])
            .await
            .unwrap();
        tx.run_built(format!("UPDATE audience_{extension} SET link = 'B' WHERE f1 = 'L2'"), args![]).await.unwrap();
        tx.commit().await.unwrap();
        let found = values(test.db.read(), &[a, b], &[of(&offers, "LOYALTY.points")]).await.unwrap();
        assert_eq!((&found[&a], &found[&b]), (&vec![Stored::Null], &vec![Stored::Integer(5)]), "{}", test.name);
    }
}

#[tokio::test]
async fn a_text_may_name_more_fields_than_a_function_takes() {
    for test in both().await {
        let house = house(&test.db).await;
        house.write(1, &[house.row("A", "a@home.example", Flag::Yes, "Bern")], true).await;
        let mut fields = vec![field("id", FieldType::Text, "")];
        fields.extend((0..150).map(|n| field(&format!("n{n}"), FieldType::Long, "")));
        let list = make(&test.db, "wide", None, &fields).await;
        write(&test.db, list, &[(151, FieldType::Long)], "1", "a@home.example", vec![Stored::Integer(9)]).await;
        let offers = offered(test.db.read()).await.unwrap();
        let wanted: Vec<&Offer> = offers.iter().filter(|o| o.group == "wide").collect();
        let a = person(&house, "A").await;
        let found = values(test.db.read(), &[a], &wanted).await.unwrap();
        assert_eq!((found[&a].len(), found[&a].last()), (151, Some(&Stored::Integer(9))), "{}", test.name);
    }
}
