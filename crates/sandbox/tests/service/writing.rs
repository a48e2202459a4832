//! Create, Save and Delete.

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
    assert_eq!(client.sandbox.opt_ins(&master, 0), [("EVENTS".to_owned(), false)]);
    let mut row = ids;
    row["DemographicCode"] = json!("INTEREST");
    row["DemographicSubcode"] = json!("BIRDS");
    assert_eq!(save("CusDemographic", row.clone()).await.0, 200);
    assert_eq!(client.sandbox.demographics(&master, 0).len(), 1);
    let path = format!("{ROOT}/Delete?EntityName='CusDemographic'");
    assert_eq!(client.json("POST", &path, row).await.0, 200);
    assert!(client.sandbox.demographics(&master, 0).is_empty());
    assert_eq!(save("MarketingList", json!({"ListCode": "X"})).await.0, 400);
}
