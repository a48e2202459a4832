//! Answers before they go out, and errors as WCF Data Services writes them.

use crate::personify360::odata::json::quote;
use crate::personify360::xml::escape;

pub(crate) const XML: &str = "application/xml;charset=utf-8";
pub(crate) const JSON: &str = "application/json;charset=utf-8";
pub(crate) const ATOM: &str = "application/atom+xml;charset=utf-8";

const FIRST: &str = "1.0;";

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Vec<u8>,
    /// Value of `DataServiceVersion`.
    pub version: &'static str,
}

impl Answer {
    pub(crate) fn ok(content_type: &'static str, body: String) -> Self {
        Self { status: 200, content_type, body: body.into_bytes(), version: FIRST }
    }

    /// A collection in JSON of OData 1 or 2.
    pub(crate) fn json_rows(body: String, second: bool) -> Self {
        let version = if second { "2.0;" } else { FIRST };
        Self { version, ..Self::ok(JSON, body) }
    }
}

/// A refusal.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    pub status: u16,
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    pub(crate) fn missing(what: &str) -> Self {
        Self::new(404, format!("Resource not found for the segment '{what}'."))
    }

    /// The error in the format asked for.
    pub(crate) fn answer(&self, json: bool) -> Answer {
        let body = if json {
            let text = quote(&self.message);
            format!("{{\"error\":{{\"code\":\"\",\"message\":{{\"lang\":\"en-US\",\"value\":{text}}}}}}}")
        } else {
            let text = escape(&self.message);
            format!(
                "<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"yes\"?>\
                 <error xmlns=\"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata\">\
                 <code></code><message xml:lang=\"en-US\">{text}</message></error>"
            )
        };
        let content_type = if json { JSON } else { XML };
        Answer { status: self.status, content_type, body: body.into_bytes(), version: FIRST }
    }
}
