//! U2: a file of unsubscribers silences whom it names, and the remote is told.

use anyhow::Context;
use rialto_sandbox::Person;
use serde_json::json;

use super::report::Checks;
use super::told;
use super::world::{World, causes};
use super::{NEWSLETTER, truth};
use crate::demo::api::{count, text};

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    let left = world.left();
    let person = truth::alone(world.sandbox(), NEWSLETTER, truth::says_yes)
        .into_iter()
        .rfind(|p| !left.contains(&p.remote_id()))
        .context("nobody is left who may be mailed")?;
    let id = person.remote_id();
    checks.equal("the person may be mailed before", world.verdict(&id).await?["mailable"].as_bool(), Some(true));
    let file = format!("{}\nstranger@far.example\nstranger@far.example\n", address(&person));
    let upload = world.api.bring("/unsubscriber-uploads", &[("evidence", "The demo's own script.")], ("left.txt", &file)).await?;
    let path = format!("/unsubscriber-uploads/{}", text(&upload, "id")?);
    let planned = world.api.until(&path, "planned").await?;
    checks.equal("the plan names two addresses", count(&planned["plan"], "suppressed"), 2);
    checks.equal("and silences nobody", world.verdict(&id).await?["mailable"].as_bool(), Some(true));

    let run = world.api.run(&format!("{path}/apply"), json!({})).await?;
    checks.equal("the upload succeeds", text(&run, "state")?, "succeeded");
    checks.equal("one of them is new here", count(&run, "created"), 1);
    let verdict = world.verdict(&id).await?;
    checks.equal("the person is silent, by the upload", causes(&verdict), vec!["upload"]);
    let strangers = world.api.all("/subscribers?email=stranger@far.example").await?;
    checks.equal("the stranger is here once", strangers.len(), 1);
    checks.equal("and silent", strangers[0]["mailable"].as_bool(), Some(false));
    told::cycle(world).await?;
    let now = world.sandbox().list_members(NEWSLETTER).into_iter().find(|p| p.remote_id() == id).context("the person is gone")?;
    checks.equal("the remote was told", now.allow_email, false);
    Ok(checks)
}

fn address(person: &Person) -> &str {
    person.email.as_deref().unwrap_or_default().trim()
}
