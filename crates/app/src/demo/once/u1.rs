//! U1: a file of people becomes a target group; whom the remote knows is joined, and nothing of theirs is overwritten.

use std::collections::BTreeSet;

use anyhow::Context;
use rialto_sandbox::{NewPerson, Person, Who};
use serde_json::{Value, json};

use super::report::Checks;
use super::world::World;
use super::{BOARD, NEWSLETTER, truth};
use crate::demo::api::{count, text};

/// Known people in the file.
const KNOWN: usize = 5;

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    let known: Vec<Person> = truth::alone(world.sandbox(), NEWSLETTER, truth::says_yes).into_iter().take(KNOWN).collect();
    let ids: BTreeSet<String> = known.iter().map(Person::remote_id).collect();
    let one = ids.iter().next().context("nobody is alone with their address")?;
    let before = world.api.get(&format!("/subscribers/{}", text(&world.subscriber(one).await?, "id")?)).await?;
    let file = file(&known);
    let upload = world.api.bring("/uploads", &[("name", "Autumn fair")], ("fair.csv", &file)).await?;
    let path = format!("/uploads/{}", text(&upload, "id")?);
    checks.equal("the separator is found out", text(&upload, "separator")?, "semicolon");
    let planned = world.api.until(&path, "planned").await?;
    let plan = &planned["plan"];
    checks.equal("known and unknown people would join", count(plan, "added"), KNOWN as i64 + 2);
    checks.equal("two of them are new", count(plan, "created"), 2);
    checks.equal("a faulty line is told", count(plan, "rejected"), 1);
    checks.equal("a repeated one too", count(plan, "duplicate"), 1);
    checks.equal("nobody is here before it is applied", newcomers(world).await?.len(), 0);

    let run = world.api.run(&format!("{path}/apply"), json!({})).await?;
    checks.equal("the upload succeeds", text(&run, "state")?, "succeeded");
    let members = format!("/target-groups/{}/subscribers", text(&run, "target_group")?);
    let people = world.api.all(&members).await?;
    let of =
        |name: &str| people.iter().filter_map(|m| m[name].as_str().map(str::to_owned)).filter(|t| !t.is_empty()).collect::<BTreeSet<_>>();
    checks.same("the known ones are the remote's own records", &of("remote_id"), &ids);
    checks.equal("and two stand beside them", people.len(), KNOWN + 2);
    let after = world.api.get(&format!("/subscribers/{}", text(&world.subscriber(one).await?, "id")?)).await?;
    checks.equal("nothing of a record of the remote changed", &after, &before);

    let again = world.api.bring("/uploads", &[("target_group", text(&run, "target_group")?)], ("fair.csv", &file)).await?;
    let path = format!("/uploads/{}", text(&again, "id")?);
    world.api.until(&path, "planned").await?;
    let again = world.api.run(&format!("{path}/apply"), json!({})).await?;
    let changed: i64 = ["added", "updated", "created", "removed"].iter().map(|c| count(&again, c)).sum();
    checks.equal("the same file again changes nothing", changed, 0);
    gets_a_remote_id(world, &mut checks).await?;
    checks.figure("members", people.len());
    Ok(checks)
}

fn file(known: &[Person]) -> String {
    let rows: String = known
        .iter()
        .map(|p| format!("{};Stand {}\r\n", p.email.as_deref().unwrap_or_default().trim().to_uppercase(), p.sub_customer_id))
        .collect();
    format!("E-mail;Stand\r\n{rows}fair.one@fair.example;1\r\nfair.two@fair.example;2\r\nFair.One@fair.example;3\r\nnobody at home;4\r\n")
}

async fn newcomers(world: &World) -> anyhow::Result<Vec<Value>> {
    world.api.all("/subscribers?email=fair.one@fair.example").await
}

/// ID-04: the remote brings the address of somebody whom only the upload knew.
async fn gets_a_remote_id(world: &World, checks: &mut Checks) -> anyhow::Result<()> {
    let uploaded = newcomers(world).await?.pop().context("the new person is not here")?;
    checks.equal("an uploaded person has no Remote ID", text(&uploaded, "remote_id")?, "");
    let person = world.sandbox().create_person(NewPerson {
        first_name: "Fay".into(),
        last_name: "One".into(),
        email: Some("Fair.One@fair.example".into()),
        allow_email: true,
        allow_solicitation: true,
        ..NewPerson::default()
    });
    let who = Who::Ids(vec![(person.master_customer_id.clone(), i64::from(person.sub_customer_id))]);
    world.sandbox().add_to_list(BOARD, &who);
    world.sync(BOARD).await?;
    let found = newcomers(world).await?;
    checks.equal("there is still one record", found.len(), 1);
    checks.equal("it is the same one", found[0]["id"].clone(), uploaded["id"].clone());
    checks.equal("with the remote's id", text(&found[0], "remote_id")?, person.remote_id().as_str());
    Ok(())
}
