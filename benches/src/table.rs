//! The table that `make bench` prints (Markdown).

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    pub rows: u64,
    pub seconds: f64,
    pub peak_mib: u64,
    pub longest_write_ms: u64,
    pub people_written: u64,
    /// Of pages asked for while the sync ran.
    #[serde(default)]
    pub page_p95_ms: f64,
}

impl Measured {
    pub fn rows_per_second(&self) -> f64 {
        self.rows as f64 / self.seconds.max(0.001)
    }
}

#[derive(Default)]
pub struct Table(Vec<String>);

impl Table {
    #[allow(clippy::too_many_arguments)] // one line of the table
    pub fn add(
        &mut self,
        name: &str,
        people: u64,
        fetch: Measured,
        insert: Measured,
        first: Measured,
        unchanged: Measured,
        changed: Measured,
    ) {
        let slower = fetch.rows_per_second().min(insert.rows_per_second());
        let line = |part: &str, m: Measured, ratio: String| {
            format!(
                "| {name} | {people} | {part} | {:.1} | {:.0} | {ratio} | {} | {} | {:.0} | {} |",
                m.seconds,
                m.rows_per_second(),
                m.people_written,
                m.longest_write_ms,
                m.page_p95_ms,
                m.peak_mib
            )
        };
        self.0.push(line("raw: page fetch", fetch, "–".into()));
        self.0.push(line("raw: bulk insert", insert, "–".into()));
        self.0.push(line("first load", first, format!("{:.2} of the slower raw limit", first.rows_per_second() / slower)));
        self.0.push(line("unchanged", unchanged, format!("{:.2} of page fetch", unchanged.rows_per_second() / fetch.rows_per_second())));
        self.0.push(line("1 % changed, ½ % new, ½ % gone", changed, format!("{:.2} × unchanged", changed.seconds / unchanged.seconds)));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| database | people | part | seconds | rows/s | ratio | people written | longest write ms | page p95 ms | peak MiB |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|")?;
        self.0.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
