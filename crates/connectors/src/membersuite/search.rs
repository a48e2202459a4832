//! Saved searches as they are executed: their criteria go back as they came; what is shown and the order in which it comes are set
//! here, so that pages fit together.

use quick_xml::escape::escape;

use super::envelope::XSI;
use super::settings::{DO_NOT_EMAIL, ID};
use super::xml::{self, Node, protocol};
use crate::ConnectorError;

const SEARCHING: &str = "http://schemas.datacontract.org/2004/07/MemberSuite.SDK.Searching";
const OPERATIONS: &str = "http://schemas.datacontract.org/2004/07/MemberSuite.SDK.Searching.Operations";
const ARRAYS: &str = "http://schemas.microsoft.com/2003/10/Serialization/Arrays";
const XSD: &str = "http://www.w3.org/2001/XMLSchema";
/// Most bytes of a search that is sent.
const LONGEST: usize = 256 << 10;

/// A search ready to be executed.
#[derive(Clone, Debug)]
pub(super) struct Query {
    element: String,
}

impl Query {
    /// From the field `Search` of a saved search, a nested object or the same as XML text; `fields` are shown beside ID and the flag.
    pub(super) fn of(value: &Node, fields: &[String]) -> Result<Self, ConnectorError> {
        let (search, mut scope) = unwrapped(value)?;
        let kind = search.text_of("Type").unwrap_or_default();
        if !kind.eq_ignore_ascii_case("Individual") {
            return Err(protocol(format!(
                "a search of the type {:?}; only searches of individuals can be read",
                crate::names::shown(kind, 80)
            )));
        }
        for (prefix, uri) in search.declared() {
            scope.retain(|(known, _)| known != prefix);
            scope.push((prefix.to_owned(), uri.to_owned()));
        }
        let mut element = String::from("<searchToExecute");
        for (prefix, uri) in scope.iter().filter(|(prefix, _)| !prefix.is_empty()) {
            element.push_str(&format!(" xmlns:{prefix}=\"{}\"", escape(uri.as_str())));
        }
        element.push('>');
        // Elements without a prefix keep the namespace that was in force where they stood.
        let plain = scope.iter().find(|(prefix, _)| prefix.is_empty()).map(|(_, uri)| format!(" xmlns=\"{}\"", escape(uri.as_str())));
        for part in parts(&search, fields) {
            match part {
                Part::Kept(node) => {
                    let bare = !node.written.contains(':') && node.declared().all(|(prefix, _)| !prefix.is_empty());
                    node.write(&mut element, plain.as_deref().filter(|_| bare).unwrap_or_default());
                }
                Part::Own(text) => element.push_str(&text),
            }
        }
        element.push_str("</searchToExecute>");
        if element.len() > LONGEST {
            return Err(protocol("a search that is too large to be executed"));
        }
        Ok(Self { element })
    }

    /// Individuals by one condition, or all of them: a search of our own. The value is an ID.
    pub(super) fn own(condition: Option<Condition<'_>>, fields: &[String]) -> Self {
        let criteria = condition.map_or_else(String::new, |c| {
            format!(
                "<SearchOperation i:type=\"c:{}\"><FieldName>{}</FieldName><ValuesToOperateOn xmlns:d=\"{ARRAYS}\"><d:anyType i:type=\"x:string\" xmlns:x=\"{XSD}\">{}</d:anyType></ValuesToOperateOn></SearchOperation>",
                c.operation,
                escape(c.field),
                escape(c.value)
            )
        });
        let plain = format!(" xmlns=\"{SEARCHING}\"");
        let element = format!(
            "<searchToExecute xmlns:c=\"{OPERATIONS}\" xmlns:i=\"{XSI}\"><Criteria{plain}>{criteria}</Criteria><GroupType{plain}>And</GroupType>{}{}<Type{plain}>Individual</Type></searchToExecute>",
            columns(fields),
            order(&[(ID.to_owned(), false)])
        );
        Self { element }
    }

    /// The arguments of ExecuteSearch for a page.
    pub(super) fn arguments(&self, from: u64, most: usize) -> String {
        format!("{}<startRecord>{from}</startRecord><maximumNumberOfRecordsToReturn>{most}</maximumNumberOfRecordsToReturn>", self.element)
    }
}

/// One condition of a search of our own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition<'a> {
    /// As the service names it, e.g. `Equals`.
    pub operation: &'static str,
    pub field: &'static str,
    pub value: &'a str,
}

/// The element that holds the parts of the search, and the namespaces in force there.
fn unwrapped(value: &Node) -> Result<(Node, Vec<(String, String)>), ConnectorError> {
    if !value.children.is_empty() {
        return Ok((value.clone(), value.scope.clone()));
    }
    if value.cut || !value.text.trim_start().starts_with('<') {
        return Err(protocol("a saved search whose Search is missing or cannot be read"));
    }
    let root = xml::parse(value.text.trim().as_bytes()).map_err(|_| protocol("a saved search whose Search cannot be read"))?;
    Ok((root, Vec::new()))
}

enum Part<'s> {
    Kept(&'s Node),
    Own(String),
}

impl Part<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Kept(node) => node.name(),
            Self::Own(text) => text.trim_start_matches('<').split([' ', '>']).next().unwrap_or_default(),
        }
    }
}

/// The parts of a search with own columns and an own order. A search for the first so many keeps its order, which decides whom it
/// finds; the ID settles what that leaves open.
fn parts<'s>(search: &'s Node, fields: &[String]) -> Vec<Part<'s>> {
    let limited = search.text_of("TopN").is_some_and(|top| !top.is_empty() && top != "0");
    let replaced = |node: &&Node| node.name() == "OutputColumns" || node.name() == "SortColumns";
    let mut parts: Vec<Part<'s>> = search.children.iter().filter(|node| !replaced(node)).map(Part::Kept).collect();
    let mut sort: Vec<(String, bool)> = Vec::new();
    if limited && let Some(own) = search.child("SortColumns") {
        let down = |column: &Node| column.children.iter().any(|c| c.name().contains("esc") && c.text.trim() == "true");
        sort.extend(own.children.iter().filter_map(|column| Some((column.text_of("Name")?.to_owned(), down(column)))));
    }
    sort.push((ID.to_owned(), false));
    insert(&mut parts, columns(fields));
    insert(&mut parts, order(&sort));
    parts
}

/// The parts of a contract stand in the order of their names, after those of what it extends.
fn insert(parts: &mut Vec<Part<'_>>, own: String) {
    let own = Part::Own(own);
    let at = parts.iter().rposition(|part| part.name() < own.name()).map_or(0, |at| at + 1);
    parts.insert(at, own);
}

fn columns(fields: &[String]) -> String {
    let fixed = [ID, DO_NOT_EMAIL].map(str::to_owned);
    let all = fixed.iter().chain(fields.iter().filter(|field| !fixed.iter().any(|f| f.eq_ignore_ascii_case(field))));
    let column = |name: &String| format!("<SearchOutputColumn><Name>{}</Name></SearchOutputColumn>", escape(name.as_str()));
    format!("<OutputColumns xmlns=\"{SEARCHING}\">{}</OutputColumns>", all.map(column).collect::<String>())
}

fn order(sort: &[(String, bool)]) -> String {
    let column = |(name, down): &(String, bool)| {
        format!("<SearchSortColumn><IsDescending>{down}</IsDescending><Name>{}</Name></SearchSortColumn>", escape(name.as_str()))
    };
    format!("<SortColumns xmlns=\"{SEARCHING}\" xmlns:i=\"{XSI}\">{}</SortColumns>", sort.iter().map(column).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRITERIA: &str =
        "<b:Criteria><b:SearchOperation i:type=\"c:Equals\"><b:FieldName>Region__c</b:FieldName></b:SearchOperation></b:Criteria>";

    /// What stands in a tree where the value of `Search` is this element.
    fn value(inner: &str) -> Node {
        let text = format!("<r xmlns:b=\"u:b\" xmlns:c=\"u:c\" xmlns:i=\"{XSI}\" xmlns=\"u:d\"><Value>{inner}</Value></r>");
        xml::parse(text.as_bytes()).unwrap().take("Value").unwrap()
    }

    fn query(value: &Node) -> Node {
        let query = Query::of(value, &["EmailAddress".into(), "id".into()]).unwrap();
        xml::parse(query.element.as_bytes()).unwrap()
    }

    #[test]
    fn criteria_go_back_as_they_came_and_columns_and_order_are_set() {
        let inner = format!("{CRITERIA}<b:GroupType>And</b:GroupType><b:OutputColumns/><b:Type>Individual</b:Type>");
        let sent = query(&value(&inner));
        let names: Vec<&str> = sent.children.iter().map(Node::name).collect();
        assert_eq!(names, ["Criteria", "GroupType", "OutputColumns", "SortColumns", "Type"]);
        let mut criteria = String::new();
        sent.child("Criteria").unwrap().write(&mut criteria, "");
        assert_eq!(criteria, CRITERIA);
        let declared: Vec<_> = sent.declared().collect();
        assert!(declared.contains(&("c", "u:c")) && declared.contains(&("b", "u:b")) && declared.contains(&("i", XSI)));
        let columns: Vec<_> = sent.child("OutputColumns").unwrap().children.iter().map(|c| c.text_of("Name").unwrap()).collect();
        assert_eq!(columns, ["ID", "DoNotEmail", "EmailAddress"]);
        assert_eq!(sent.child("SortColumns").unwrap().children.len(), 1);
    }

    #[test]
    fn text_and_elements_without_prefixes_are_understood() {
        let text = escape(format!("<Search xmlns=\"u:s\">{}<Type>Individual</Type></Search>", CRITERIA.replace("b:", ""))).into_owned();
        let sent = query(&value(&text));
        assert!(sent.child("Criteria").unwrap().declared().any(|d| d == ("", "u:s")));
        let sent = query(&value("<Criteria/><Type>Individual</Type>"));
        assert!(sent.child("Type").unwrap().declared().any(|d| d == ("", "u:d")));
    }

    #[test]
    fn a_search_for_the_first_so_many_keeps_its_order() {
        let sort = "<b:SortColumns><b:X><b:IsDescending>true</b:IsDescending><b:Name>DuesBalance__c</b:Name></b:X></b:SortColumns>";
        let sent = query(&value(&format!("{sort}<b:TopN>10</b:TopN><b:Type>Individual</b:Type>")));
        let order: Vec<_> = sent
            .child("SortColumns")
            .unwrap()
            .children
            .iter()
            .map(|c| (c.text_of("Name").unwrap(), c.text_of("IsDescending").unwrap()))
            .collect();
        assert_eq!(order, [("DuesBalance__c", "true"), ("ID", "false")]);
    }

    #[test]
    fn what_is_no_search_of_individuals_is_refused() {
        for odd in ["", "text", "&lt;Search", "<b:Type>Membership</b:Type>", "<b:Criteria/>", "&lt;S&gt;&lt;Type/&gt;&lt;/S&gt;"] {
            assert_eq!(Query::of(&value(odd), &[]).unwrap_err().kind(), "protocol", "{odd}");
        }
    }
}
