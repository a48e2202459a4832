//! Calls of the service: from a body to an answer.

use crate::faults::Tweaks;
use crate::membersuite::criteria::Criteria;
use crate::membersuite::msql::{self, Shown, Statement};
use crate::membersuite::refusal::{Code, Refusal};
use crate::membersuite::sandbox::Sandbox;
use crate::membersuite::schema::Class;
use crate::membersuite::search::Search;
use crate::membersuite::value::Object;
use crate::membersuite::xml::Node;
use crate::membersuite::{save, state, wire};

/// Columns of one answer.
const MOST_COLUMNS: usize = 200;

/// A call whose signature was checked.
pub(crate) struct Call {
    pub operation: String,
    pub body: Node,
}

pub(crate) const OPERATIONS: &[&str] =
    &["WhoAmI", "ExecuteMSQL", "ExecuteSearch", "Get", "Save", "Delete", "DescribeObject", "GetPotentialEmailBlastRecipients"];

impl Call {
    /// What the call is about, as fault rules and the log name it: a class.
    pub(crate) fn entity(&self, seed: u64) -> Option<String> {
        let class = match self.operation.as_str() {
            "ExecuteMSQL" => msql::parse(self.text("msqlStatement")).ok().map(|statement| statement.class),
            "ExecuteSearch" => self.body.child("searchToExecute").and_then(|search| search.child_text("Type")).map(str::to_owned),
            "Save" => self.body.child("objectToSave").and_then(|object| object.child_text("ClassType")).map(str::to_owned),
            "Get" | "Delete" => crate::membersuite::ids::read(seed, self.text("id")).map(|(class, _)| class.name.to_owned()),
            "DescribeObject" => Some(self.text("objectType").to_owned()),
            _ => None,
        };
        class.map(|class| Class::named(&class).map_or_else(|| class.chars().take(60).collect(), |class| class.name.to_owned()))
    }

    /// For searches that read more than a count: whether this is the first page.
    pub(crate) fn first_page(&self) -> Option<bool> {
        let most: usize = self.text("maximumNumberOfRecordsToReturn").parse().unwrap_or(usize::MAX);
        (self.operation == "ExecuteSearch" && most > 1).then(|| self.text("startRecord") == "0")
    }

    fn text(&self, name: &str) -> &str {
        self.body.child_text(name).unwrap_or_default().trim()
    }

    /// Where to begin and how many to give.
    fn range(&self, most: usize) -> Result<(usize, usize), Refusal> {
        let number = |name: &str, usual: usize| match self.text(name) {
            "" => Ok(usual),
            text => text.parse().map_err(|_| Refusal::about(Code::IllegalParameter, name, format!("{name} is no number from 0 on."))),
        };
        Ok((number("startRecord", 0)?, number("maximumNumberOfRecordsToReturn", most)?.min(most)))
    }
}

/// The content of `ResultValue`.
pub(crate) type Answered = Result<Option<String>, Refusal>;

/// Carries out a call.
pub(crate) fn answer(sandbox: &Sandbox, call: &Call, tweaks: Tweaks<'_>) -> Answered {
    match call.operation.as_str() {
        "WhoAmI" => Ok(Some(format!("<a:Association>{}</a:Association>", sandbox.options().association_id))),
        "ExecuteMSQL" => execute_msql(sandbox, call, tweaks).map(Some),
        "ExecuteSearch" => execute_search(sandbox, call, tweaks).map(Some),
        "Get" => get(sandbox, call, tweaks).map(Some),
        "Save" => {
            let saved = save::save(sandbox, call.body.child("objectToSave"))?;
            let saved = if tweaks.wrong_entity() { save::somebody_else(saved) } else { saved };
            Ok(Some(wire::object(&saved, tweaks)))
        }
        "Delete" => save::delete(sandbox, call.text("id")).map(|()| None),
        "DescribeObject" => {
            let name = call.text("objectType");
            Class::named(name).map(|class| Some(wire::described(class))).ok_or_else(|| Refusal::no_class(name))
        }
        _ => {
            let eligible = |found: &crate::membersuite::Found| found.public && found.active && found.applicable_type == "Individual";
            let pairs: Vec<_> = sandbox.searches().into_iter().filter(eligible).map(|found| (found.name, found.id)).collect();
            Ok(Some(wire::pairs(&pairs)))
        }
    }
}

fn get(sandbox: &Sandbox, call: &Call, tweaks: Tweaks<'_>) -> Result<String, Refusal> {
    let id = call.text("id");
    let object = sandbox.read().object(id).ok_or_else(|| Refusal::no_record(id))?;
    Ok(wire::object(&object, tweaks))
}

/// Objects of a class in the order asked for.
fn sorted(sandbox: &Sandbox, class: &'static Class, criteria: &Criteria, by: &[(String, bool)]) -> Result<Vec<Object>, Refusal> {
    let mut objects = sandbox.read().find(class, criteria)?;
    state::sort(class, &mut objects, by)?;
    Ok(objects)
}

fn execute_msql(sandbox: &Sandbox, call: &Call, tweaks: Tweaks<'_>) -> Result<String, Refusal> {
    let Statement { shown, class, criteria, sort } = msql::parse(call.text("msqlStatement"))?;
    let class = Class::named(&class).ok_or_else(|| Refusal::no_class(&class))?;
    let (from, most) = call.range(sandbox.options().max_rows)?;
    match shown {
        Shown::Columns(names) => {
            let columns = columns(class, &names)?;
            let objects = if tweaks.empty() { Vec::new() } else { sorted(sandbox, class, &criteria, &sort)? };
            let total = tweaks.total(objects.len() as u64);
            let rows = keyed(objects.into_iter().skip(from).take(most), tweaks);
            let table = wire::Table { class, columns: &columns, rows: &rows, from, total }.write(tweaks);
            Ok(wire::msql(None, Some(&table), None))
        }
        Shown::Objects => {
            let objects = if tweaks.empty() { Vec::new() } else { sorted(sandbox, class, &criteria, &sort)? };
            let total = tweaks.total(objects.len() as u64);
            let page: Vec<Object> = objects.into_iter().skip(from).take(most).collect();
            Ok(wire::msql(Some(&wire::objects(&page, total, tweaks)), None, None))
        }
        Shown::Object => {
            let first = sorted(sandbox, class, &criteria, &sort)?.into_iter().next();
            let first = first.map(|object| wire::object(&object, tweaks));
            Ok(wire::msql(None, None, first.as_deref()))
        }
    }
}

fn keyed(objects: impl Iterator<Item = Object>, tweaks: Tweaks<'_>) -> Vec<(Object, bool)> {
    objects.zip(0..).map(|(object, row)| (object, !tweaks.drops_key(row))).collect()
}

fn columns(class: &'static Class, names: &[String]) -> Result<Vec<usize>, Refusal> {
    if names.is_empty() || names.len() > MOST_COLUMNS {
        return Err(Refusal::about(Code::IllegalParameter, "OutputColumns", "A search shows between 1 and 200 columns."));
    }
    let mut columns: Vec<usize> = Vec::new();
    for name in names {
        let at = class.place(name).ok_or_else(|| Refusal::no_field(class, name))?;
        if !columns.contains(&at) {
            columns.push(at);
        }
    }
    Ok(columns)
}

fn execute_search(sandbox: &Sandbox, call: &Call, tweaks: Tweaks<'_>) -> Result<String, Refusal> {
    let node = call.body.child("searchToExecute").filter(|node| !node.nil());
    let search = Search::read(node.ok_or_else(|| Refusal::new(Code::IllegalParameter, "There is no search to execute."))?)?;
    let class = Class::named(&search.kind).ok_or_else(|| Refusal::no_class(&search.kind))?;
    let columns = columns(class, &search.columns)?;
    let (from, most) = call.range(sandbox.options().max_rows)?;
    let page = page(sandbox, class, &search, (from, most), tweaks)?;
    let rows = if tweaks.empty() { Vec::new() } else { keyed(page.rows.into_iter(), tweaks) };
    let table = wire::Table { class, columns: &columns, rows: &rows, from, total: tweaks.total(page.total) };
    Ok(table.write(tweaks))
}

struct Page {
    rows: Vec<Object>,
    total: u64,
}

fn page(sandbox: &Sandbox, class: &'static Class, search: &Search, range: (usize, usize), tweaks: Tweaks<'_>) -> Result<Page, Refusal> {
    let (mut from, most) = range;
    let repeats = tweaks.duplicates() && from > 0;
    if repeats {
        from -= 1;
    }
    let state = sandbox.read();
    let only_by_id = search.sort.iter().all(|(name, down)| name.eq_ignore_ascii_case("ID") && !down);
    if class.name == "Individual" && only_by_id {
        // The order in which they are found: no need to make all of them for one page.
        let found = state.individuals(&search.criteria)?;
        let end = search.top.map_or(found.len(), |top| top.min(found.len()));
        let numbers = found.get(from.min(end)..end).unwrap_or_default();
        let rows = numbers.iter().take(most).map(|number| state.person(*number).object()).collect();
        return Ok(Page { rows, total: end as u64 });
    }
    let mut objects = state.find(class, &search.criteria)?;
    state::sort(class, &mut objects, &search.sort)?;
    objects.truncate(search.top.unwrap_or(usize::MAX));
    Ok(Page { total: objects.len() as u64, rows: objects.into_iter().skip(from).take(most).collect() })
}

/// Between the pages of a read: somebody leaves what the search finds, and somebody else joins.
pub(crate) fn disturb_search(sandbox: &Sandbox, call: &Call, behind: bool) {
    let Some(Ok(search)) = call.body.child("searchToExecute").map(Search::read) else { return };
    let Ok((from, _)) = call.range(sandbox.options().max_rows) else { return };
    let mut state = sandbox.write();
    let Ok(found) = state.individuals(&search.criteria) else { return };
    let others = |wanted: &dyn Fn(u64) -> bool| {
        let outside = |number: &u64| state.exists(*number) && found.binary_search(number).is_err() && wanted(*number);
        (1..=state.end).find(outside)
    };
    let position = found.get(from).copied().unwrap_or(state.end);
    let (leaves, joins) = if behind {
        (found.first().copied(), others(&|number| number > position))
    } else {
        (found.last().copied(), others(&|number| number < position))
    };
    state.pin(&search.criteria, leaves.as_slice(), false);
    state.pin(&search.criteria, joins.as_slice(), true);
}
