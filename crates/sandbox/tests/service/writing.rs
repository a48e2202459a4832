//! Create, Save and Delete.

use rialto_sandbox::{Fault, FaultRule, Options};
use serde_json::{Value, json};

use crate::support::{Client, ROOT};

#[tokio::test]
async fn activities_are_created_and_saved() {
    let client = Client::new(100);
    let (status, blank) = client.get("Create?EntityName='CusActivity'").await;
    assert_eq!(status, 200);
    let mut entity = blank["d"].clone();
    entity["MasterCustomerId"] = json!("000000000009");
    entity["ActivityCode"] = json!("RIALTO_UNSUB");
    entity["ActivityText"] = json!("marker <1> & more");
    let path = format!("{ROOT}/Save?EntityName='CusActivity'");
    let (status, saved) = client.json("POST", &path, entity.clone()).await;
    assert_eq!((status, &saved["d"]["ActivityId"]), (200, &json!(1)));
    let xml = "<CusActivity><MasterCustomerId>000000000009</MasterCustomerId>\
         <SubCustomerId>0</SubCustomerId><ActivityCode>RIALTO_MAILING</ActivityCode>\
         <ActivityText>a &amp; b</ActivityText></CusActivity>";
    let response = client.send("POST", &path, "application/xml", xml.to_owned()).await;
    assert_eq!(response.status(), 200);
    let key = [("MasterCustomerId", "000000000009"), ("SubCustomerId", "0")];
    let rows = client.rows("usr_Rialto_Activities", &key).await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["ACTIVITY_TEXT"], "marker <1> & more");
    assert_eq!(client.sandbox.activities("000000000009", 0)[1].text, "a & b");
    entity["ActivityCode"] = json!("NO_SUCH");
    assert_eq!(client.json("POST", &path, entity.clone()).await.0, 400);
    entity["ActivityCode"] = json!("RIALTO_UNSUB");
    entity["ActivityText"] = json!("x".repeat(4_001));
    assert_eq!(client.json("POST", &path, entity).await.0, 400);
    assert_eq!(client.sandbox.activity_count(), 2);
    assert_eq!(client.json("POST", &path, json!({"Odd": 1})).await.0, 400);
}

#[tokio::test]
async fn flags_addresses_and_interests_are_saved() {
    let client = Client::new(100);
    let (master, _) = client.sandbox.ids(9);
    client.sandbox.set_allow_email(&master, 0, true);
    client.sandbox.set_email(&master, 0, Some("nine@lumora.example"));
    let save = async |entity: &str, body: Value| client.json("POST", &format!("{ROOT}/Save?EntityName='{entity}'"), body).await;
    let path = format!("CustomerInfos(MasterCustomerId='{master}',SubCustomerId=0)");
    let mut customer = client.get(&path).await.1["d"].clone();
    customer["AllowEmailFlag"] = json!(false);
    let (status, saved) = save("CustomerInfo", customer).await;
    assert_eq!((status, &saved["d"]["AllowEmailFlag"]), (200, &json!(false)));
    assert!(!client.sandbox.person(&master, 0).unwrap().allow_email);
    let filter = format!("CusCommunications?$filter=MasterCustomerId%20eq%20'{master}'");
    let mut address = client.get(&filter).await.1["d"][0].clone();
    assert_eq!(address["FormattedPhoneAddress"], "nine@lumora.example");
    address["ActiveFlag"] = json!(false);
    assert_eq!(save("CusCommunication", address).await.0, 200);
    assert!(client.sandbox.is_address_inactive(&master, 0));
    let ids = json!({"MasterCustomerId": master, "SubCustomerId": 0});
    for flag in [true, false] {
        let mut row = ids.clone();
        row["OptInCode"] = json!("EVENTS");
        row["OptInFlag"] = json!(flag);
        assert_eq!(save("CusOptInOption", row).await.0, 200);
    }
    let events = client.sandbox.opt_ins(&master, 0).into_iter().filter(|(code, _)| code == "EVENTS");
    assert_eq!(events.collect::<Vec<_>>(), [("EVENTS".to_owned(), false)]);
    let mut row = ids;
    row["DemographicCode"] = json!("INTEREST");
    row["DemographicSubcode"] = json!("BIRDS");
    assert_eq!(save("CusDemographic", row.clone()).await.0, 200);
    let birds = || client.sandbox.demographics(&master, 0).iter().filter(|(_, sub)| sub == "BIRDS").count();
    assert_eq!(birds(), 1);
    let path = format!("{ROOT}/Delete?EntityName='CusDemographic'");
    assert_eq!(client.json("POST", &path, row).await.0, 200);
    assert_eq!(birds(), 0);
    assert_eq!(save("MarketingList", json!({"ListCode": "X"})).await.0, 400);
}

const SAVE_ACTIVITY: &str = "/PersonifyDataServices/PersonifyData.svc/Save?EntityName='CusActivity'";

fn activity(number: u64, text: &str) -> Value {
    json!({"MasterCustomerId": format!("{number:012}"), "ActivityCode": "RIALTO_UNSUB", "ActivityText": text})
}

#[tokio::test]
async fn interests_are_there_from_the_start_and_the_same_every_time() {
    let (client, other) = (Client::new(400), Client::new(400));
    let offered = client.rows("usr_Rialto_Interests", &[]).await;
    assert_eq!(offered.iter().filter(|r| r["SOURCE"] == "area").count(), 6);
    assert!(offered.iter().any(|r| r["CODE"] == "YEARBOOK" && r["ACTIVE_FLAG"] == "N"));
    assert!(offered.iter().any(|r| r["SOURCE"] == "demographic" && r["SUBCODE"] == "BIRDS"));
    let mut had = 0;
    for number in 1..=400 {
        let (master, sub) = client.sandbox.ids(number);
        let key = [("MasterCustomerId", master.as_str()), ("SubCustomerId", &sub.to_string())];
        let mine = client.rows("usr_Rialto_InterestsOf", &key).await;
        assert_eq!(mine, other.rows("usr_Rialto_InterestsOf", &key).await);
        let yes = client.sandbox.opt_ins(&master, sub).iter().filter(|(_, yes)| *yes).count();
        assert_eq!(mine.len(), yes + client.sandbox.demographics(&master, sub).len());
        had += mine.len();
    }
    assert!((400..1_600).contains(&had), "{had}");
    let (status, set) = client.get("CusOptInOptions?$filter=OptInCode%20eq%20'NEWS'%20and%20OptInFlag%20eq%20true").await;
    assert!(status == 200 && set["d"].as_array().is_some_and(|rows| (40..140).contains(&rows.len())));
    let odd = json!({"MasterCustomerId": "000000000009", "OptInCode": "GOSSIP", "OptInFlag": true});
    let (status, refused) = client.json("POST", &format!("{ROOT}/Save?EntityName='CusOptInOption'"), odd).await;
    assert!(status == 400 && refused["error"]["message"]["value"].as_str().is_some_and(|t| t.contains("not a valid code")));
}

#[tokio::test]
async fn marks_are_counted_over_all_people() {
    let client = Client::new(300);
    for (number, mark) in [(9, "a"), (9, "b"), (12, "b")] {
        assert_eq!(client.json("POST", SAVE_ACTIVITY, activity(number, &format!("x [rialto:{mark}]"))).await.0, 200);
    }
    assert_eq!(client.json("POST", SAVE_ACTIVITY, activity(12, "no mark")).await.0, 200);
    let (_, all) = client.json("GET", "/admin/activities", Value::Null).await;
    let counts = ["activities", "with_marker", "markers", "markers_twice"].map(|name| all[name].as_u64().unwrap());
    assert_eq!(counts, [4, 3, 2, 1]);
    let (_, twice) = client.json("GET", "/admin/activities?twice=true&limit=10", Value::Null).await;
    let item = &twice["items"][0];
    assert_eq!((&item["marker"], item["activities"].as_array().unwrap().len()), (&json!("[rialto:b]"), 2));
    let (status, one) = client.json("GET", "/admin/activities?remote_id=000000000012-0", Value::Null).await;
    assert!(status == 200 && one["activities"].as_array().unwrap().len() == 2 && one["allow_email"].is_boolean());
    assert_eq!(client.json("GET", "/admin/activities?remote_id=nobody", Value::Null).await.0, 404);
}

#[tokio::test]
async fn faults_reach_one_entity_and_say_what_was_carried_out() {
    let client = Client::new(100);
    let save = async || client.json("POST", SAVE_ACTIVITY, activity(9, "x")).await;
    let rule = |fault: Fault, on: &str| FaultRule::always(fault).on(on);
    client.sandbox.inject(rule(Fault::ServerError { status: 503 }, "Save CustomerInfo"));
    assert_eq!(save().await.0, 200);
    let customer = json!({"MasterCustomerId": "000000000009", "AllowEmailFlag": false});
    assert_eq!(client.json("POST", &format!("{ROOT}/Save?EntityName='CustomerInfo'"), customer).await.0, 503);
    let cases = [
        (Fault::Validation { status: 200, message: "No \"so\".".into() }, false, 200),
        (Fault::Validation { status: 422, message: "No.".into() }, false, 422),
        (Fault::EmptyBody, true, 200),
        (Fault::WrongEntity, true, 200),
    ];
    for (fault, done, status) in cases {
        client.sandbox.clear_faults();
        client.sandbox.inject(rule(fault.clone(), "CusActivity"));
        let before = client.sandbox.activity_count();
        let (answered, body) = save().await;
        assert_eq!((answered, client.sandbox.activity_count() - before), (status, usize::from(done)), "{fault:?}");
        match fault {
            Fault::Validation { status: 200, .. } => assert_eq!(body["d"]["ValidationIssues"][0]["Message"], "No \"so\"."),
            Fault::WrongEntity => assert_eq!(body["d"]["MasterCustomerId"], "999999999999"),
            _ => {}
        }
    }
    assert!(client.sandbox.requests().counts.contains_key("POST Save CusActivity"));
}

#[tokio::test]
async fn codes_and_procedures_come_and_go() {
    let client = Client::with(Options { people: 50, codes: false, ..Options::default() });
    let (status, refused) = client.json("POST", SAVE_ACTIVITY, activity(9, "x")).await;
    assert!(status == 400 && refused["error"]["message"]["value"] == "ActivityCode 'RIALTO_UNSUB' is not a valid code.");
    assert_eq!(client.rows("usr_Rialto_Codes", &[]).await.len(), 1);
    assert_eq!(client.json("PUT", "/admin/codes/RIALTO_UNSUB", Value::Null).await.0, 204);
    assert_eq!(client.json("POST", SAVE_ACTIVITY, activity(9, "x")).await.0, 200);
    assert_eq!(client.json("DELETE", "/admin/codes/RIALTO_UNSUB", Value::Null).await.0, 204);
    assert_eq!(client.json("POST", SAVE_ACTIVITY, activity(9, "x")).await.0, 400);
    assert_eq!(client.json("DELETE", "/admin/procedures/USR_Rialto_Codes", Value::Null).await.0, 204);
    assert_eq!(client.call("usr_Rialto_Codes", &[]).await.status(), 404);
}

#[tokio::test]
async fn a_write_costs_the_same_whatever_the_number_of_people() {
    let client = Client::new(5_000_000);
    let began = tokio::time::Instant::now();
    for number in 1..=400 {
        let (master, sub) = client.sandbox.ids(number * 12_000);
        let path = format!("CustomerInfos?$filter=MasterCustomerId%20eq%20'{master}'%20and%20SubCustomerId%20eq%20{sub}");
        let (status, found) = client.get(&path).await;
        assert_eq!((status, found["d"].as_array().unwrap().len()), (200, 1));
        let entity = json!({"MasterCustomerId": master, "SubCustomerId": sub, "ActivityCode": "RIALTO_UNSUB", "ActivityText": "x"});
        assert_eq!(client.json("POST", SAVE_ACTIVITY, entity).await.0, 200);
    }
    assert!(began.elapsed().as_secs() < 8, "{:?}", began.elapsed());
}
