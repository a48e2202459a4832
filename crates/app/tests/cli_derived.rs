//! `rialto sync` of a target group that is made of others.

use std::process::{Command, Stdio};

use rialto_core::compound::{Compound, Definition, Mode};
use rialto_store::bridges::Entered;
use rialto_store::compound::{self, New};
use rialto_store::groups::{self, Described};
use rialto_store::{args, bridges};

#[tokio::test(flavor = "multi_thread")]
async fn a_group_made_of_others_is_made_anew_from_the_command_line() {
    for test in rialto_testkit::both().await {
        let who = rialto_testkit::actor();
        let mut tx = test.db.write().await.unwrap();
        let entered = Entered { name: "Members".into(), ..Entered::default() };
        let bridge = bridges::create(&mut tx, &rialto_testkit::vault(), "personify360", &entered, &who).await.unwrap();
        let list = Described {
            code: "L".into(),
            name: "List".into(),
            description: String::new(),
            active: true,
            regeneration: String::new(),
            members: None,
            refreshed_at: None,
            modified_at: None,
        };
        groups::mirror(&mut tx, bridge, "Personify", &[list], true, who.at).await.unwrap();
        tx.commit().await.unwrap();
        let part = groups::of_bridge(test.db.read(), bridge).await.unwrap()[0].id;
        let mut tx = test.db.write().await.unwrap();
        let people = "INSERT INTO subscriber (id, created_at, created_run, bridge_id, remote_id, address, canonical, address_state,
            remote_flag_seen, remote_flag_run, hash) VALUES (1, 1, 1, $1, '1', 'ann@x.example', 'ann@x.example', 0, 1, 0, 1)";
        tx.run(people, args![bridge]).await.unwrap();
        tx.run("INSERT INTO membership (group_id, subscriber_id) VALUES ($1, 1)", args![part]).await.unwrap();
        tx.run("UPDATE target_group SET members = 1, synced_run = 1, synced_at = 1 WHERE id = $1", args![part]).await.unwrap();
        let new = New { name: "Everybody", description: "", folder: "" };
        let definition = Definition::Compound(Compound::new((Mode::Any, vec![part]), None).unwrap());
        let id = compound::create(&mut tx, &new, &definition, &who).await.unwrap();
        tx.commit().await.unwrap();

        let folder = tempfile::tempdir().unwrap();
        let config = format!("[database]\nurl = \"{}\"\n[secrets]\nkey = \"{}\"\n[log]\nlevel = \"error\"\n", test.url, "5a".repeat(32));
        std::fs::write(folder.path().join("rialto.toml"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rialto"));
        command.args(["sync", "everybody", "--json"]).current_dir(folder.path()).env_clear().stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let run: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}{:?}", output.stderr));
        assert!(output.status.success(), "{}: {run:#}", test.name);
        assert_eq!((run["state"].as_str(), &run["counts"]["added"]), (Some("succeeded"), &serde_json::json!(1)), "{run:#}");
        let group = groups::get(test.db.read(), id).await.unwrap().unwrap();
        assert_eq!(group.members, 1);
        let triggers: (i64,) = test.db.read().one("SELECT COUNT(*) FROM sync_run WHERE run_trigger = 'cli'", args![]).await.unwrap();
        assert_eq!(triggers.0, 1, "it is asked for once, and does not follow again");
    }
}
