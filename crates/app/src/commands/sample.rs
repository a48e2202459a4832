//! `rialto sample-data`: an empty database filled with invented people, target groups and runs, to try and measure pages.

use std::collections::BTreeMap;
use std::process::ExitCode;

use rialto_store::bridges::{self, Entered};
use rialto_store::seed::{self, Size};

use crate::cli::SampleData;
use crate::parts::Parts;

pub async fn run(args: SampleData) -> anyhow::Result<ExitCode> {
    let parts = Parts::open(&args.configured).await?;
    // Switched off: what it mirrors exists nowhere.
    let entered = Entered {
        name: "Sample data".into(),
        settings: BTreeMap::from([("base_url".into(), "https://personify.example.org/PersonifyData.svc".into())]),
        secrets: BTreeMap::from([("username".into(), "nobody".into()), ("password".into(), "nothing".into())]),
        enabled: false,
    };
    let who = parts.actor();
    let mut tx = parts.db.write().await?;
    let bridge = bridges::create(&mut tx, &parts.vault, "personify360", &entered, &who).await?;
    tx.commit().await?;
    let size = Size { people: args.people, groups: args.groups, runs: args.runs };
    seed::fill(&parts.db, bridge, size, &who, |what| eprintln!("{what} …")).await?;
    parts.db.close().await;
    println!("{} people, {} target groups and {} sync runs were written.", args.people, args.groups, args.runs);
    Ok(ExitCode::SUCCESS)
}
