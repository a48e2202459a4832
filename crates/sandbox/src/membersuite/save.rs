//! Save and Delete: only the fields that are sent change, and texts are turned into what their field holds.

use crate::membersuite::ids;
use crate::membersuite::people::NewIndividual;
use crate::membersuite::records::Activity;
use crate::membersuite::refusal::{Code, Refusal};
use crate::membersuite::sandbox::Sandbox;
use crate::membersuite::schema::{ACTIVITY, Class, Field, INDIVIDUAL};
use crate::membersuite::state::State;
use crate::membersuite::value::{Kind, Object, Value};
use crate::membersuite::xml::Node;

/// Longest text of a field, in characters.
const LONGEST: usize = 4_000;
/// Most texts of a list.
const MOST: usize = 200;
/// Most activities held.
const MOST_ACTIVITIES: usize = 2_000_000;

/// What is to be set.
struct Sent {
    class: &'static Class,
    id: Option<String>,
    fields: Vec<(&'static Field, Value)>,
}

fn field(class: &'static Class, name: &str, value: &Node) -> Result<(&'static Field, Value), Refusal> {
    let missing =
        || Refusal::about(Code::IllegalParameter, name, format!("The field '{name}' does not exist in the class {}.", class.name));
    let field = class.place(name).and_then(|at| class.fields.get(at)).ok_or_else(missing)?;
    let odd = |why: &str| Refusal::about(Code::ObjectInvalid, field.name, format!("The field {} {why}.", field.name));
    if value.nil() {
        return Ok((field, Value::Nil));
    }
    if field.kind == Kind::List {
        let texts: Vec<String> = value.children.iter().map(|item| item.text.trim().to_owned()).collect();
        let fits = texts.len() <= MOST && texts.iter().all(|text| text.len() <= 100);
        return if fits { Ok((field, Value::List(texts))) } else { Err(odd("holds too much")) };
    }
    if value.text.chars().count() > LONGEST {
        return Err(odd("is too long"));
    }
    field.kind.read(&value.text).map(|value| (field, value)).map_err(odd)
}

fn read(object: Option<&Node>) -> Result<Sent, Refusal> {
    let object = object.filter(|object| !object.nil()).ok_or_else(|| Refusal::new(Code::IllegalParameter, "There is nothing to save."))?;
    let name = object.child_text("ClassType").unwrap_or_default();
    let class = Class::named(name).ok_or_else(|| Refusal::no_class(name))?;
    let mut sent = Sent { class, id: None, fields: Vec::new() };
    for pair in object.child("Fields").map(|fields| fields.children.as_slice()).unwrap_or_default() {
        let name = pair.child_text("Key").unwrap_or_default().trim();
        let nil = Node { attributes: vec![("nil".into(), "true".into())], ..Node::default() };
        let value = pair.child("Value").unwrap_or(&nil);
        if name.eq_ignore_ascii_case("ID") {
            sent.id = (!value.nil() && !value.text.trim().is_empty()).then(|| value.text.trim().to_owned());
        } else {
            sent.fields.push(field(class, name, value)?);
        }
    }
    Ok(sent)
}

/// Saves an object and answers it as it is then.
pub(crate) fn save(sandbox: &Sandbox, object: Option<&Node>) -> Result<Object, Refusal> {
    let sent = read(object)?;
    match sent.class.name {
        "Individual" => individual(sandbox, sent),
        "Activity" => activity(sandbox, sent),
        other => Err(Refusal::new(Code::AccessDenied, format!("This user may not save objects of the class {other}."))),
    }
}

/// What a client may set; the rest stays as it is.
fn writable(sent: &Sent) -> impl Iterator<Item = &(&'static Field, Value)> {
    sent.fields.iter().filter(|(field, _)| field.writable)
}

/// Fields that are needed and would be blank.
fn blank(sent: &Sent, new: bool) -> Option<&str> {
    let said = |name: &str| sent.fields.iter().find(|(field, _)| field.name == name).map(|(_, value)| value.text().unwrap_or_default());
    let blank = |name: &str| said(name).map_or(new, |text| text.trim().is_empty());
    sent.class.fields.iter().filter(|field| field.required).map(|field| field.name).find(|name| blank(name))
}

fn needed(name: &str) -> Refusal {
    Refusal::about(Code::ObjectInvalid, name, format!("The field {name} is required."))
}

fn individual(sandbox: &Sandbox, sent: Sent) -> Result<Object, Refusal> {
    if let Some(name) = blank(&sent, sent.id.is_none()) {
        return Err(needed(name));
    }
    let (now, mut state) = (sandbox.now(), sandbox.write());
    for (_, value) in sent.fields.iter().filter(|(field, _)| field.name == "OptOuts") {
        let known = |id: &String| state.categories.iter().any(|category| category.id.eq_ignore_ascii_case(id));
        if let Value::List(list) = value
            && !list.iter().all(known)
        {
            return Err(Refusal::about(Code::ObjectInvalid, "OptOuts", "There is no such message category."));
        }
    }
    let number = match &sent.id {
        Some(id) => state.number(id).ok_or_else(|| Refusal::no_record(id))?,
        None => {
            if state.created >= 10_000 {
                return Err(Refusal::new(Code::RecordNotCreateable, "This simulator holds no more than 10,000 created individuals."));
            }
            state.create(NewIndividual::default(), now);
            state.end
        }
    };
    let person = state.edit(number, now, |person| {
        for (field, value) in writable(&sent) {
            person.set(field.name, value.clone());
        }
    });
    Ok(person.object())
}

/// Whether a reference leads to something in use.
fn refers(state: &State, name: &str, id: &str) -> bool {
    let active = |all: &[crate::membersuite::Configurable]| all.iter().any(|one| one.active && one.id.eq_ignore_ascii_case(id));
    match name {
        "Entity" => state.number(id).is_some(),
        "Type" => active(&state.activity_types),
        "Status" => active(&state.activity_statuses),
        _ => true,
    }
}

fn activity(sandbox: &Sandbox, sent: Sent) -> Result<Object, Refusal> {
    if let Some(name) = blank(&sent, sent.id.is_none()) {
        return Err(needed(name));
    }
    let (now, mut state) = (sandbox.now(), sandbox.write());
    let text = |value: &Value| value.text().unwrap_or_default();
    if let Some((field, value)) = writable(&sent).find(|(field, value)| !refers(&state, field.name, text(value).trim())) {
        let why = format!("The field {} refers to '{}', which does not exist.", field.name, text(value));
        return Err(Refusal::about(Code::ObjectInvalid, field.name, why));
    }
    let known = sent.id.as_ref().map(|id| {
        let number = ids::read(state.seed, id).filter(|(class, _)| class.name == ACTIVITY.name).map(|(_, number)| number);
        number.filter(|number| state.activities.contains_key(number)).ok_or_else(|| Refusal::no_record(id))
    });
    let number = match known {
        Some(number) => number?,
        None if state.activities.len() >= MOST_ACTIVITIES => {
            return Err(Refusal::new(Code::RecordNotCreateable, "This simulator holds no more activities."));
        }
        None => state.activities.last_key_value().map_or(1, |(last, _)| last + 1),
    };
    let blank = Activity {
        id: ids::id(state.seed, &ACTIVITY, number),
        name: String::new(),
        entity: String::new(),
        kind: String::new(),
        status: String::new(),
        date: None,
        description: String::new(),
        last_modified: now,
    };
    let mut activity = state.activities.get(&number).cloned().unwrap_or(blank);
    for (field, value) in writable(&sent) {
        match field.name {
            "Name" => activity.name = text(value),
            "Entity" => activity.entity = text(value),
            "Type" => activity.kind = text(value),
            "Status" => activity.status = text(value),
            "Description" => activity.description = text(value),
            "Date" => activity.date = if let Value::Date(at) = value { Some(*at) } else { None },
            _ => {}
        }
    }
    activity.last_modified = now;
    let object = activity.object();
    if let Some(person) = state.number(&activity.entity)
        && state.activities.insert(number, activity).is_none()
    {
        state.activities_of.entry(person).or_default().push(number);
    }
    Ok(object)
}

/// Deletes an individual or an activity.
pub(crate) fn delete(sandbox: &Sandbox, id: &str) -> Result<(), Refusal> {
    let mut state = sandbox.write();
    match ids::read(state.seed, id) {
        Some((class, number)) if class.name == INDIVIDUAL.name && state.exists(number) => {
            state.deleted.insert(number);
            state.version += 1;
            Ok(())
        }
        Some((class, number)) if class.name == ACTIVITY.name && state.activities.remove(&number).is_some() => Ok(()),
        Some((class, _)) if state.object(id).is_some() => {
            Err(Refusal::new(Code::AccessDenied, format!("This user may not delete objects of the class {}.", class.name)))
        }
        _ => Err(Refusal::no_record(id)),
    }
}

/// The same object under the id of another one.
pub(crate) fn somebody_else(mut object: Object) -> Object {
    for name in ["ID", "Entity"] {
        if let Some(value) = object.class.place(name).and_then(|at| object.values.get_mut(at)) {
            *value = Value::Text("6faf90e4-0006-ffff-ffff-ffffffffffff".to_owned());
        }
    }
    object
}
