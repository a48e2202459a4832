//! Objects of the service: a class and its fields.

use std::fmt::Write as _;

use quick_xml::escape::escape;
use rialto_core::Instant;

use super::envelope::{ARRAYS, TYPES, XSD, XSI};
use super::xml::{Node, protocol};
use crate::ConnectorError;

/// Most texts of a list.
const LIST: usize = 2_000;

/// An object as it came.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub class: String,
    fields: Vec<(String, Node)>,
}

impl Object {
    /// Reads an object out of the element that holds it.
    pub(super) fn read(node: &Node) -> Result<Self, ConnectorError> {
        let class = node.text_of("ClassType").filter(|class| !class.is_empty());
        let class = class.ok_or_else(|| protocol("an object without a ClassType"))?.to_owned();
        let fields = node.child("Fields").ok_or_else(|| protocol("an object without fields"))?;
        let field = |pair: &Node| Some((pair.text_of("Key")?.to_owned(), pair.child("Value").cloned().unwrap_or_default()));
        Ok(Self { class, fields: fields.children.iter().filter_map(field).collect() })
    }

    /// The objects of an MSQL result, and the number of all there are.
    pub(super) fn page(value: Node) -> Result<(Vec<Self>, Option<u64>), ConnectorError> {
        let found = value.take("ObjectSearchResult").ok_or_else(|| protocol("a result without objects"))?;
        let total = found.text_of("TotalRowCount").and_then(|total| total.parse().ok());
        let objects = found.child("Objects").map(|all| all.children.as_slice()).unwrap_or_default();
        Ok((objects.iter().map(Self::read).collect::<Result<_, _>>()?, total))
    }

    pub(super) fn is(&self, class: &str) -> bool {
        self.class.eq_ignore_ascii_case(class)
    }

    pub(super) fn field(&self, name: &str) -> Option<&Node> {
        self.fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// A field's text, trimmed; empty when it is missing or nil.
    pub(super) fn text(&self, name: &str) -> &str {
        self.field(name).filter(|value| !value.is_nil()).map_or("", |value| value.text.trim())
    }

    /// Whether it has this id.
    pub(super) fn has_id(&self, id: &str) -> bool {
        self.text("ID").eq_ignore_ascii_case(id)
    }

    /// A flag. `None` is nil; an error is anything else, or nothing at all.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, ConnectorError> {
        let value = self.field(name).ok_or_else(|| protocol(format!("the field {name} is missing")))?;
        if value.is_nil() {
            return Ok(None);
        }
        match value.text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(Some(true)),
            "false" | "0" => Ok(Some(false)),
            "" => Ok(None),
            _ => Err(protocol(format!("the field {name} is no flag"))),
        }
    }

    /// A list of texts; empty when it is nil.
    pub(super) fn list(&self, name: &str) -> Result<Vec<String>, ConnectorError> {
        let value = self.field(name).ok_or_else(|| protocol(format!("the field {name} is missing")))?;
        if value.children.len() > LIST || value.children.iter().any(|item| item.cut) {
            return Err(protocol(format!("the field {name} holds too much")));
        }
        let texts = value.children.iter().filter(|item| !item.is_nil()).map(|item| item.text.trim().to_owned());
        Ok(texts.filter(|text| !text.is_empty()).collect())
    }
}

/// A value that is sent.
pub(super) enum Sent<'a> {
    Text(&'a str),
    Flag(bool),
    Date(Instant),
    List(&'a [String]),
}

/// An object to save: only the fields that are set. Those that are not sent stay as they are.
pub(super) struct Change {
    class: &'static str,
    fields: String,
}

impl Change {
    pub(super) fn of(class: &'static str) -> Self {
        Self { class, fields: String::new() }
    }

    pub(super) fn set(mut self, name: &str, value: &Sent<'_>) -> Self {
        let simple = |kind: &str, text: &str| format!("<b:Value i:type=\"c:{kind}\" xmlns:c=\"{XSD}\">{}</b:Value>", escape(text));
        let value = match value {
            Sent::Text(text) => simple("string", text),
            Sent::Flag(yes) => simple("boolean", if *yes { "true" } else { "false" }),
            Sent::Date(at) => simple("dateTime", &at.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            Sent::List(texts) => {
                let items: String = texts.iter().map(|text| format!("<c:string>{}</c:string>", escape(text.as_str()))).collect();
                format!("<b:Value i:type=\"c:ArrayOfstring\" xmlns:c=\"{ARRAYS}\">{items}</b:Value>")
            }
        };
        let _ = write!(self.fields, "<b:KeyValueOfstringanyType><b:Key>{}</b:Key>{value}</b:KeyValueOfstringanyType>", escape(name));
        self
    }

    /// As the argument of Save.
    pub(super) fn argument(&self) -> String {
        format!(
            "<objectToSave xmlns:b=\"{TYPES}\" xmlns:i=\"{XSI}\"><b:ClassType>{}</b:ClassType><b:Fields>{}</b:Fields></objectToSave>",
            self.class, self.fields
        )
    }

    pub(super) fn class(&self) -> &'static str {
        self.class
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membersuite::xml::parse;

    fn object(fields: &str) -> Object {
        Object::read(&parse(format!("<v><ClassType>Individual</ClassType><Fields>{fields}</Fields></v>").as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_flag_that_is_missing_or_odd_is_an_error_and_never_a_yes() {
        let with = |value: &str| object(&format!("<k><Key>DoNotEmail</Key>{value}</k>")).flag("DoNotEmail");
        assert_eq!(with("<Value>TRUE</Value>").unwrap(), Some(true));
        assert_eq!(with("<Value>false</Value>").unwrap(), Some(false));
        assert_eq!(with("<Value i:nil=\"true\"/>").unwrap(), None);
        assert!(with("<Value>no</Value>").is_err() && object("").flag("DoNotEmail").unwrap_err().to_string().contains("DoNotEmail"));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for odd in ["<v/>", "<v><ClassType/><Fields/></v>", "<v><ClassType>A</ClassType></v>"] {
            assert!(Object::read(&parse(odd.as_bytes()).unwrap()).is_err(), "{odd}");
        }
    }

    #[test]
    fn only_what_is_set_is_sent() {
        let change = Change::of("Individual").set("ID", &Sent::Text("a<b")).set("OptOuts", &Sent::List(&["x".into(), "y".into()]));
        let sent = parse(change.argument().as_bytes()).unwrap();
        let read = Object::read(&sent).unwrap();
        assert_eq!((read.text("ID"), read.list("OptOuts").unwrap()), ("a<b", vec!["x".to_owned(), "y".to_owned()]));
        assert!(read.field("DoNotEmail").is_none() && read.flag("DoNotEmail").is_err());
    }
}
