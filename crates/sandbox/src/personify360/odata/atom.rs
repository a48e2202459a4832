//! Atom feeds and entries.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::schema::{Edm, Entity};
use super::value::Value;
use crate::faults::Tweaks;
use crate::personify360::xml::escape;

const NAMESPACES: &str = "xmlns=\"http://www.w3.org/2005/Atom\" \
     xmlns:d=\"http://schemas.microsoft.com/ado/2007/08/dataservices\" \
     xmlns:m=\"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata\"";
const SCHEME: &str = "http://schemas.microsoft.com/ado/2007/08/dataservices/scheme";
const UPDATED: &str = "2026-01-05T06:00:00Z";

/// How rows are to be shown.
pub(crate) struct View<'a> {
    pub entity: &'static Entity,
    pub set: &'a str,
    /// Address of the service root, with a slash at its end.
    pub base: &'a str,
    /// Selected columns; absent means all.
    pub select: Option<Vec<usize>>,
    pub tweaks: Tweaks<'a>,
}

impl View<'_> {
    /// The properties of a row to show, with the faults put in.
    pub(crate) fn shown<'r>(&'r self, row: &'r [Value], at: u64) -> impl Iterator<Item = (&'r str, Cow<'r, Value>)> + 'r {
        let victim = self.entity.fields.iter().enumerate().skip(self.entity.keys);
        let victim = victim.filter(|(_, field)| field.edm == Edm::String).map(|(i, _)| i).next();
        let columns = self.entity.fields.iter().zip(row).enumerate();
        columns.filter_map(move |(column, (field, value))| {
            let wanted = self.select.as_ref().is_none_or(|wanted| wanted.contains(&column));
            let dropped = field.name == "MasterCustomerId" && self.tweaks.drops_key(at);
            if !wanted || dropped {
                return None;
            }
            let swapped = (at == 0 && Some(column) == victim).then(|| self.tweaks.first_text(&value.text())).flatten();
            let shown = swapped.map_or(Cow::Borrowed(value), |text| Cow::Owned(Value::Text(text)));
            Some((self.tweaks.name(field.name), shown))
        })
    }
}

/// `Set(Key='x',Other=0)` below the service root.
pub(crate) fn entity_path(view: &View<'_>, row: &[Value]) -> String {
    let literal = |value: &Value| match value {
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        other => other.text(),
    };
    let key = view.entity.key();
    let parts: Vec<String> = if key.len() == 1 {
        row.iter().take(1).map(literal).collect()
    } else {
        key.iter().zip(row).map(|(field, value)| format!("{}={}", field.name, literal(value))).collect()
    };
    format!("{}({})", view.set, parts.join(","))
}

/// The address of an entity.
pub(crate) fn entity_uri(view: &View<'_>, row: &[Value]) -> String {
    [view.base, &entity_path(view, row)].concat()
}

/// A feed.
pub(crate) fn feed(view: &View<'_>, rows: &[Vec<Value>]) -> String {
    let (base, set) = (escape(view.base), escape(view.set));
    let mut out = String::from(PROLOGUE);
    let _ = write!(
        out,
        "<feed xml:base=\"{base}\" {NAMESPACES}><title type=\"text\">{set}</title>\
         <id>{base}{set}</id><updated>{UPDATED}</updated>\
         <link rel=\"self\" title=\"{set}\" href=\"{set}\" />"
    );
    for (at, row) in rows.iter().enumerate() {
        entry_into(&mut out, view, row, at as u64, "");
    }
    out.push_str("</feed>");
    out
}

/// A single entry as a document.
pub(crate) fn entry(view: &View<'_>, row: &[Value]) -> String {
    let mut out = String::from(PROLOGUE);
    let attributes = format!(" xml:base=\"{}\" {NAMESPACES}", escape(view.base));
    entry_into(&mut out, view, row, 0, &attributes);
    out
}

pub(crate) const PROLOGUE: &str = "<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"yes\"?>";

fn entry_into(out: &mut String, view: &View<'_>, row: &[Value], at: u64, attributes: &str) {
    let path = entity_path(view, row);
    let path = escape(&path);
    let (base, name) = (escape(view.base), view.entity.name);
    let _ = write!(
        out,
        "<entry{attributes}><id>{base}{path}</id><title type=\"text\"></title>\
         <updated>{UPDATED}</updated><author><name /></author>\
         <link rel=\"edit\" title=\"{name}\" href=\"{path}\" />\
         <category term=\"Personify.{name}\" scheme=\"{SCHEME}\" />\
         <content type=\"application/xml\"><m:properties>"
    );
    for (name, value) in view.shown(row, at) {
        property(out, name, value.as_ref());
    }
    out.push_str("</m:properties></content></entry>");
}

fn property(out: &mut String, name: &str, value: &Value) {
    let name = escape(name);
    let kind = match value {
        Value::Bool(_) => " m:type=\"Edm.Boolean\"",
        Value::Int(_) => " m:type=\"Edm.Int32\"",
        Value::Decimal(_) => " m:type=\"Edm.Decimal\"",
        Value::Date(_) => " m:type=\"Edm.DateTime\"",
        Value::Text(_) => "",
        Value::Null => {
            let _ = write!(out, "<d:{name} m:null=\"true\" />");
            return;
        }
    };
    let text = value.text();
    let _ = write!(out, "<d:{name}{kind}>{}</d:{name}>", escape(&text));
}
