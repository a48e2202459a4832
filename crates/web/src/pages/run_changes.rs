//! The people and rows behind the figures of a run, as a list that can be sorted, turned, and taken away.

use std::collections::HashMap;

use axum::response::Response;
use rialto_store::views::Way;
use rialto_store::views::api::ChangeKind;
use rialto_store::views::changes::{self, By, Place};
use rialto_store::views::runs::{self as view, Changes, NoteRow, RunRow};

use super::links;
use super::people_table::{Person, persons, told_columns, with_groups};
use super::run_review::{self, Moved, Reviewed};
use super::shell::Reader;
use super::table::{Cell, Column, LIMIT, Order, Sorting, Table, Turn, Turned, chosen, csv};
use crate::error::Error;
use crate::state::App;

/// Lists of people, and of rows that no person stands behind: each with its own choice of columns.
const PEOPLE: &str = "run-people";
const ROWS: &str = "run-rows";

/// Where a tab's rows come from.
#[derive(Clone, Copy)]
enum Source {
    Change(ChangeKind),
    Note(&'static str),
}

impl Source {
    /// Rows of the remote list, rather than people.
    fn of_rows(self) -> bool {
        matches!(self, Self::Note(kind) if !kind.starts_with("plan_"))
    }

    fn table(self) -> &'static str {
        if self.of_rows() { ROWS } else { PEOPLE }
    }
}

pub struct Tab {
    key: &'static str,
    pub name: &'static str,
    pub count: i64,
    pub href: String,
    pub current: bool,
    source: Source,
}

/// Which page of which tab, in which order.
#[derive(serde::Deserialize, Default, Clone)]
#[serde(default)]
pub struct Asked {
    pub show: String,
    /// `address`, else as people came.
    sort: String,
    /// `down` turns the order round.
    dir: String,
    after: String,
    before: String,
}

/// One person or row, and where it stands.
pub struct Line {
    place: String,
    number: i64,
    address: String,
    remote_id: String,
    why: String,
    reviewed: Option<Reviewed>,
    /// The person as they stand today, for an export.
    told: Option<Person>,
}

/// The page of the current tab.
#[derive(Default)]
pub struct Shown {
    pub help: &'static str,
    pub table: Option<Table>,
}

/// The tabs that have something to show; the one asked for, or the first, is current.
pub fn tabs(c: &Changes, href: &str, asked: &str) -> Vec<Tab> {
    let member = |op| Source::Change(ChangeKind::Member(op));
    let flag = |op| Source::Change(ChangeKind::Flag(op));
    let all = [
        ("withheld", "Would leave", c.withheld, member(3)),
        ("lifts_withheld", "Would be mailable again", c.lifts_withheld, flag(3)),
        ("seen_again", "Seen again since", c.seen_again, member(4)),
        ("plan_leave", "Would leave", c.plan_leaves, Source::Note("plan_leave")),
        ("plan_join", "Would join", c.plan_joins, Source::Note("plan_join")),
        ("plan_update", "Would change", c.plan_updates, Source::Note("plan_update")),
        ("plan_suppress", "Would be unsubscribed", c.plan_suppresses, Source::Note("plan_suppress")),
        ("plan_lift", "Would be mailable again", c.plan_lifts, Source::Note("plan_lift")),
        ("left", "Left", c.leaves, member(2)),
        ("joined", "Joined", c.joins, member(1)),
        ("changed", "Changed", c.updated, Source::Change(ChangeKind::Person)),
        ("suppressed", "Unsubscribed", c.suppressed, flag(1)),
        ("lifted", "Mailable again", c.lifted, flag(2)),
        ("kept", "Stays as it is", c.kept, Source::Note("kept")),
        ("rejected", "Rejected rows", c.rejected, Source::Note("rejected")),
        ("duplicate", "Duplicate rows", c.duplicate, Source::Note("duplicate")),
        ("misfit", "Values that do not fit", c.misfits, Source::Note("misfit")),
        ("several", "Several people", c.several, Source::Note("several")),
        ("silenced", "Unsubscribed", c.silenced, Source::Note("silenced")),
    ];
    let mut tabs: Vec<Tab> = all
        .into_iter()
        .filter(|(_, _, count, _)| *count > 0)
        .map(|(key, name, count, source)| Tab {
            key,
            name,
            count,
            href: format!("{href}?show={key}#changes"),
            current: key == asked,
            source,
        })
        .collect();
    if !tabs.iter().any(|t| t.current)
        && let Some(first) = tabs.first_mut()
    {
        first.current = true;
    }
    tabs
}

fn help(key: &str) -> &'static str {
    match key {
        "withheld" => "The remote system no longer lists them. They are still members, and can be mailed as before.",
        "lifts_withheld" => "The remote system now says yes to mail for them. They are not mailed yet.",
        "seen_again" => "A later read brought them again, so they stay whatever is decided.",
        "left" => "They left this list. Nobody was unsubscribed by that.",
        "suppressed" => "The remote system says no to mail for them: unsubscribed from remote system.",
        "lifted" => "The remote system says yes again, and it alone had said no.",
        "changed" => "What stood here before this run, and what stands here now.",
        "kept" => "What was changed since is not taken back, nor an address with which somebody could be mailed again.",
        "rejected" => "Rows without a readable key. Nothing is stored of them, and nobody is removed while there are any.",
        "duplicate" => "The same key came twice in one read; the first row counts.",
        "several" => "More than one person of your systems has this address, so the line joined none of them.",
        "silenced" => "They get no mail from now on, in any list.",
        "misfit" => "The person was stored; only these values were left as they were, or cut.",
        _ => "",
    }
}

impl Asked {
    fn by(&self) -> By {
        if self.sort == "address" { By::Address } else { By::Came }
    }

    fn order(&self) -> Order<'static> {
        Order { key: if self.by() == By::Address { "address" } else { "came" }, down: self.dir == "down" }
    }
}

fn moved<T: PartialEq>(moved: Option<&Moved<T>>, cell: impl Fn(&T) -> Cell) -> Cell {
    match moved {
        None => Cell::None("–"),
        Some(m) if m.before == m.after => cell(&m.after),
        Some(m) => Cell::Moved { before: cell(&m.before).plain(), after: Box::new(cell(&m.after)) },
    }
}

fn person(l: &Line) -> Cell {
    match l.reviewed.as_ref().and_then(|r| r.person.as_ref()) {
        Some(p) => Cell::link(links::person(p.created_at, p.id), &*l.address),
        None if l.address.is_empty() => Cell::None("no address"),
        None => Cell::Text(l.address.clone()),
    }
}

/// The columns of a tab. Rows have a number, a key and a reason; people what was and what is or would be.
fn columns(reader: &Reader, source: Source) -> Vec<Column<Line>> {
    let here = reader.here();
    let remote_id = Column::new("remote_id", "Remote ID", |l: &Line| match l.remote_id.as_str() {
        "" => Cell::None("none"),
        id => Cell::Code(id.to_owned()),
    })
    .short();
    if source.of_rows() {
        let number = Column::new("number", "Row", |l: &Line| Cell::Number(l.number)).always();
        let why = Column::new("why", "Why", |l: &Line| Cell::Text(l.why.clone())).wide();
        return vec![number, remote_id, why];
    }
    let both = Sorting::Both { first_down: false };
    let (by_name, by_coming) = if matches!(source, Source::Change(_)) { (both, both) } else { (Sorting::No, Sorting::No) };
    let word = |w: &&'static str| Cell::Text((*w).to_owned());
    let says = Column::new("flag", "Remote says", move |l: &Line| moved(l.reviewed.as_ref().map(|r| &r.flag), word));
    // Who comes and goes is not about the remote's word; on a common screen the names need its room.
    let of_membership = matches!(source, Source::Change(ChangeKind::Member(_)) | Source::Note("plan_join" | "plan_leave"));
    vec![
        Column::new("address", "Person", person).always().wide().sorted(by_name),
        remote_id,
        Column::new("membership", "Membership", move |l: &Line| moved(l.reviewed.as_ref().map(|r| &r.membership), word)).short(),
        Column::new("mailable", "May be mailed", |l: &Line| {
            moved(l.reviewed.as_ref().map(|r| &r.mailable), |chips| Cell::Chips(chips.clone()))
        }),
        if of_membership { says.on_request() } else { says },
        Column::new("changed", "Changed fields", |l: &Line| Cell::Fields(l.reviewed.as_ref().map(differences).unwrap_or_default())).wide(),
        Column::new("came", "Came", move |l: &Line| {
            Cell::time(l.reviewed.as_ref().and_then(|r| r.person.as_ref()).map(|p| here.when(p.created_at)), "not yet")
        })
        .short()
        .sorted(by_coming)
        .on_request(),
    ]
}

fn differences(r: &Reviewed) -> Vec<(String, String, String)> {
    r.differences.iter().map(|d| (d.label.clone(), d.before.clone(), d.after.clone())).collect()
}

/// Reads the page of a tab.
pub async fn read(reader: &Reader, row: &RunRow, tab: &Tab, asked: &Asked) -> Result<Shown, Error> {
    let base = links::run(row.run.created_at, row.run.id);
    let found = lines(&reader.app, row, tab, asked, Turn::new(&asked.after, &asked.before, LIMIT)).await?;
    let query = |pairs: &[(&str, &str)]| links::query(&[&[("show", tab.key)], pairs].concat());
    let by = |o: Order<'_>| {
        let sort = if o.key == "address" { "address" } else { "" };
        format!("{base}{}#changes", query(&[("sort", sort), ("dir", if o.down { "down" } else { "" })]))
    };
    let columns = columns(reader, tab.source);
    let mut table = Table::of(tab.source.table(), reader, &columns, &found.rows, Some((asked.order(), &by)));
    table.moved = !tab.source.of_rows();
    let order = [("sort", asked.sort.as_str()), ("dir", &asked.dir)];
    table.csv = Some(format!("{base}/export.csv{}", query(&order)));
    found.links(
        &mut table,
        |l| l.place.clone(),
        |after, before| format!("{base}{}#changes", query(&[order[0], order[1], ("after", after), ("before", before)])),
    );
    Ok(Shown { help: help(tab.key), table: Some(table) })
}

async fn lines(app: &App, row: &RunRow, tab: &Tab, asked: &Asked, turn: Turn<'_>) -> Result<Turned<Line>, Error> {
    match tab.source {
        Source::Change(kind) => people(app, row, (kind, tab.count), asked, turn).await,
        Source::Note(kind) => noted(app, row, kind, turn).await,
    }
}

async fn people(app: &App, row: &RunRow, what: (ChangeKind, i64), asked: &Asked, turn: Turn<'_>) -> Result<Turned<Line>, Error> {
    // Turning back in a list that is turned round is reading onward.
    let way = if (turn.way == Way::Back) == (asked.dir == "down") { Way::Onward } else { Way::Back };
    let found = changes::places(&app.db, row.run.id, what, asked.by(), way, Place::read(turn.place), turn.wanted()).await?;
    let page = turn.page(found);
    let ids: Vec<i64> = page.rows.iter().map(|p| p.id).collect();
    let mut reviewed: HashMap<i64, Reviewed> = run_review::of_changes(app, row, &ids).await?.into_iter().collect();
    let rows = page.rows.iter().map(|place| {
        let reviewed = reviewed.remove(&place.id);
        let (address, remote_id) =
            reviewed.as_ref().and_then(|r| r.person.as_ref()).map(|p| (p.address.clone(), p.remote_id.clone())).unzip();
        Line {
            place: place.to_string(),
            number: place.id,
            address: address.unwrap_or_default(),
            remote_id: remote_id.unwrap_or_default(),
            why: String::new(),
            reviewed,
            told: None,
        }
    });
    Ok(Turned { rows: rows.collect(), before: page.before, behind: page.behind })
}

async fn noted(app: &App, row: &RunRow, kind: &str, turn: Turn<'_>) -> Result<Turned<Line>, Error> {
    let from = turn.place.parse().unwrap_or(0);
    let page = turn.page(view::notes(app.db.read(), row.run.id, &[kind], turn.way, from, turn.wanted()).await?);
    let reviewed = if kind.starts_with("plan_") { run_review::of_plan(app, row, &page.rows).await? } else { Vec::new() };
    let mut reviewed = reviewed.into_iter();
    let rows = page.rows.into_iter().map(|n| note(n, reviewed.next())).collect();
    Ok(Turned { rows, before: page.before, behind: page.behind })
}

fn note(n: NoteRow, reviewed: Option<Reviewed>) -> Line {
    let address = serde_json::from_str::<serde_json::Value>(&n.detail).ok().and_then(|v| Some(v.get("address")?.as_str()?.to_owned()));
    Line {
        place: n.number.to_string(),
        number: n.number,
        why: if address.is_some() { String::new() } else { n.detail },
        address: address.unwrap_or_default(),
        remote_id: n.remote_id,
        reviewed,
        told: None,
    }
}

/// Adds what only exports tell.
async fn with_people(app: &App, mut lines: Vec<Line>) -> Result<Vec<Line>, Error> {
    let found = lines.iter().filter_map(|l| l.reviewed.as_ref()?.person.clone()).collect();
    let told = with_groups(app, persons(app, found).await?).await?;
    let mut told: HashMap<i64, Person> = told.into_iter().map(|p| (p.member.id, p)).collect();
    for line in &mut lines {
        line.told = line.reviewed.as_ref().and_then(|r| r.person.as_ref()).and_then(|p| told.remove(&p.id));
    }
    Ok(lines)
}

/// All lines of a tab as a download, with the columns the reader sees and in the order of the page; of people also who they are here.
pub fn export(reader: &Reader, row: RunRow, tab: Tab, asked: Asked) -> Response {
    let mut columns = chosen(reader, tab.source.table(), columns(reader, tab.source));
    if !tab.source.of_rows() {
        columns = told_columns(columns, |l| l.told.as_ref());
    }
    let (app, name) = (reader.app.clone(), format!("sync-run-{}", tab.key));
    let slices = async_stream::try_stream! {
        let mut after = Some(String::new());
        while let Some(place) = after {
            let found = lines(&app, &row, &tab, &asked, Turn::new(&place, "", csv::SLICE)).await?;
            after = found.rows.last().filter(|_| found.behind).map(|l| l.place.clone());
            yield if tab.source.of_rows() { found.rows } else { with_people(&app, found.rows).await? };
        }
    };
    csv::download(&name, columns, slices)
}

/// A stored value as people read it; empty for none.
pub fn value(value: Option<&serde_json::Value>, kind: &str) -> String {
    use serde_json::Value as V;
    match value {
        None | Some(V::Null) => String::new(),
        Some(V::Bool(true)) => "yes".into(),
        Some(V::Bool(false)) => "no".into(),
        Some(v) if kind == "boolean" => {
            if v.as_i64() == Some(0) || v.as_str() == Some("0") {
                "no".into()
            } else {
                "yes".into()
            }
        }
        Some(V::String(s)) if kind == "date_time" => s.replacen('T', " ", 1).trim_end_matches(" 00:00:00").to_owned(),
        Some(V::String(s)) => s.clone(),
        Some(other) => other.to_string(),
    }
}
