//! An upload from the first byte to the last count, beside the raw limit: the same rows into the same tables, as fast as the database
//! takes them. CSV goes as far as people ask for; XLSX is a tenth of it.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use axum::body::Bytes;
use rialto_core::Instant;
use rialto_core::consent::Flag;
use rialto_core::fields::Cell;
use rialto_core::person::{Mapped, RemotePerson, map};
use rialto_core::run::{RunState, Trigger};
use rialto_core::upload::{SOURCE, UploadMode};
use rialto_engine::Engine;
use rialto_store::people::{self, Bound, insert_rows};
use rialto_store::uploads::{self, For, New};
use rialto_store::{Db, fields, runs};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::child::peak_mib;
use crate::load;

const FIELDS: [&str; 3] = ["First name", "Last name", "City"];

/// Head of the table.
const HEAD: &str = "| database | file | rows | part | seconds | rows/s | of the raw limit | peak MiB |\n|---|---|---|---|---|---|---|---|";

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Took {
    receive: f64,
    plan: f64,
    apply: f64,
    peak_mib: u64,
}

/// The cells of one row: addresses in no order, as lists are.
fn row(n: u64) -> [String; 4] {
    let key = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 24;
    [format!("p{key:010x}@list{}.example", n % 50), format!("First{}", n % 900), format!("Last{}", n % 7_000), format!("City {}", n % 300)]
}

fn write_csv(path: &Path, rows: u64) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(out, "E-mail,{}", FIELDS.join(","))?;
    for n in 0..rows {
        writeln!(out, "{}", row(n).join(","))?;
    }
    Ok(out.flush()?)
}

/// The rows as a sheet, packed by the system's own tool.
async fn write_xlsx(folder: &Path, rows: u64) -> Result<std::path::PathBuf> {
    let sheets = folder.join("x/xl/worksheets");
    std::fs::create_dir_all(&sheets)?;
    let book = r#"<workbook xmlns:r="r"><sheets><sheet name="One" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
    std::fs::write(folder.join("x/xl/workbook.xml"), book)?;
    let mut out = std::io::BufWriter::new(std::fs::File::create(sheets.join("sheet1.xml"))?);
    write!(out, "<worksheet><sheetData>")?;
    let cell = |text: &str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let heads = ["E-mail", FIELDS[0], FIELDS[1], FIELDS[2]].map(cell).concat();
    write!(out, "<row r=\"1\">{heads}</row>")?;
    for n in 0..rows {
        write!(out, "<row r=\"{}\">{}</row>", n + 2, row(n).each_ref().map(|c| cell(c)).concat())?;
    }
    write!(out, "</sheetData></worksheet>")?;
    out.flush()?;
    drop(out);
    let script = "import shutil,sys; shutil.make_archive(sys.argv[1], 'zip', sys.argv[2])";
    let done = Command::new("python3").args(["-c", script]).arg(folder.join("list")).arg(folder.join("x")).status().await?;
    if !done.success() {
        bail!("the sheet could not be packed");
    }
    Ok(folder.join("list.zip"))
}

/// The raw limit: one transaction of bulk inserts, nothing compared.
pub async fn insert(url: &str, rows: u64) -> Result<()> {
    let db = Db::open(url).await?;
    let specs = uploads::ensure_fields(&db, &FIELDS, true).await?;
    let all: Vec<Mapped> = (0..rows)
        .filter_map(|n| {
            let [address, cells @ ..] = row(n);
            let cells = cells.map(Cell::Text).into();
            map(RemotePerson { remote_id: Some(address.clone()), address: Some(address), flag: Flag::Yes, cells }, &specs).ok()
        })
        .collect();
    let (columns, profile) = (people::COLUMNS.map(str::to_owned), people::profile_columns(&specs));
    let began = tokio::time::Instant::now();
    let mut tx = db.write().await?;
    let mut id = 0;
    for some in all.chunks(20_000) {
        let first = id + 1;
        let (mut cells, mut profiles) = (Vec::new(), Vec::new());
        for row in some {
            id += 1;
            cells.extend(people::person_cells(id, row, SOURCE, 1, false, Instant(1)));
            profiles.extend(people::profile_cells(id, row));
        }
        insert_rows(&mut tx, "subscriber", &columns, &cells).await?;
        insert_rows(&mut tx, &fields::table(SOURCE), &profile, &profiles).await?;
        let members: Vec<Bound<'_>> = (first..=id).flat_map(|n| [Bound::Int(1), Bound::Int(n)]).collect();
        insert_rows(&mut tx, "membership", &["group_id", "subscriber_id"].map(str::to_owned), &members).await?;
        let changes: Vec<Bound<'_>> = (first..=id).flat_map(|n| [Bound::Int(1), Bound::Int(n), Bound::Int(1)]).collect();
        insert_rows(&mut tx, "membership_change", &["run_id", "subscriber_id", "op"].map(str::to_owned), &changes).await?;
    }
    tx.commit().await?;
    println!("{}", began.elapsed().as_secs_f64());
    db.close().await;
    Ok(())
}

/// One upload as a program would bring it: the file received, planned, applied.
pub async fn upload(url: &str, path: &str) -> Result<()> {
    let db = Db::open(url).await?;
    let parts = load::parts(&db)?;
    let engine = Engine::new(parts, "bench");
    let began = tokio::time::Instant::now();
    let mut file = std::fs::File::open(path)?;
    let pieces = futures::stream::iter(std::iter::from_fn(move || {
        let mut buffer = vec![0; 64 << 10];
        match std::io::Read::read(&mut file, &mut buffer) {
            Ok(0) | Err(_) => None,
            Ok(n) => Some(Ok(Bytes::copy_from_slice(&buffer[..n]))),
        }
    }));
    let new = New { file_name: "list", whom: For::NewGroup("Bench"), mode: UploadMode::Add };
    let kept = rialto_web::receive::file(&db, &load::clock(), new, &load::actor(), Box::pin(pieces)).await;
    let id = kept.map_err(|e| anyhow::anyhow!(e.to_string()))?;
    let receive = began.elapsed().as_secs_f64();
    engine.run_until_idle().await?;
    let plan = began.elapsed().as_secs_f64() - receive;
    let mut tx = db.write().await?;
    let asked = uploads::apply(&mut tx, id, Trigger::Cli, &load::actor()).await?;
    tx.commit().await?;
    let applying = tokio::time::Instant::now();
    engine.run_until_idle().await?;
    let apply = applying.elapsed().as_secs_f64();
    let run = runs::get(db.read(), asked.run_id).await?.context("the run is there")?;
    if run.state() != RunState::Succeeded || run.counts().rejected + run.counts().duplicate > 0 {
        bail!("the run ended as {}: {}", run.state, run.reason);
    }
    eprintln!("         {}", run.stats);
    println!("{}", serde_json::to_string(&Took { receive, plan, apply, peak_mib: peak_mib() })?);
    db.close().await;
    Ok(())
}

async fn part(args: &[&str]) -> Result<String> {
    let done = Command::new(std::env::current_exe()?).args(args).stderr(Stdio::inherit()).output().await?;
    if !done.status.success() {
        bail!("{} failed", args.join(" "));
    }
    Ok(String::from_utf8(done.stdout)?.trim().to_owned())
}

/// Both kinds of file on both databases.
pub async fn all(server: &str, rows: u64) -> Result<()> {
    println!("{HEAD}");
    for name in ["sqlite", "postgres"] {
        let folder = tempfile::tempdir()?;
        let csv = folder.path().join("list.csv");
        write_csv(&csv, rows)?;
        let url = crate::database(name, server, folder.path(), "upload_raw", rows).await?;
        let raw: f64 = part(&["upload-insert", &url, &rows.to_string()]).await?.parse()?;
        println!("| {name} | – | {rows} | raw: bulk insert | {raw:.1} | {:.0} | – | – |", rows as f64 / raw);
        let some = rows / 10;
        let xlsx = write_xlsx(folder.path(), some).await?;
        for (kind, path, rows, raw) in [("CSV", csv, rows, raw), ("XLSX", xlsx, some, raw / 10.0)] {
            let url = crate::database(name, server, folder.path(), &format!("upload_{}", kind.to_lowercase()), rows).await?;
            let took: Took = serde_json::from_str(&part(&["upload", &url, &path.display().to_string()]).await?)?;
            let line = |what: &str, seconds: f64| {
                println!(
                    "| {name} | {kind} | {rows} | {what} | {seconds:.1} | {:.0} | {:.2} | {} |",
                    rows as f64 / seconds,
                    raw / seconds,
                    took.peak_mib
                );
            };
            line("received and looked at", took.receive);
            line("planned", took.plan);
            line("applied", took.apply);
            line("received and applied", took.receive + took.apply);
            line("all together", took.receive + took.plan + took.apply);
        }
    }
    Ok(())
}
