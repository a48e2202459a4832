//! An installation: its folder, its database, the sandbox in this process, and the processes of `rialto` that come and go.

use std::fs::File;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Method;
use rialto_core::preference::Link;
use rialto_sandbox::{Options, Running, Sandbox};
use rialto_store::{Db, Vault, args};
use rialto_testkit::TestDb;
use serde_json::{Value, json};

const LIST: &str = "NEWSLETTER";
/// Longest wait for a process to be ready, on a busy machine.
const READY: Duration = Duration::from_secs(30);

/// What may differ from test to test.
pub struct Plan {
    pub people: u64,
    /// `writeback.lease`, in seconds.
    pub lease: u32,
    /// Requests at once of one process to the remote.
    pub concurrency: u32,
}

pub struct House {
    folder: tempfile::TempDir,
    pub url: String,
    pub name: String,
    pub remote: Running,
    http: reqwest::Client,
    vault: Vault,
    token: String,
    bridge: String,
    _test: Option<TestDb>,
}

/// A person who may be mailed and shares their address with nobody.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: i64,
    pub remote_id: String,
    /// Path of their preference page.
    pub link: String,
}

impl House {
    pub async fn on(test: TestDb, plan: &Plan) -> Self {
        let mut house = Self::at(&test.url, test.name, plan).await;
        house._test = Some(test);
        house
    }

    /// On a database that somebody else keeps.
    pub async fn at(url: &str, name: &str, plan: &Plan) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let remote = rialto_sandbox::start(Options { people: plan.people, ..Options::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "[database]\nurl = \"{url}\"\n[secrets]\nkey = \"{}\"\n[outbound]\nallow_networks = [\"127.0.0.0/8\"]\n\
             [writeback]\ninterval = \"10s\"\nlease = \"{}s\"\n[engine]\nworkers = 8\nlease = \"2s\"\n[log]\nlevel = \"warn\"\n",
            "5a".repeat(32),
            plan.lease
        );
        std::fs::write(folder.path().join("rialto.toml"), config).unwrap();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(15)).build().unwrap();
        let vault = Vault::new([0x5a; 32], rialto_testkit::random());
        let (url, name) = (url.to_owned(), name.to_owned());
        let mut house = Self { folder, url, name, remote, http, vault, token: String::new(), bridge: String::new(), _test: None };
        house.furnish(plan).await;
        house
    }

    /// A bridge whose newsletter list is read, a token, and the settings of writebacks.
    async fn furnish(&mut self, plan: &Plan) {
        let root = format!("base_url={}", self.remote.service_root());
        let add = ["bridge", "add", "--kind", "personify360", "--name", "Members", "--setting", &root];
        let rest = ["--setting", "requests_per_second=1000", "--secrets-stdin", "--json"];
        let words: Vec<&str> = add.into_iter().chain(rest).collect();
        let bridge = self.told(&words, br#"{"username":"rialto","password":"sandbox"}"#).await;
        self.bridge = bridge["id"].as_str().unwrap().to_owned();
        self.told(&["bridge", "refresh", "Members", "--json"], b"").await;
        self.told(&["sync", LIST, "--json"], b"").await;
        let token = self.told(&["token", "create", "--name", "test", "--role", "admin", "--json"], b"").await;
        self.token = token["token"].as_str().unwrap().to_owned();
        let life = self.serve().await;
        let settings = json!({"kinds": {}, "concurrency": plan.concurrency});
        let path = format!("/api/v1/bridges/{}/writeback-settings", self.bridge);
        let answer = self.http.put(life.url(&path)).bearer_auth(&self.token).json(&settings).send().await.unwrap();
        assert!(answer.status().is_success(), "{}: {}", answer.text().await.unwrap(), self.last_lines());
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
        command.args(words).current_dir(self.folder.path()).env_clear().stdout(Stdio::null()).stdin(Stdio::null());
        command.stderr(self.log());
        command
    }

    /// Where all processes write their lines.
    fn log(&self) -> File {
        File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap()
    }

    pub fn logged(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The last lines of it, for messages.
    pub fn last_lines(&self) -> String {
        let log = self.logged();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// What a command that ends well prints in JSON. It is waited for beside the sandbox, which runs in this process.
    pub async fn told(&self, words: &[&str], input: &[u8]) -> Value {
        let mut child = self.command(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{}: {words:?}: {}", self.name, self.last_lines());
        String::from_utf8_lossy(&output.stdout).lines().last().map(|l| serde_json::from_str(l).unwrap_or_default()).unwrap_or_default()
    }

    /// A process of `rialto serve` that answers.
    pub async fn serve(&self) -> Life {
        let life = self.begin();
        self.ready(life).await
    }

    /// A process that was just started.
    pub fn begin(&self) -> Life {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let child = self.command(&["serve", "--listen", &format!("127.0.0.1:{port}")]).spawn().unwrap();
        Life { child, port }
    }

    pub async fn ready(&self, mut life: Life) -> Life {
        let until = tokio::time::Instant::now() + READY;
        loop {
            if self.http.get(life.url("/readyz")).send().await.is_ok_and(|a| a.status().is_success()) {
                return life;
            }
            let ended = life.child.try_wait().unwrap();
            assert!(ended.is_none() && tokio::time::Instant::now() < until, "{}: {ended:?}: not ready: {}", self.name, self.last_lines());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub fn sandbox(&self) -> &Sandbox {
        &self.remote.sandbox
    }

    /// Asks the API of a process; `None` when nobody answers. Status and answer, null where it is none in JSON.
    pub async fn api(&self, life: &Life, method: Method, path: &str, body: Option<Value>) -> Option<(u16, Value)> {
        let mut request = self.http.request(method, life.url(&format!("/api/v1{path}"))).bearer_auth(&self.token);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.unwrap_or_default()))
    }

    /// As pressing "Run now": begins a cycle. False when nobody answers well.
    pub async fn run_now(&self, port: u16) -> bool {
        let url = format!("http://127.0.0.1:{port}/api/v1/bridges/{}/run-writebacks", self.bridge);
        self.http.post(url).bearer_auth(&self.token).send().await.is_ok_and(|a| a.status().is_success())
    }

    /// As an administrator does who finds writebacks in Error.
    pub async fn retry_all(&self) {
        self.told(&["writebacks", "retry", "--all", "--bridge", "Members"], b"").await;
    }

    pub async fn db(&self) -> Db {
        Db::connect(&self.url).await.unwrap()
    }

    pub async fn people(&self) -> Vec<Person> {
        let db = self.db().await;
        let text = "SELECT id, remote_id FROM subscriber s WHERE remote_flag_run = 0 AND canonical <> '' AND NOT EXISTS
            (SELECT 1 FROM subscriber o WHERE o.canonical = s.canonical AND o.id <> s.id) ORDER BY id";
        let found: Vec<(i64, String)> = db.read().all(text, args![]).await.unwrap();
        db.close().await;
        let link = |subscriber_id| format!("/u/{}", self.vault.preference_token(Link { subscriber_id, mailing_id: 12 }));
        found.into_iter().map(|(id, remote_id)| Person { id, link: link(id), remote_id }).collect()
    }
}

/// A running process. It is killed when this is dropped.
pub struct Life {
    child: Child,
    pub port: u16,
}

impl Life {
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        // The shell's own: not every machine has the program.
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.id())]).status().unwrap();
        assert!(sent.success(), "SIG{name}");
    }

    /// `kill -9`, and the end of it.
    pub fn kill(mut self) {
        self.end();
    }

    /// Whether it still runs.
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn status(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for it to end by itself after SIGTERM.
    pub async fn stopped(mut self) {
        self.signal("TERM");
        let until = tokio::time::Instant::now() + READY;
        while self.lives() {
            assert!(tokio::time::Instant::now() < until, "it does not stop");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.end();
    }
}
