//! A browser without a screen: signs in and presses the buttons of pages, with cookies and the token of their forms.

use anyhow::{Context, ensure};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Response, StatusCode};
use serde_json::Value;

use super::world::World;

pub struct Browser {
    base: String,
    client: reqwest::Client,
    session: String,
}

impl Browser {
    /// Signs in through the form.
    pub async fn sign_in(world: &World) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        let url = format!("{}/sign-in", world.base);
        let page = client.get(&url).send().await?;
        let form = cookie(&page, "rialto_sign_in").context("the sign-in page sets no cookie")?;
        let csrf = form.split_once('=').map(|(_, value)| value.to_owned()).unwrap_or_default();
        let fields = [("csrf", csrf.as_str()), ("email", &world.login.email), ("password", &world.login.password), ("next", "/")];
        let answer = client.post(&url).header(COOKIE, &form).form(&fields).send().await?;
        ensure!(answer.status() == StatusCode::SEE_OTHER, "signing in answered {}", answer.status());
        let session = cookie(&answer, "rialto_session").context("signing in gives no session")?;
        Ok(Self { base: world.base.clone(), client, session })
    }

    /// The text of a page.
    pub async fn page(&self, path: &str) -> anyhow::Result<String> {
        let shown = self.client.get(format!("{}{path}", self.base)).header(COOKIE, &self.session).send().await?;
        ensure!(shown.status().is_success(), "{path} answered {}", shown.status());
        Ok(shown.text().await?)
    }

    /// Presses a button on `page`: its form goes to `action`. Answers where that leads.
    pub async fn press(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> anyhow::Result<String> {
        let text = self.page(page).await?;
        ensure!(text.contains(&format!("action=\"{action}\"")), "{page} has no button that leads to {action}");
        let mut all = vec![("csrf", token(&text).with_context(|| format!("{page} has no form"))?)];
        all.extend(fields.iter().copied());
        let answer = self.client.post(format!("{}{action}", self.base)).header(COOKIE, &self.session).form(&all).send().await?;
        ensure!(answer.status() == StatusCode::SEE_OTHER, "{action} answered {}", answer.status());
        let to = answer.headers().get(LOCATION).and_then(|v| v.to_str().ok());
        Ok(to.context("the button leads nowhere")?.to_owned())
    }
}

fn cookie(answer: &Response, name: &str) -> Option<String> {
    let all = answer.headers().get_all(SET_COOKIE).iter().filter_map(|v| v.to_str().ok());
    all.filter_map(|c| c.split(';').next()).find(|c| c.starts_with(&format!("{name}="))).map(str::to_owned)
}

fn token(page: &str) -> Option<&str> {
    page.split_once("name=\"csrf\" value=\"")?.1.split('"').next()
}

/// Runs of the walk's own bridge of one trigger, newest first, once there are `count` and all have ended.
pub async fn runs_of(world: &World, kind: &str, trigger: &str, count: usize) -> anyhow::Result<Vec<Value>> {
    runs_of_bridge(world, &world.bridge, kind, trigger, count).await
}

/// The same of any bridge.
pub async fn runs_of_bridge(world: &World, bridge: &str, kind: &str, trigger: &str, count: usize) -> anyhow::Result<Vec<Value>> {
    for _ in 0..600 {
        let all = world.api.all(&format!("/sync-runs?bridge={bridge}&kind={kind}")).await?;
        let found: Vec<Value> = all.into_iter().filter(|r| r["trigger"] == trigger).collect();
        if found.len() >= count && !found.iter().any(|r| matches!(r["state"].as_str(), Some("queued" | "running"))) {
            return Ok(found);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    anyhow::bail!("there are never {count} ended runs by the trigger {trigger}")
}

/// Members and counts of all groups: what reading lists must leave alone.
pub async fn counted(world: &World) -> anyhow::Result<Vec<Value>> {
    let groups = world.api.all(&format!("/target-groups?bridge={}", world.bridge)).await?;
    let mut counted: Vec<Value> = groups
        .iter()
        .filter(|g| g["members"] != 0 || !g["synced_at"].is_null())
        .map(|g| serde_json::json!([g["code"], g["members"], g["mailable"], g["counts_at"], g["synced_at"], g["data_as_of"]]))
        .collect();
    counted.sort_by_key(ToString::to_string);
    Ok(counted)
}
