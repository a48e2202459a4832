//! Searches: what a saved search holds, and what `ExecuteSearch` is given.

use std::fmt::Write as _;

use crate::membersuite::criteria::{Criteria, Op};
use crate::membersuite::refusal::{Code, Refusal};
use crate::membersuite::xml::{Node, escape};

pub(crate) const SEARCHING: &str = "http://schemas.datacontract.org/2004/07/MemberSuite.SDK.Searching";
const OPERATIONS: &str = "http://schemas.datacontract.org/2004/07/MemberSuite.SDK.Searching.Operations";
const ARRAYS: &str = "http://schemas.microsoft.com/2003/10/Serialization/Arrays";
pub(crate) const XSD: &str = "http://www.w3.org/2001/XMLSchema";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Deepest nesting of groups of criteria.
const DEEPEST: usize = 8;

/// What is looked for, what of it is shown, and in which order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Search {
    /// The class.
    pub kind: String,
    pub criteria: Criteria,
    pub columns: Vec<String>,
    /// Fields, and whether they go down.
    pub sort: Vec<(String, bool)>,
    pub top: Option<usize>,
}

impl Search {
    pub(crate) fn of(kind: &str, criteria: Vec<Criteria>) -> Self {
        let columns = ["FirstName", "LastName"].map(str::to_owned).to_vec();
        Self { kind: kind.to_owned(), criteria: Criteria::All(criteria), columns, sort: vec![("LastName".to_owned(), false)], top: None }
    }

    /// The elements of the search, in the namespace behind this prefix; `c` is bound to that of the operations.
    pub(crate) fn elements(&self, prefix: &str) -> String {
        let mut out = String::new();
        let (group, parts) = match &self.criteria {
            Criteria::Any(parts) => ("Or", parts.as_slice()),
            Criteria::All(parts) => ("And", parts.as_slice()),
            one => ("And", std::slice::from_ref(one)),
        };
        write_group(&mut out, prefix, group, parts);
        let _ = write!(out, "<{prefix}:OutputColumns>");
        for column in &self.columns {
            let _ =
                write!(out, "<{prefix}:SearchOutputColumn><{prefix}:Name>{}</{prefix}:Name></{prefix}:SearchOutputColumn>", escape(column));
        }
        let _ = write!(out, "</{prefix}:OutputColumns><{prefix}:SortColumns>");
        for (column, down) in &self.sort {
            let _ = write!(
                out,
                "<{prefix}:SearchSortColumn><{prefix}:IsDescending>{down}</{prefix}:IsDescending><{prefix}:Name>{}</{prefix}:Name></{prefix}:SearchSortColumn>",
                escape(column)
            );
        }
        let _ = write!(out, "</{prefix}:SortColumns>");
        if let Some(top) = self.top {
            let _ = write!(out, "<{prefix}:TopN>{top}</{prefix}:TopN>");
        }
        let _ = write!(out, "<{prefix}:Type>{}</{prefix}:Type>", escape(&self.kind));
        out
    }

    /// The declarations that its elements need.
    pub(crate) fn declarations(prefix: &str) -> String {
        format!("xmlns:{prefix}=\"{SEARCHING}\" xmlns:c=\"{OPERATIONS}\" xmlns:i=\"{XSI}\"")
    }

    /// The search as a document of its own.
    pub(crate) fn text(&self) -> String {
        format!("<b:Search {}>{}</b:Search>", Self::declarations("b"), self.elements("b"))
    }

    /// Reads a search out of the element that holds it.
    pub(crate) fn read(node: &Node) -> Result<Self, Refusal> {
        let kind = node.child_text("Type").map(str::trim).filter(|kind| !kind.is_empty());
        let kind = kind.ok_or_else(|| Refusal::about(Code::IllegalParameter, "Type", "A search needs a Type."))?;
        let names = |list: &str| -> Vec<&Node> { node.child(list).map(|list| list.children.iter().collect()).unwrap_or_default() };
        let name = |column: &Node| column.child_text("Name").unwrap_or_default().trim().to_owned();
        let down = |column: &Node| column.child_text("IsDescending").is_some_and(|text| text.trim() == "true");
        let top = node.child_text("TopN").map(str::trim).filter(|text| !text.is_empty() && *text != "0");
        let top =
            top.map(|text| text.parse().map_err(|_| Refusal::about(Code::IllegalParameter, "TopN", "TopN is no number."))).transpose()?;
        Ok(Self {
            kind: kind.to_owned(),
            criteria: read_group(node, DEEPEST)?,
            columns: names("OutputColumns").into_iter().map(name).filter(|name| !name.is_empty()).collect(),
            sort: names("SortColumns")
                .into_iter()
                .map(|column| (name(column), down(column)))
                .filter(|(name, _)| !name.is_empty())
                .collect(),
            top,
        })
    }
}

fn write_group(out: &mut String, prefix: &str, group: &str, parts: &[Criteria]) {
    let _ = write!(out, "<{prefix}:Criteria>");
    for part in parts {
        match part {
            Criteria::Is { field, op, values } => {
                let _ = write!(
                    out,
                    "<{prefix}:SearchOperation i:type=\"c:{}\"><{prefix}:FieldName>{}</{prefix}:FieldName><{prefix}:ValuesToOperateOn xmlns:d=\"{ARRAYS}\">",
                    op.name(),
                    escape(field)
                );
                for value in values {
                    let _ = write!(out, "<d:anyType i:type=\"x:string\" xmlns:x=\"{XSD}\">{}</d:anyType>", escape(value));
                }
                let _ = write!(out, "</{prefix}:ValuesToOperateOn></{prefix}:SearchOperation>");
            }
            Criteria::All(inner) | Criteria::Any(inner) => {
                let _ = write!(out, "<{prefix}:SearchOperation i:type=\"{prefix}:SearchOperationGroup\">");
                write_group(out, prefix, if matches!(part, Criteria::Any(_)) { "Or" } else { "And" }, inner);
                let _ = write!(out, "</{prefix}:SearchOperation>");
            }
        }
    }
    let _ = write!(out, "</{prefix}:Criteria><{prefix}:GroupType>{group}</{prefix}:GroupType>");
}

fn read_group(node: &Node, depth: usize) -> Result<Criteria, Refusal> {
    if depth == 0 {
        return Err(Refusal::about(Code::IllegalParameter, "Criteria", "The criteria are nested too deeply."));
    }
    let operations = node.child("Criteria").map(|list| list.children.as_slice()).unwrap_or_default();
    let parts = operations.iter().map(|operation| read_operation(operation, depth)).collect::<Result<Vec<_>, _>>()?;
    match node.child_text("GroupType").map(str::trim) {
        Some("Or") => Ok(Criteria::Any(parts)),
        Some("And" | "") | None => Ok(Criteria::All(parts)),
        Some(other) => Err(Refusal::about(Code::IllegalParameter, "GroupType", format!("There is no GroupType '{other}'."))),
    }
}

fn read_operation(node: &Node, depth: usize) -> Result<Criteria, Refusal> {
    if node.type_name() == "SearchOperationGroup" {
        return read_group(node, depth - 1);
    }
    let op = Op::named(node.type_name());
    let op =
        op.ok_or_else(|| Refusal::about(Code::IllegalParameter, "Criteria", format!("There is no operation '{}'.", node.type_name())))?;
    let values = node.child("ValuesToOperateOn").map(|list| list.children.as_slice()).unwrap_or_default();
    let field = node.child_text("FieldName").unwrap_or_default().trim().to_owned();
    Ok(Criteria::Is { field, op, values: values.iter().map(|value| value.text.clone()).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membersuite::xml::parse;

    #[test]
    fn a_search_is_read_as_it_is_written() {
        let inner = Criteria::Any(vec![Criteria::is("Region__c", Op::Equals, "W & E"), Criteria::is("LastName", Op::StartsWith, "A")]);
        let search = Search { top: Some(7), ..Search::of("Individual", vec![Criteria::is("FirstName", Op::Contains, "<n>"), inner]) };
        assert_eq!(Search::read(&parse(&search.text()).unwrap()).unwrap(), search);
    }
}
