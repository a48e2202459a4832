//! Answers as WCF writes them: the prefixes are those that clients rely on.

use std::fmt::Write as _;

use crate::faults::Tweaks;
use crate::membersuite::refusal::{Fault, Refusal};
use crate::membersuite::schema::Class;
use crate::membersuite::search::{Search, XSD};
use crate::membersuite::value::{Object, Value};
use crate::membersuite::xml::escape;

const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const CONTRACTS: &str = "http://membersuite.com/contracts";
const SCHEMAS: &str = "http://membersuite.com/schemas";
const RESULTS: &str = "http://schemas.datacontract.org/2004/07/MemberSuite.SDK.Results";
const CONCIERGE: &str = "http://schemas.datacontract.org/2004/07/MemberSuite.SDK.Concierge";
const TYPES: &str = "http://schemas.datacontract.org/2004/07/MemberSuite.SDK.Types";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const ARRAYS: &str = "http://schemas.microsoft.com/2003/10/Serialization/Arrays";

/// A result: `value` is the content of `ResultValue`, or nothing.
pub(crate) fn success(operation: &str, value: Option<&str>, session: Option<&str>) -> String {
    let value =
        value.map_or("<a:ResultValue i:nil=\"true\"/>".to_owned(), |v| format!("<a:ResultValue xmlns:b=\"{TYPES}\">{v}</a:ResultValue>"));
    envelope(operation, "", true, &value, session)
}

/// A business error.
pub(crate) fn refused(operation: &str, refusal: &Refusal) -> String {
    let field = match &refusal.field {
        Some(field) => format!("<b:OffendingField>{}</b:OffendingField>", escape(field)),
        None => "<b:OffendingField i:nil=\"true\"/>".to_owned(),
    };
    let errors = format!(
        "<b:ConciergeError><b:Code>{:?}</b:Code><b:ID i:nil=\"true\"/><b:Message>{}</b:Message>{field}</b:ConciergeError>",
        refusal.code,
        escape(&refusal.message)
    );
    envelope(operation, &errors, false, "<a:ResultValue i:nil=\"true\"/>", None)
}

fn envelope(operation: &str, errors: &str, success: bool, value: &str, session: Option<&str>) -> String {
    let header = match session {
        Some(session) => format!(
            "<s:Header><ConciergeResponseHeader xmlns=\"{SCHEMAS}\" xmlns:i=\"{XSI}\"><SessionId>{session}</SessionId></ConciergeResponseHeader></s:Header>"
        ),
        None => String::new(),
    };
    format!(
        "<s:Envelope xmlns:s=\"{ENVELOPE}\">{header}<s:Body><{operation}Response xmlns=\"{CONTRACTS}\">\
         <{operation}Result xmlns:a=\"{RESULTS}\" xmlns:i=\"{XSI}\"><a:Cacheable>false</a:Cacheable>\
         <a:Errors xmlns:b=\"{CONCIERGE}\">{errors}</a:Errors><a:NotModified>false</a:NotModified><a:Success>{success}</a:Success>\
         <a:WorkflowExecutionID i:nil=\"true\"/><a:WorkflowRunID i:nil=\"true\"/>{value}</{operation}Result></{operation}Response></s:Body></s:Envelope>"
    )
}

/// A fault of the protocol.
pub(crate) fn fault(fault: &Fault) -> String {
    format!(
        "<s:Envelope xmlns:s=\"{ENVELOPE}\"><s:Body><s:Fault><faultcode xmlns:a=\"http://schemas.microsoft.com/net/2005/12/windowscommunicationfoundation/dispatcher\">{}</faultcode>\
         <faultstring xml:lang=\"en-US\">{}</faultstring></s:Fault></s:Body></s:Envelope>",
        fault.code,
        escape(&fault.text)
    )
}

fn value(out: &mut String, value: &Value) {
    let simple = |out: &mut String, kind: &str, text: &str| {
        let _ = write!(out, "<b:Value i:type=\"c:{kind}\" xmlns:c=\"{XSD}\">{}</b:Value>", escape(text));
    };
    let text = value.text().unwrap_or_default();
    match value {
        Value::Nil => out.push_str("<b:Value i:nil=\"true\"/>"),
        Value::Text(_) => simple(out, "string", &text),
        Value::Bool(_) => simple(out, "boolean", &text),
        Value::Int(_) => simple(out, "int", &text),
        Value::Cents(_) => simple(out, "decimal", &text),
        Value::Date(_) => simple(out, "dateTime", &text),
        Value::List(texts) => {
            let _ = write!(out, "<b:Value i:type=\"c:ArrayOfstring\" xmlns:c=\"{ARRAYS}\">");
            for text in texts {
                let _ = write!(out, "<c:string>{}</c:string>", escape(text));
            }
            out.push_str("</b:Value>");
        }
        Value::Search(search) => {
            let _ = write!(out, "<b:Value i:type=\"e:Search\" {}>{}</b:Value>", Search::declarations("e"), search.elements("e"));
        }
    }
}

/// The members of an object.
pub(crate) fn object(object: &Object, tweaks: Tweaks<'_>) -> String {
    let mut out = format!("<b:ClassType>{}</b:ClassType><b:Fields>", object.class.name);
    for (field, held) in object.class.fields.iter().zip(&object.values) {
        let _ = write!(out, "<b:KeyValueOfstringanyType><b:Key>{}</b:Key>", escape(tweaks.name(field.name)));
        value(&mut out, held);
        out.push_str("</b:KeyValueOfstringanyType>");
    }
    out.push_str("</b:Fields><b:ParentTypes xmlns:c=\"");
    out.push_str(ARRAYS);
    out.push_str("\"/>");
    out
}

/// Objects with the number of all there are.
pub(crate) fn objects(found: &[Object], total: u64, tweaks: Tweaks<'_>) -> String {
    let all = if found.is_empty() {
        "<a:Objects i:nil=\"true\"/>".to_owned()
    } else {
        let each = found.iter().map(|one| format!("<b:MemberSuiteObject>{}</b:MemberSuiteObject>", object(one, tweaks)));
        format!("<a:Objects>{}</a:Objects>", each.collect::<String>())
    };
    format!("{all}<a:TotalRowCount>{total}</a:TotalRowCount>")
}

/// The result of an MSQL statement: what is not used is there and nil.
pub(crate) fn msql(objects: Option<&str>, table: Option<&str>, single: Option<&str>) -> String {
    let part = |name: &str, content: Option<&str>| match content {
        Some(content) => format!("<a:{name}>{content}</a:{name}>"),
        None => format!("<a:{name} i:nil=\"true\"/>"),
    };
    let single = part("SingleObject", Some(single.unwrap_or("<b:ClassType i:nil=\"true\"/><b:Fields/>")));
    [part("ObjectSearchResult", objects), part("SearchResult", table), single].concat()
}

/// Rows of a table, and the number of all there are.
pub(crate) struct Table<'t> {
    pub class: &'static Class,
    /// Places of the columns.
    pub columns: &'t [usize],
    /// With whether each has its key.
    pub rows: &'t [(Object, bool)],
    /// Number of the first row.
    pub from: usize,
    pub total: u64,
}

impl Table<'_> {
    /// The table as a DataSet: a schema, then a diffgram.
    pub(crate) fn write(&self, tweaks: Tweaks<'_>) -> String {
        let mut out = String::from("<a:Table>");
        self.schema(&mut out, tweaks);
        out.push_str("<diffgr:diffgram xmlns:diffgr=\"urn:schemas-microsoft-com:xml-diffgram-v1\" xmlns:msdata=\"urn:schemas-microsoft-com:xml-msdata\">");
        if !self.rows.is_empty() {
            out.push_str("<NewDataSet xmlns=\"\">");
            for (at, (object, key)) in self.rows.iter().enumerate() {
                let _ = write!(out, "<Table diffgr:id=\"Table{}\" msdata:rowOrder=\"{at}\">", self.from + at + 1);
                self.row(&mut out, object, *key, at == 0, tweaks);
                out.push_str("</Table>");
            }
            out.push_str("</NewDataSet>");
        }
        let _ = write!(out, "</diffgr:diffgram></a:Table><a:TotalRowCount>{}</a:TotalRowCount>", self.total);
        out
    }

    fn schema(&self, out: &mut String, tweaks: Tweaks<'_>) {
        out.push_str(
            "<xs:schema id=\"NewDataSet\" xmlns=\"\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns:msdata=\"urn:schemas-microsoft-com:xml-msdata\">\
             <xs:element name=\"NewDataSet\" msdata:IsDataSet=\"true\"><xs:complexType><xs:choice minOccurs=\"0\" maxOccurs=\"unbounded\">\
             <xs:element name=\"Table\"><xs:complexType><xs:sequence>",
        );
        for field in self.columns.iter().filter_map(|at| self.class.fields.get(*at)) {
            let _ = write!(out, "<xs:element name=\"{}\" type=\"{}\" minOccurs=\"0\"/>", escape(tweaks.name(field.name)), field.kind.xsd());
        }
        out.push_str("</xs:sequence></xs:complexType></xs:element></xs:choice></xs:complexType></xs:element></xs:schema>");
    }

    fn row(&self, out: &mut String, object: &Object, key: bool, first: bool, tweaks: Tweaks<'_>) {
        let mut to_spoil = first;
        for at in self.columns {
            let (Some(field), Some(held)) = (self.class.fields.get(*at), object.values.get(*at)) else { continue };
            let Some(mut text) = held.text() else { continue };
            if field.name == "ID" && !key {
                continue;
            }
            if to_spoil && matches!(held, Value::Text(_)) && !matches!(field.name, "ID" | "EmailAddress") {
                to_spoil = false;
                text = tweaks.first_text(&text).unwrap_or(text);
            }
            let name = tweaks.name(field.name);
            let _ = write!(out, "<{name}>{}</{name}>", escape(&text));
        }
    }
}

/// What is known of a class.
pub(crate) fn described(class: &Class) -> String {
    let mut out = String::from("<b:Fields>");
    for field in class.fields {
        let _ = write!(
            out,
            "<b:FieldMetadata><b:DataType>{}</b:DataType><b:IsReadOnly>{}</b:IsReadOnly><b:IsRequired>{}</b:IsRequired><b:Label>{}</b:Label><b:Name>{}</b:Name></b:FieldMetadata>",
            field.kind.name(),
            !field.writable,
            field.required,
            escape(field.label),
            field.name
        );
    }
    let _ = write!(out, "</b:Fields><b:Name>{}</b:Name>", class.name);
    out
}

/// Pairs of a name and a value.
pub(crate) fn pairs(pairs: &[(String, String)]) -> String {
    let pair = |(name, value): &(String, String)| {
        format!("<b:NameValueStringPair><b:Name>{}</b:Name><b:Value>{}</b:Value></b:NameValueStringPair>", escape(name), escape(value))
    };
    pairs.iter().map(pair).collect()
}
