//! Requests to the data service: from the address to an answer.

use crate::faults::Tweaks;
use crate::personify360::answer::{ATOM, Answer, JSON, Refusal, XML};
use crate::personify360::odata::atom::{self, View};
use crate::personify360::odata::filter::Expr;
use crate::personify360::odata::json;
use crate::personify360::odata::metadata::{metadata, service_document};
use crate::personify360::odata::read::read;
use crate::personify360::odata::schema::Entity;
use crate::personify360::odata::value::Value;
use crate::personify360::procedures::{self, Call};
use crate::personify360::sandbox::Sandbox;
use crate::personify360::save;
use crate::target::{segment, unquote};

/// A request whose address and headers were read.
pub(crate) struct Request {
    pub post: bool,
    /// Path below the service root, decoded, without slashes at its ends.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub json: bool,
    /// Whether the client knows OData 2, whose collections are `d.results`.
    pub second: bool,
    /// Address of the service root, with a slash at its end.
    pub base: String,
    pub body: Vec<u8>,
    /// The procedure call in the body, if the path asks for one.
    pub call: Option<Result<Call, Refusal>>,
}

impl Request {
    fn option(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Request {
    /// The entity that Create, Save and Delete name.
    pub(crate) fn entity(&self) -> Option<&str> {
        let acts = matches!(self.path.as_str(), "Create" | "Save" | "Delete");
        self.option("EntityName").filter(|_| acts).and_then(|name| unquote(name.trim()))
    }
}

/// The path that runs stored procedures.
pub(crate) const PROCEDURE_PATH: &str = "GetStoredProcedureDataXML";

/// Carries out a request.
pub(crate) fn answer(sandbox: &Sandbox, request: &Request, tweaks: Tweaks<'_>) -> Answer {
    let result = match (request.path.as_str(), request.post) {
        (PROCEDURE_PATH, true) => procedure(sandbox, request, tweaks),
        (PROCEDURE_PATH | "Save" | "Delete", false) | ("Create", true) => Err(Refusal::new(405, "This method is not allowed here.")),
        ("Create", false) => create(sandbox, request, tweaks),
        ("Save", true) => write(sandbox, request, tweaks, save::save),
        ("Delete", true) => write(sandbox, request, tweaks, save::delete),
        (_, true) => Err(Refusal::new(405, "Entities are written with Save.")),
        ("", false) => {
            let names = &sandbox.options().entity_sets;
            Ok(Answer::ok(XML, service_document(&request.base, names)))
        }
        ("$metadata", false) => Ok(Answer::ok(XML, metadata(&sandbox.options().entity_sets))),
        (_, false) => entities(sandbox, request, tweaks),
    };
    result.unwrap_or_else(|refusal| refusal.answer(request.json))
}

fn procedure(sandbox: &Sandbox, request: &Request, tweaks: Tweaks<'_>) -> Result<Answer, Refusal> {
    match &request.call {
        Some(Ok(call)) => procedures::run(sandbox, call, tweaks).map(|body| Answer::ok(XML, body)),
        Some(Err(refusal)) => Err(Refusal::new(refusal.status, refusal.message.clone())),
        None => Err(Refusal::bad("The body is missing.")),
    }
}

fn named_entity(request: &Request) -> Result<&'static Entity, Refusal> {
    let quoted = request.option("EntityName").ok_or_else(|| Refusal::bad("The parameter EntityName is missing."))?;
    let name = unquote(quoted.trim()).ok_or_else(|| Refusal::bad("EntityName must be in single quotes."))?;
    Entity::named(name).ok_or_else(|| Refusal::new(404, format!("No entity '{name}' exists.")))
}

fn create(sandbox: &Sandbox, request: &Request, tweaks: Tweaks<'_>) -> Result<Answer, Refusal> {
    let entity = named_entity(request)?;
    let row = save::create(sandbox, entity);
    Ok(show_one(sandbox, request, entity, &row, tweaks))
}

fn write(
    sandbox: &Sandbox,
    request: &Request,
    tweaks: Tweaks<'_>,
    act: impl FnOnce(&Sandbox, &Entity, &Vec<Option<Value>>) -> Result<Vec<Value>, Refusal>,
) -> Result<Answer, Refusal> {
    let entity = named_entity(request)?;
    let given = save::parse(entity, &request.body, request.json)?;
    let mut row = act(sandbox, entity, &given)?;
    if tweaks.wrong_entity()
        && let Some(master) = entity.column("MasterCustomerId").and_then(|at| row.get_mut(at))
    {
        *master = Value::Text("999999999999".to_owned());
    }
    Ok(show_one(sandbox, request, entity, &row, tweaks))
}

fn show_one(sandbox: &Sandbox, request: &Request, entity: &'static Entity, row: &[Value], tweaks: Tweaks<'_>) -> Answer {
    let set = entity.set(&sandbox.options().entity_sets);
    let view = View { entity, set, base: &request.base, select: None, tweaks };
    show_single(request, &view, row)
}

fn show_single(request: &Request, view: &View<'_>, row: &[Value]) -> Answer {
    if request.json { Answer::ok(JSON, json::single(view, row)) } else { Answer::ok(ATOM, atom::entry(view, row)) }
}

/// Refuses what the product does not document.
fn check_options(sandbox: &Sandbox, request: &Request) -> Result<(), Refusal> {
    let documented = ["$filter", "$select"];
    let mut names = request.query.iter().map(|(name, _)| name.trim());
    let odd = names.find(|name| name.starts_with('$') && !documented.contains(name));
    match odd {
        Some(name) if sandbox.options().strict => Err(Refusal::bad(format!("The query option '{name}' is not supported."))),
        _ => Ok(()),
    }
}

fn selected(entity: &Entity, request: &Request) -> Result<Option<Vec<usize>>, Refusal> {
    let Some(text) = request.option("$select") else {
        return Ok(None);
    };
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let column =
        |name: &str| entity.column(name).ok_or_else(|| Refusal::bad(format!("No property '{name}' exists in type '{}'.", entity.name)));
    if text.trim() == "*" {
        return Ok(None);
    }
    names.map(column).collect::<Result<Vec<_>, _>>().map(Some)
}

fn entities(sandbox: &Sandbox, request: &Request, tweaks: Tweaks<'_>) -> Result<Answer, Refusal> {
    let (set, key) = segment(&request.path);
    let options = sandbox.options();
    let entity = Entity::all().iter().find(|entity| entity.set(&options.entity_sets) == set).ok_or_else(|| Refusal::missing(set))?;
    check_options(sandbox, request)?;
    let select = selected(entity, request)?;
    let filter = match (key.filter(|key| !key.is_empty()), request.option("$filter")) {
        (Some(key), _) => Some(Expr::parse_key(key, entity)),
        (None, Some(text)) => Some(Expr::parse(text, entity)),
        (None, None) => None,
    };
    let filter = filter.transpose().map_err(Refusal::bad)?;
    let mut rows = read(&sandbox.read(), entity, filter.as_ref(), options.max_entities, tweaks)
        .map_err(|_| Refusal::new(500, "The answer is too large; narrow the $filter."))?;
    let view = View { entity, set, base: &request.base, select, tweaks };
    if key.is_some_and(|key| !key.is_empty()) {
        let row = rows.first().ok_or_else(|| Refusal::missing(set))?;
        return Ok(show_single(request, &view, row));
    }
    if tweaks.empty() {
        rows.clear();
    }
    if tweaks.duplicates()
        && let Some(first) = rows.first().cloned()
    {
        rows.push(first);
    }
    Ok(if request.json {
        Answer::json_rows(json::collection(&view, &rows, request.second), request.second)
    } else {
        Answer::ok(ATOM, atom::feed(&view, &rows))
    })
}
