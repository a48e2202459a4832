//! `rialto upload` with the real program: what it plans, adds, repeats and refuses, on SQLite and on PostgreSQL.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use rialto_store::args;
use rialto_testkit::TestDb;

const FILE: &str = "E-mail,Shirt\nann@fair.example,M\nbob@fair.example,L\nnobody\ncee@fair.example,S\n";

/// A folder with the configuration of one database and the file of a fair.
fn folder(test: &TestDb) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("[database]\nurl = \"{}\"\n[secrets]\nkey = \"{}\"\n[log]\nlevel = \"error\"\n", test.url, "5a".repeat(32));
    std::fs::write(folder.path().join("rialto.toml"), config).unwrap();
    std::fs::write(folder.path().join("fair.csv"), FILE).unwrap();
    folder
}

async fn rialto(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
    command.arg("upload").args(words).current_dir(folder).env_clear().stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

/// The run that a successful upload prints.
async fn run(folder: &Path, words: &[&str]) -> serde_json::Value {
    let words = [words, &["--json"]].concat();
    let output = rialto(folder, &words).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{words:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"))
}

fn figures<const N: usize>(run: &serde_json::Value, names: [&str; N]) -> [i64; N] {
    names.map(|name| run["counts"][name].as_i64().unwrap_or_else(|| panic!("{name}: {run:#}")))
}

async fn number(test: &TestDb, text: &'static str) -> i64 {
    test.db.read().one::<(i64,)>(text, args![]).await.unwrap().0
}

const PEOPLE: &str = "SELECT COUNT(*) FROM subscriber";
const GROUPS: &str = "SELECT COUNT(*) FROM target_group";
const MEMBERS: &str = "SELECT COUNT(*) FROM membership";

#[tokio::test(flavor = "multi_thread")]
async fn people_are_planned_added_and_not_added_again() {
    for test in rialto_testkit::both().await {
        let folder = folder(&test);
        let words = ["fair.csv", "--group", "Autumn fair"];
        let plan = run(folder.path(), &[&words[..], &["--plan"]].concat()).await;
        assert_eq!((plan["plan_only"].as_bool(), plan["state"].as_str()), (Some(true), Some("succeeded")), "{plan:#}");
        assert_eq!(figures(&plan, ["read", "added", "created", "rejected"]), [4, 3, 3, 1], "{}", test.name);
        assert_eq!((number(&test, PEOPLE).await, number(&test, GROUPS).await), (0, 0), "{}: a plan changes nothing", test.name);

        let first = run(folder.path(), &words).await;
        assert_eq!((first["plan_only"].as_bool(), first["trigger"].as_str()), (Some(false), Some("cli")), "{first:#}");
        assert_eq!(figures(&first, ["read", "added", "created", "rejected"]), [4, 3, 3, 1], "{}", test.name);
        assert_eq!((number(&test, PEOPLE).await, number(&test, MEMBERS).await), (3, 3), "{}", test.name);
        let told = "SELECT COUNT(*) FROM sync_run_note WHERE detail = 'Line 4: nobody is no e-mail address.'";
        assert!(number(&test, told).await >= 1, "{}: the faulty line is named", test.name);

        // The name of a group is told apart by neither case nor blanks around it.
        let again = run(folder.path(), &["fair.csv", "--group", " autumn FAIR "]).await;
        assert_eq!(figures(&again, ["added", "created", "updated", "unchanged", "removed"]), [0, 0, 0, 3, 0], "{}", test.name);
        assert_eq!((number(&test, PEOPLE).await, number(&test, GROUPS).await), (3, 1), "{}", test.name);

        std::fs::write(folder.path().join("less.csv"), "E-mail\nann@fair.example\n").unwrap();
        let added = run(folder.path(), &["less.csv", "--group", "Autumn fair"]).await;
        assert_eq!(figures(&added, ["removed", "unchanged"]), [0, 1], "{}: adding removes nobody", test.name);
        let replaced = run(folder.path(), &["less.csv", "--group", "Autumn fair", "--replace"]).await;
        assert_eq!(figures(&replaced, ["removed", "unchanged", "members_after"]), [2, 1, 1], "{}", test.name);
        assert_eq!((number(&test, PEOPLE).await, number(&test, MEMBERS).await), (3, 1), "{}", test.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacing_file_with_a_faulty_line_removes_nobody_and_ends_with_4() {
    for test in rialto_testkit::both().await {
        let folder = folder(&test);
        run(folder.path(), &["fair.csv", "--group", "Fair"]).await;
        std::fs::write(folder.path().join("less.csv"), "E-mail\nann@fair.example\nnobody\n").unwrap();
        let replaced = rialto(folder.path(), &["less.csv", "--group", "Fair", "--replace"]).await;
        let said = String::from_utf8_lossy(&replaced.stdout);
        assert_eq!((replaced.status.code(), said.starts_with("incomplete")), (Some(4), true), "{}: {said}", test.name);
        assert_eq!(number(&test, MEMBERS).await, 3, "{}", test.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unsubscribers_are_planned_and_silenced_with_their_evidence() {
    for test in rialto_testkit::both().await {
        let folder = folder(&test);
        run(folder.path(), &["fair.csv", "--group", "Fair"]).await;
        std::fs::write(folder.path().join("no.txt"), "ann@fair.example\nnew@fair.example\n").unwrap();
        let words = ["no.txt", "--unsubscribers", "letters of May"];
        let silent = "SELECT COUNT(*) FROM consent_ledger WHERE cause = 'upload' AND evidence LIKE '%letters of May%'";
        let plan = run(folder.path(), &[&words[..], &["--plan"]].concat()).await;
        assert_eq!(figures(&plan, ["read", "suppressed", "created"]), [2, 2, 1], "{}: {plan:#}", test.name);
        assert_eq!((number(&test, silent).await, number(&test, PEOPLE).await), (0, 3), "{}", test.name);
        let done = run(folder.path(), &words).await;
        assert_eq!(figures(&done, ["read", "suppressed", "created"]), [2, 2, 1], "{}: {done:#}", test.name);
        assert_eq!((number(&test, silent).await, number(&test, PEOPLE).await), (2, 4), "{}", test.name);
        let again = run(folder.path(), &words).await;
        assert_eq!(figures(&again, ["suppressed", "created"]), [0, 0], "{}", test.name);
        assert_eq!(number(&test, silent).await, 2, "{}: once each", test.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_told_and_changes_nothing() {
    for test in rialto_testkit::both().await {
        let folder = folder(&test);
        std::fs::write(folder.path().join("none.csv"), "Who,Where\nAnn,Graz\n").unwrap();
        std::fs::write(folder.path().join("empty.csv"), "").unwrap();
        for (words, code, told) in [
            (&["nowhere.csv", "--group", "Fair"][..], 1, "nowhere.csv cannot be read"),
            (&["fair.csv"], 1, "give --group for people, or --unsubscribers"),
            (&["none.csv", "--group", "Fair"], 1, "cannot tell which column holds the e-mail addresses"),
            (&["empty.csv", "--group", "Fair"], 1, "empty"),
            (&["fair.csv", "--group", "Fair", "--unsubscribers", "letters"], 2, "cannot be used with"),
            (&["fair.csv", "--replace"], 2, "--group"),
            (&["--group", "Fair"], 2, "<FILE>"),
        ] {
            let refused = rialto(folder.path(), words).await;
            let said = String::from_utf8_lossy(&refused.stderr);
            assert!(refused.status.code() == Some(code) && said.contains(told), "{words:?}: {:?} {said}", refused.status);
        }
        assert_eq!((number(&test, PEOPLE).await, number(&test, GROUPS).await), (0, 0), "{}", test.name);
    }
}
