//! A client of Rialto's own HTTP API, as any program would be one.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// Longest wait for a run.
const RUN: Duration = Duration::from_secs(180);

/// How often a run is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub struct Api {
    base: String,
    token: String,
    client: reqwest::Client,
}

impl Api {
    pub fn new(base: String, token: String) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { base, token, client })
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let (status, text) = self.ask(&method, path, body).await?;
        if !status.is_success() {
            bail!("{method} {path} answered {status}: {}", text.chars().take(300).collect::<String>());
        }
        serde_json::from_str(&text).with_context(|| format!("{method} {path} did not answer with JSON"))
    }

    async fn ask(&self, method: &Method, path: &str, body: Option<Value>) -> anyhow::Result<(StatusCode, String)> {
        let url = format!("{}/api/v1{path}", self.base);
        let mut request = self.client.request(method.clone(), &url).bearer_auth(&self.token);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = answer.status();
        Ok((status, answer.text().await.with_context(|| format!("{method} {path}"))?))
    }

    /// What is to be refused: the status of the answer, and all that it says.
    pub async fn refused(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<(u16, String)> {
        let (status, text) = self.ask(&method, path, body).await?;
        Ok((status.as_u16(), text))
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// Brings a file: the fields of the form, then the file.
    pub async fn bring(&self, path: &str, fields: &[(&str, &str)], (name, file): (&str, &str)) -> anyhow::Result<Value> {
        const EDGE: &str = "the-edge-of-a-part";
        let mut body = String::new();
        for (field, value) in fields {
            body += &format!("--{EDGE}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
        }
        body += &format!("--{EDGE}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{file}\r\n--{EDGE}--\r\n");
        let request = self.client.post(format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token);
        let request = request.header("content-type", format!("multipart/form-data; boundary={EDGE}"));
        let answer = request.body(body).send().await.with_context(|| format!("POST {path}"))?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "POST {path} answered {status}: {}", text.chars().take(300).collect::<String>());
        serde_json::from_str(&text).with_context(|| format!("POST {path} did not answer with JSON"))
    }

    /// Waits until what stands at a path is in a state; answers it.
    pub async fn until(&self, path: &str, state: &str) -> anyhow::Result<Value> {
        let reached = async {
            loop {
                let found = self.get(path).await?;
                if found["state"] == state {
                    return Ok(found);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(RUN, reached).await.with_context(|| format!("{path} is not {state} after {} s", RUN.as_secs()))?
    }

    /// All items of a list, page by page. `path` may have a query.
    pub async fn all(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let mut page = self.get(&format!("{path}{joint}limit=200{cursor}")).await?;
            if let Value::Array(more) = page["items"].take() {
                items.extend(more);
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => {
                    let total = page["total"].as_u64().context("a list without a total")?;
                    ensure!(total == items.len() as u64, "{path}: {} items, but a total of {total}", items.len());
                    return Ok(items);
                }
            }
        }
    }

    /// Asks for a run and waits until it has ended; answers it.
    pub async fn run(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let started = self.post(path, body).await?;
        let id = text(&started["run"], "id")?.to_owned();
        let ended = async {
            loop {
                let run = self.get(&format!("/sync-runs/{id}")).await?;
                if !matches!(run["state"].as_str(), Some("queued" | "running")) {
                    return Ok(run);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(RUN, ended).await.with_context(|| format!("run {id} has not ended after {} s", RUN.as_secs()))?
    }
}

/// A text of an object that must be there.
pub fn text<'a>(value: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    value[name].as_str().with_context(|| format!("{name} is missing"))
}

/// A number of a run's counts.
pub fn count(run: &Value, name: &str) -> i64 {
    run["counts"][name].as_i64().unwrap_or(-1)
}
