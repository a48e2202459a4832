//! The command line from outside: what it refuses, how it ends, and the walk through the loop.

#[path = "cli/upload.rs"]
mod upload;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn rialto(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
    command.args(words).current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

fn output(folder: &Path, words: &[&str]) -> Output {
    rialto(folder, words).output().expect("the binary runs")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn check_tells_every_fault_with_its_path_and_ends_with_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "[database]\nurl = \"mysql://u:hush@h/d\"\n[http]\nlisen = 1\n[secrets]\nkey = \"hush\"\n";
    std::fs::write(folder.path().join("rialto.toml"), text).expect("a file");
    let checked = output(folder.path(), &["check"]);
    assert_eq!(checked.status.code(), Some(2));
    for path in ["database.url", "http.lisen", "secrets.key"] {
        assert!(errors(&checked).contains(&format!("  {path}: ")), "{}", errors(&checked));
    }
    assert!(!errors(&checked).contains("hush"), "a value is told: {}", errors(&checked));
}

#[test]
fn check_tells_a_missing_key_file_beside_the_other_faults() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "[http]\npublic_url = \"https://example.org/rialto\"\n[secrets]\nkey_file = \"nowhere.key\"\n";
    std::fs::write(folder.path().join("rialto.toml"), text).expect("a file");
    let checked = output(folder.path(), &["check"]);
    assert_eq!(checked.status.code(), Some(2));
    for path in ["http.public_url", "secrets.key_file"] {
        assert!(errors(&checked).contains(&format!("  {path}: ")), "{}", errors(&checked));
    }
}

#[test]
fn a_walk_that_cannot_begin_is_reported_as_json_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = folder.path().join("nowhere");
    let walked = rialto(folder.path(), &["demo", "--once", "--json"]).env("TMPDIR", nowhere).output().expect("the binary runs");
    let report: serde_json::Value = serde_json::from_slice(&walked.stdout).expect("a report in JSON");
    assert_eq!((walked.status.code(), &report["ok"]), (Some(1), &serde_json::json!(false)), "{report:#}");
    let few = output(folder.path(), &["demo", "--once", "--people", "150"]);
    assert!(few.status.code() == Some(1) && errors(&few).contains("at least 400"), "{}", errors(&few));
    assert!(report["steps"][0]["detail"]["error"].as_str().is_some_and(|e| e.contains("folder")), "{report:#}");
}

#[test]
fn nothing_starts_without_a_key() {
    let folder = tempfile::tempdir().expect("a folder");
    for words in [&["serve"][..], &["bridge", "list"], &["check"]] {
        let refused = output(folder.path(), words);
        assert_eq!(refused.status.code(), Some(2), "{words:?}");
        assert!(errors(&refused).contains("secrets.key"), "{}", errors(&refused));
    }
    assert!(!folder.path().join("rialto.db").exists(), "nothing was made");
}

#[test]
fn a_new_database_file_is_private_and_an_old_one_stays_as_it_is() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!("[secrets]\nkey = \"{}\"\n", "5a".repeat(32));
    std::fs::write(folder.path().join("rialto.toml"), text).expect("a file");
    let file = folder.path().join("rialto.db");
    let mode = || std::fs::metadata(&file).expect("it is there").permissions().mode() & 0o777;
    assert!(output(folder.path(), &["migrate"]).status.success());
    assert_eq!(mode(), 0o600);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("its mode can be set");
    assert!(output(folder.path(), &["migrate"]).status.success());
    assert_eq!(mode(), 0o640);
}

#[test]
fn the_whole_loop_holds_against_what_the_sandbox_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let walked = output(folder.path(), &["demo", "--once", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&walked.stdout).expect("a report in JSON");
    let missed: Vec<_> = report["steps"].as_array().into_iter().flatten().filter(|s| s["ok"] != true).collect();
    assert!(walked.status.success() && report["ok"] == true, "{}\n{}", serde_json::json!(missed), errors(&walked));
    let steps: Vec<&str> = report["steps"].as_array().into_iter().flatten().filter_map(|s| s["id"].as_str()).collect();
    assert_eq!(
        steps,
        [
            "P1",
            "P2",
            "P3.login",
            "P3.send",
            "P3.refresh_groups",
            "P3.refresh_bridge",
            "P3.resync",
            "P3.overnight",
            "P4",
            "P5",
            "P5.interests",
            "P6",
            "B1",
            "B5",
            "B6",
            "B7",
            "B2",
            "B3",
            "B4",
            "B12",
            "U1",
            "U2",
            "M1",
            "M2",
            "M3",
            "M4",
            "M5",
            "I3",
            "I1",
            "I2",
            "L1",
            "L2",
            "L3",
            "L4",
            "L5",
            "L6",
            "L7"
        ]
    );
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0, "nothing is left behind");
}

/// Ended by force when a test fails.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn demo(folder: &Path) -> (Demo, serde_json::Value) {
    let words = ["demo", "--json", "--listen", "127.0.0.1:0", "--people", "300", "--data", "data"];
    let mut child = rialto(folder, &words).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary runs");
    let mut line = String::new();
    let out = child.stdout.take().expect("its output");
    BufReader::new(out).read_line(&mut line).expect("a line");
    (Demo(child), serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}")))
}

fn terminate(demo: &mut Demo) -> Option<i32> {
    let asked = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &demo.0.id().to_string()]).status().expect("a shell runs");
    assert!(asked.success());
    for _ in 0..400 {
        if let Some(status) = demo.0.try_wait().expect("it can be waited for") {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("it did not end within 40 seconds");
}

#[test]
fn a_second_demo_has_the_same_login_and_a_private_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut first, told) = demo(folder.path());
    assert_eq!(terminate(&mut first), Some(0));
    let (mut second, again) = demo(folder.path());
    assert_eq!((&told["email"], &told["password"]), (&again["email"], &again["password"]));
    assert_eq!(terminate(&mut second), Some(0));
    use std::os::unix::fs::PermissionsExt;
    let mode = |name: &str| std::fs::metadata(folder.path().join(name)).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode("data"), mode("data/secrets.key"), mode("data/login.json")), (0o700, 0o600, 0o600));
}

fn connect(address: &str, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
    stream.write_all(text.as_bytes()).expect("a request");
    stream
}

fn begins(stream: &mut TcpStream, text: &str) {
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(String::from_utf8_lossy(&answer), text);
}

fn address(told: &serde_json::Value) -> String {
    told["url"].as_str().expect("an address").trim_start_matches("http://").to_owned()
}

/// How long it takes to end.
#[allow(clippy::disallowed_methods)] // the real time is what is measured
fn ending(running: &mut Demo) -> Duration {
    let asked = Instant::now();
    assert_eq!(terminate(running), Some(0));
    asked.elapsed()
}

#[test]
fn an_idle_connection_does_not_hold_up_the_drain() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut running, told) = demo(folder.path());
    let _silent = connect(&address(&told), "");
    let mut idle = connect(&address(&told), "GET /healthz HTTP/1.1\r\nhost: rialto\r\n\r\n");
    begins(&mut idle, "HTTP/1.1 200");
    let took = ending(&mut running);
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[test]
fn a_half_sent_request_holds_up_neither_the_drain_nor_a_descriptor() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut running, told) = demo(folder.path());
    let address = address(&told);
    let mut early = connect(&address, "GET /healthz HTTP/1.1\r\nho");
    early.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
    let mut rest = Vec::new();
    early.read_to_end(&mut rest).expect("the server closes it");
    let _head = connect(&address, "POST /sign-in HTTP/1.1\r\nho");
    let body =
        "POST /sign-in HTTP/1.1\r\nhost: rialto\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 100\r\n\r\nemail=";
    let _body = connect(&address, body);
    std::thread::sleep(Duration::from_millis(300));
    let took = ending(&mut running);
    assert!(took < Duration::from_secs(20), "{took:?}: it must not take the whole drain");
}

#[test]
fn the_set_up_script_is_printed_for_whoever_runs_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let printed = output(folder.path(), &["bridge", "setup-script", "personify360"]);
    assert!(printed.status.success(), "{}", errors(&printed));
    let script = String::from_utf8(printed.stdout).expect("text");
    assert!(script.contains("usr_Rialto_Lists") && script.contains("RIALTO_UNSUB"));
    let unknown = output(folder.path(), &["bridge", "setup-script", "none"]);
    assert!(!unknown.status.success() && errors(&unknown).contains("there is no kind none"), "{}", errors(&unknown));
}

#[test]
fn writebacks_are_listed_and_what_cannot_be_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!("[database]\nurl = \"sqlite://rialto.db\"\n[secrets]\nkey = \"{}\"\n[log]\nlevel = \"error\"\n", "5a".repeat(32));
    std::fs::write(folder.path().join("rialto.toml"), text).expect("a file");
    let listed = output(folder.path(), &["writebacks", "list", "--json"]);
    assert!(listed.status.success(), "{}", errors(&listed));
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert_eq!(listed, serde_json::json!({"counts": {}, "items": []}));
    for (words, told) in [
        (&["writebacks", "list", "--state", "lost"][..], "--state: known are"),
        (&["writebacks", "list", "--bridge", "none"], "there is no bridge none"),
        (&["writebacks", "retry", "17"], "this is no id of a writeback"),
        (&["writebacks", "retry", "--all", "--bridge", "none"], "there is no bridge none"),
        (&["writebacks", "cancel", "17", "--reason", " "], "say why"),
    ] {
        let refused = output(folder.path(), words);
        assert!(!refused.status.success() && errors(&refused).contains(told), "{words:?}: {}", errors(&refused));
    }
}
