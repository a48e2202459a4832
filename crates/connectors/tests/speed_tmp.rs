mod support;
use futures::StreamExt;
#[tokio::test(flavor="multi_thread", worker_threads=2)]
#[ignore]
async fn speed() {
    let n = 300_000;
    let remote = support::Remote::start(n).await;
    for f in [vec![], support::fields()] { for rows in ["5000","10000"] {
    let bridge = remote.bridge(&[("page_rows", rows)]);
    let at = tokio::time::Instant::now();
    let mut s = bridge.people("ALL_MEMBERS", &f);
    let mut c = 0;
    while let Some(p) = s.next().await { c += p.unwrap().rows.len(); }
    let t = at.elapsed().as_secs_f64();
    eprintln!("{c} rows, {} fields, pages {rows}: {t:.2} s = {:.0} rows/s; calls {}", f.len(), c as f64 / t, remote.calls());
    }}
}
