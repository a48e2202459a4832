//! `rialto upload`: a file for a target group, or of unsubscribers; planned, and applied unless only the plan is wanted.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use axum::body::Bytes;
use rialto_core::run::{RunState, Trigger};
use rialto_core::upload::{UploadMode, fold};
use rialto_store::runs::Run;
use rialto_store::uploads::{self, For, New};
use rialto_web::receive;
use serde_json::json;
use tokio::io::AsyncReadExt;

use super::{print_json, runs};
use crate::cli::Upload;
use crate::parts::Parts;

pub async fn run(args: &Upload) -> anyhow::Result<ExitCode> {
    let parts = Parts::open(&args.configured).await?;
    let id = bring(&parts, args).await?;
    let (planned, _) = uploads::last_runs(&parts.db, id).await?;
    let Some(planned) = planned else {
        bail!("Rialto cannot tell which column holds the e-mail addresses. Open the upload under Subscribers > Upload and choose it.");
    };
    let mut run = runs::finish(&parts, planned.id, args.json).await?;
    if !args.plan && run.state() == RunState::Succeeded {
        let mut tx = parts.db.write().await?;
        let asked = uploads::apply(&mut tx, id, Trigger::Cli, &parts.actor()).await?;
        tx.commit().await?;
        run = runs::finish(&parts, asked.run_id, args.json).await?;
    }
    if args.json {
        print_json(&runs::as_json(&run))
    } else {
        print(&run)
    }
    parts.db.close().await;
    Ok(ExitCode::from(runs::exit_code(&run)))
}

async fn bring(parts: &Parts, args: &Upload) -> anyhow::Result<i64> {
    let targets = uploads::targets(parts.db.read()).await?;
    let whom = match (&args.group, &args.evidence) {
        (Some(name), None) => match targets.iter().find(|t| fold(&t.name) == fold(name.trim())) {
            Some(target) => For::Group(target.id),
            None => For::NewGroup(name),
        },
        (None, Some(evidence)) => For::Silence(evidence),
        _ => bail!("give --group for people, or --unsubscribers with where the list comes from"),
    };
    let mode = if args.replace { UploadMode::Replace } else { UploadMode::Add };
    let name = receive::shown_name(&args.file.to_string_lossy());
    let pieces = Box::pin(read(&args.file).await?);
    let kept = receive::file(&parts.db, &parts.clock, New { file_name: &name, whom, mode }, &parts.actor(), pieces).await;
    kept.map_err(|e| match e {
        rialto_web::Error::Invalid(faults) => anyhow::anyhow!(faults.into_iter().map(|f| f.detail).collect::<Vec<_>>().join(" ")),
        other => anyhow::anyhow!(other.to_string()),
    })
}

async fn read(path: &Path) -> anyhow::Result<impl futures::Stream<Item = Result<Bytes, rialto_web::Error>> + use<>> {
    let mut file = tokio::fs::File::open(path).await.with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(async_stream::stream! {
        let mut buffer = vec![0; 256 << 10];
        loop {
            match file.read(&mut buffer).await {
                Ok(0) => break,
                Ok(n) => yield Ok(Bytes::copy_from_slice(&buffer[..n])),
                Err(e) => {
                    yield Err(rialto_web::Error::BadRequest(format!("The file cannot be read to its end: {e}.")));
                    break;
                }
            }
        }
    })
}

fn print(run: &Run) {
    let c = run.counts();
    println!("{}{}. {} {}", run.state, if run.plan_only { " (plan)" } else { "" }, run.reason, run.advice);
    let told = json!({"read": c.read, "added": c.added, "created": c.created, "updated": c.updated, "unchanged": c.unchanged,
        "duplicate": c.duplicate, "rejected": c.rejected, "removed": c.removed, "suppressed": c.suppressed});
    for (name, figure) in told.as_object().into_iter().flatten() {
        println!("  {name:10} {figure}");
    }
}
