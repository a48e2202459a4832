//! A PostgreSQL of a test's own, which it may stop. The shared one of all tests never is.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub struct Server {
    folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
    /// The server refuses to run as root.
    user: Option<(u32, u32)>,
}

/// Where the newest version has its programs.
fn programs() -> PathBuf {
    let version = |p: &PathBuf| p.file_name().and_then(|n| n.to_str()?.parse::<u32>().ok()).unwrap_or_default();
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|e| e.path());
    let newest = installed.filter(|p| p.join("bin/pg_ctl").exists()).max_by_key(version).map(|p| p.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = newest.or_else(|| std::env::split_paths(&path).find(|p| p.join("pg_ctl").exists() && p.join("initdb").exists()));
    found.expect("the programs of PostgreSQL are neither in /usr/lib/postgresql nor in PATH: run the tests with `make test`")
}

/// The user `postgres`, if this is root.
fn user() -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let known = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = known.lines().find(|l| l.starts_with("postgres:")).expect("there is no user postgres");
    let mut numbers = line.split(':').skip(2).map(|n| n.parse().unwrap());
    Some((numbers.next().unwrap(), numbers.next().unwrap()))
}

impl Server {
    /// Made and running, with durable commits.
    pub fn start_new() -> Self {
        let (folder, user) = (tempfile::tempdir().unwrap(), user());
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let server = Self { folder, programs: programs(), port, user };
        let data = server.data();
        server.run("initdb", &["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
        server.start();
        server
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    pub fn start(&self) {
        let options = format!("-c listen_addresses=127.0.0.1 -p {} -k ''", self.port);
        let log = self.path("log");
        self.run("pg_ctl", &["-D", &self.data(), "-l", &log, "-w", "-t", "60", "-o", &options, "start"]);
    }

    /// `fast` sends everybody away, `immediate` ends it as a crash would.
    pub fn stop(&self, mode: &str) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", mode, "-w", "-t", "60", "stop"]);
    }

    fn data(&self) -> String {
        self.path("data")
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn command(&self, program: &str, words: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.args(words).current_dir(Path::new("/")).stdin(Stdio::null()).stdout(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn run(&self, program: &str, words: &[&str]) {
        assert!(self.command(program, words).status().unwrap().success(), "{program} {words:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.data();
        let _ = self.command("pg_ctl", &["-D", &data, "-m", "immediate", "-w", "-t", "30", "stop"]).stderr(Stdio::null()).status();
    }
}
