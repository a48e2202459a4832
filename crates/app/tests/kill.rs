//! kill -9 in the middle of a sync, again and again: nothing is lost, nothing is half done, the next sync ends where a clean one would.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rialto_sandbox::{Options, Running, Who};
use rialto_store::{Db, args};
use rialto_testkit::TestDb;

const LIST: &str = "ALL_MEMBERS";

fn rounds() -> u64 {
    std::env::var("RIALTO_TEST_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}

struct Installation {
    folder: tempfile::TempDir,
    test: TestDb,
    sandbox: Running,
}

impl Installation {
    async fn new(test: TestDb) -> Self {
        let sandbox = rialto_sandbox::start(Options { people: 4_000, ..Options::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "[database]\nurl = \"{}\"\n[secrets]\nkey = \"{}\"\n[outbound]\nallow_networks = [\"127.0.0.0/8\"]\n[engine]\nlease = \"1s\"\n[log]\nlevel = \"error\"\n",
            test.url,
            "5a".repeat(32)
        );
        std::fs::write(folder.path().join("rialto.toml"), config).unwrap();
        let this = Self { folder, test, sandbox };
        let root = format!("base_url={}", this.sandbox.service_root());
        let add = [
            "bridge",
            "add",
            "--kind",
            "personify360",
            "--name",
            "Members",
            "--setting",
            &root,
            "--setting",
            "page_rows=200",
            "--setting",
            "requests_per_second=100",
            "--secrets-stdin",
        ];
        let mut child = this.command(&add).stdin(Stdio::piped()).spawn().unwrap();
        use std::io::Write;
        child.stdin.take().unwrap().write_all(br#"{"username":"rialto","password":"sandbox"}"#).unwrap();
        assert!(tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap().success());
        assert!(this.finish(this.start(&["bridge", "refresh", "Members"])).await);
        this
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
        command.args(words).current_dir(self.folder.path()).env_clear().stdout(Stdio::null()).stdin(Stdio::null());
        command
    }

    fn start(&self, words: &[&str]) -> Child {
        self.command(words).spawn().unwrap()
    }

    /// True when the command ended well. Waits beside the sandbox, which runs in this process.
    async fn finish(&self, mut child: Child) -> bool {
        tokio::task::spawn_blocking(move || child.wait().unwrap().success()).await.unwrap()
    }

    /// Syncs until one run succeeds; the first ones may find the dead worker's lease still running.
    async fn sync_to_the_end(&self) {
        for _ in 0..8 {
            if self.finish(self.start(&["sync", LIST, "--json"])).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        panic!("{}: no sync came to its end", self.test.name);
    }

    async fn check(&self, round: u64) {
        let db = Db::connect(&self.test.url).await.unwrap();
        let context = format!("{} round {round}", self.test.name);
        let members: Vec<(String, bool)> = db
            .read()
            .all(
                "SELECT s.remote_id, s.remote_flag_run <> 0 FROM membership m JOIN subscriber s ON s.id = m.subscriber_id
                 JOIN target_group g ON g.id = m.group_id WHERE g.code = $1",
                args![LIST],
            )
            .await
            .unwrap();
        let truth = self.sandbox.sandbox.list_members(LIST);
        let ids = |people: &[(String, bool)]| people.iter().map(|(id, _)| id.clone()).collect::<BTreeSet<_>>();
        assert_eq!(ids(&members), truth.iter().map(|p| p.remote_id()).collect(), "{context}");
        let silent: BTreeSet<String> = members.iter().filter(|(_, no)| *no).map(|(id, _)| id.clone()).collect();
        assert_eq!(silent, truth.iter().filter(|p| !(p.allow_email && p.allow_solicitation)).map(|p| p.remote_id()).collect(), "{context}");
        let cached: Vec<(i64,)> = db.read().all("SELECT members FROM target_group WHERE code = $1", args![LIST]).await.unwrap();
        assert_eq!(cached[0].0, members.len() as i64, "{context}");
        // One ledger entry an open cause: nothing was opened twice by a run and its repetition.
        let doubled: Vec<(i64,)> = db
            .read()
            .all("SELECT subscriber_id FROM consent_ledger GROUP BY subscriber_id HAVING ABS(SUM(CASE WHEN act = 'open' THEN 1 ELSE -1 END)) > 1", args![])
            .await
            .unwrap();
        assert!(doubled.is_empty(), "{context}: {doubled:?}");
        let open: Vec<(i64,)> = db.read().all("SELECT COUNT(*) FROM sync_run WHERE state IN ('queued', 'running')", args![]).await.unwrap();
        assert_eq!(open[0].0, 0, "{context}: a run is still open");
        let unapplied: Vec<(i64,)> = db
            .read()
            .all("SELECT COUNT(*) FROM membership_change c JOIN sync_run r ON r.id = c.run_id WHERE r.applied_at IS NULL", args![])
            .await
            .unwrap();
        assert_eq!(unapplied[0].0, 0, "{context}: plan rows of a dead run are left");
        db.close().await;
    }

    /// How many runs were found under way with their worker dead.
    async fn taken_over(&self) -> u64 {
        let db = Db::connect(&self.test.url).await.unwrap();
        let runs: Vec<(i64,)> = db
            .read()
            .all("SELECT COUNT(*) FROM sync_run WHERE started_at IS NOT NULL AND error_kind = 'interrupted'", args![])
            .await
            .unwrap();
        db.close().await;
        runs[0].0 as u64
    }

    /// A few people change, come and go, so that every round has something to write.
    fn stir(&self, round: u64) {
        let sandbox = &self.sandbox.sandbox;
        for step in 0..40 {
            let (master, sub) = sandbox.ids(1 + (round * 97 + step * 31) % 4_000);
            match step % 3 {
                0 => {
                    sandbox.set_email(&master, sub, Some(&format!("r{round}s{step}@moved.example")));
                }
                1 => {
                    sandbox.set_allow_solicitation(&master, sub, false);
                }
                _ => {
                    sandbox.rename_person(&master, sub, "Robin", &format!("Round{round}"));
                }
            }
        }
        let (master, sub) = sandbox.ids(1 + (round * 13) % 4_000);
        let one = Who::Ids(vec![(master, sub)]);
        if round.is_multiple_of(2) {
            sandbox.remove_from_list(LIST, &one)
        } else {
            sandbox.add_to_list(LIST, &one)
        };
    }
}

/// The child's first question to the remote, or its end.
async fn asks(house: &Installation, child: &mut Child) {
    while house.sandbox.sandbox.requests().total == 0 && child.try_wait().unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// From a sync's first question to the end of its run, undisturbed: builds and machines differ by a factor of ten.
async fn length(house: &Installation) -> Duration {
    house.sandbox.sandbox.clear_requests();
    let mut child = house.start(&["sync", LIST, "--json"]);
    asks(house, &mut child).await;
    let began = tokio::time::Instant::now();
    let db = Db::connect(&house.test.url).await.unwrap();
    loop {
        let open: Vec<(i64,)> = db.read().all("SELECT COUNT(*) FROM sync_run WHERE state IN ('queued', 'running')", args![]).await.unwrap();
        if open[0].0 == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let length = began.elapsed();
    db.close().await;
    assert!(house.finish(child).await);
    length
}

async fn kill_and_restart(test: TestDb) {
    let house = Installation::new(test).await;
    house.sync_to_the_end().await;
    house.stir(0);
    let length = length(&house).await;
    for round in 1..=rounds() {
        house.stir(round);
        house.sandbox.sandbox.clear_requests();
        let mut child = house.start(&["sync", LIST, "--json"]);
        if round.is_multiple_of(8) {
            // While it starts and asks for its run.
            tokio::time::sleep(Duration::from_millis(2 + (round * 7) % 60)).await;
        } else {
            // From the first question to the apply step and the counts: the moment moves from round to round.
            asks(&house, &mut child).await;
            tokio::time::sleep(length.mul_f64(((round * 37) % 100) as f64 / 100.0)).await;
        }
        let _ = child.kill();
        let _ = tokio::task::spawn_blocking(move || child.wait()).await;
        house.sync_to_the_end().await;
        house.check(round).await;
    }
    // Kills that only hit a process before or after its work would show nothing.
    let taken_over = house.taken_over().await;
    assert!(taken_over * 4 >= rounds(), "{}: only {taken_over} of {} kills hit a run under way", house.test.name, rounds());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_sync_leaves_nothing_half_done_on_sqlite() {
    kill_and_restart(rialto_testkit::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_sync_leaves_nothing_half_done_on_postgresql() {
    kill_and_restart(rialto_testkit::postgres().await).await;
}
