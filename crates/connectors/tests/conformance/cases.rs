//! Cases: each is tried by itself, many side by side; all that fail are told together.

use std::collections::BTreeSet;

use futures::StreamExt;
use futures::future::BoxFuture;

use super::subject::Subject;
use super::table;

/// Cases at once.
const AT_ONCE: usize = 16;

/// What was found in words of the table, or what is wrong.
pub type Found = Result<String, String>;

/// One case. Several may make up one row of the table.
pub struct Case {
    pub about: &'static str,
    pub fault: String,
    /// What tells it from others of its row.
    pub detail: String,
    pub tried: BoxFuture<'static, Found>,
}

impl Case {
    pub fn new(about: &'static str, fault: impl Into<String>, tried: impl Future<Output = Found> + Send + 'static) -> Self {
        Self { about, fault: fault.into(), detail: String::new(), tried: Box::pin(tried) }
    }

    pub fn at(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// A row of the table as one connector has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub about: String,
    pub fault: String,
    pub found: String,
}

/// Not so: the case ends with these words.
macro_rules! hold {
    ($so:expr, $($words:tt)+) => {
        if !$so {
            return Err(format!($($words)+));
        }
    };
}
pub(super) use hold;

/// Words for what one connector need not do.
pub const NOT_ASKED: &str = "–";

/// Tries all cases of a part, fails with all that went wrong, and has the table keep or compare what was found.
pub async fn examine<S: Subject>(cases: Vec<Case>) {
    let mut rows: Vec<(String, String, BTreeSet<String>)> = Vec::new();
    let mut places = Vec::new();
    for case in &cases {
        let at = rows.iter().position(|(about, fault, _)| about == case.about && *fault == case.fault);
        places.push(at.unwrap_or_else(|| {
            rows.push((case.about.to_owned(), case.fault.clone(), BTreeSet::new()));
            rows.len() - 1
        }));
    }
    let tries = cases.into_iter().zip(places).map(|(case, place)| async move {
        let Case { about, fault, detail, tried } = case;
        let found = tokio::spawn(tried).await.unwrap_or_else(|e| Err(format!("it panicked: {e}")));
        (place, found.map_err(|why| format!("{about} / {fault} / {detail}: {why}")))
    });
    let mut wrong = Vec::new();
    let mut tried = futures::stream::iter(tries).buffer_unordered(AT_ONCE);
    while let Some((place, found)) = tried.next().await {
        match found {
            Ok(found) => drop(rows[place].2.insert(found)),
            Err(why) => wrong.push(why),
        }
    }
    assert!(wrong.is_empty(), "{} does not conform:\n{}", S::COLUMN, wrong.join("\n"));
    let rows = rows.into_iter().map(|(about, fault, mut found)| {
        if found.len() > 1 {
            found.remove(NOT_ASKED);
        }
        Row { about, fault, found: found.into_iter().collect::<Vec<_>>().join(", ") }
    });
    table::keep_or_compare(S::COLUMN, &rows.collect::<Vec<_>>());
}
