//! Envelopes: calls as they go out, results as they come back.

use quick_xml::escape::escape;

use super::xml::{self, Node, protocol};
use crate::ConnectorError;
use crate::names;

pub(super) const CONTRACTS: &str = "http://membersuite.com/contracts";
pub(super) const TYPES: &str = "http://schemas.datacontract.org/2004/07/MemberSuite.SDK.Types";
pub(super) const ARRAYS: &str = "http://schemas.microsoft.com/2003/10/Serialization/Arrays";
pub(super) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
pub(super) const XSD: &str = "http://www.w3.org/2001/XMLSchema";
const SCHEMAS: &str = "http://membersuite.com/schemas";
const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// Longest part of the remote's own words that is shown, in characters.
const WORDS: usize = 200;

/// Who calls.
pub(super) struct Caller<'a> {
    pub access_key_id: &'a str,
    pub association_id: &'a str,
    /// Empty for none.
    pub session: &'a str,
    pub signature: &'a str,
}

/// The action that a call is addressed to, and that its signature covers.
pub(super) fn action(operation: &str) -> String {
    format!("{CONTRACTS}/IConciergeAPIService/{operation}")
}

/// A whole call; `arguments` are elements.
pub(super) fn call(caller: &Caller<'_>, operation: &str, arguments: &str) -> String {
    let session = match caller.session {
        "" => String::new(),
        session => format!("<SessionId>{}</SessionId>", escape(session)),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"{ENVELOPE}\"><s:Header><ConciergeRequestHeader xmlns=\"{SCHEMAS}\">\
         <AccessKeyId>{}</AccessKeyId><AssociationId>{}</AssociationId>{session}<Signature>{}</Signature></ConciergeRequestHeader></s:Header>\
         <s:Body><{operation} xmlns=\"{CONTRACTS}\">{arguments}</{operation}></s:Body></s:Envelope>",
        escape(caller.access_key_id),
        escape(caller.association_id),
        escape(caller.signature),
    )
}

/// A business error: what the service says it does not do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Said {
    pub code: String,
    pub message: String,
    /// The field that is to blame; empty when it does not say.
    pub field: String,
}

/// Why a call brought no result.
#[derive(Debug)]
pub(super) enum CallError {
    Said(Said),
    Failed(ConnectorError),
}

impl From<ConnectorError> for CallError {
    fn from(error: ConnectorError) -> Self {
        Self::Failed(error)
    }
}

impl From<CallError> for ConnectorError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Said(said) => said.sorted(),
            CallError::Failed(error) => error,
        }
    }
}

impl Said {
    pub(super) fn words(&self) -> String {
        match self.message.is_empty() {
            true => self.code.clone(),
            false => format!("{}: {}", self.code, self.message),
        }
    }

    /// Sorted by what is to be done.
    pub(super) fn sorted(&self) -> ConnectorError {
        let detail = self.words();
        match self.code.as_str() {
            "InvalidAccessKey"
            | "AccessDenied"
            | "LoginInvalid"
            | "UserAccountInactive"
            | "NotLoggedInToAnAssociation"
            | "TimestampMismatch"
            | "TrialExpired"
            | "LicenseViolation" => ConnectorError::Auth { detail },
            "GeneralException" | "SimulatedException" | "SessionExpired" => ConnectorError::Transient { detail },
            _ => ConnectorError::Rejected { detail },
        }
    }

    /// Whether it is about what was sent, and not about who calls or the service itself.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.sorted(), ConnectorError::Rejected { .. })
    }
}

/// What a call brought.
#[derive(Debug)]
pub(super) struct Outcome {
    /// `ResultValue`; nil where there is none.
    pub value: Node,
    /// The session that the service opened.
    pub session: Option<String>,
}

/// Reads the answer of an operation. Anything but a clear success is an error.
pub(super) fn outcome(body: &[u8], operation: &str) -> Result<Outcome, CallError> {
    let envelope = xml::parse(body)?;
    if envelope.name() != "Envelope" {
        return Err(protocol("an answer that is no SOAP envelope").into());
    }
    let header = envelope.child("Header").and_then(|header| header.child("ConciergeResponseHeader"));
    let session = header.and_then(|header| header.text_of("SessionId")).map(str::to_owned);
    let content = envelope.take("Body").and_then(|body| body.children.into_iter().next());
    let content = content.ok_or_else(|| protocol("an envelope without a body"))?;
    if content.name() == "Fault" {
        return Err(fault(&content).into());
    }
    let result = (content.name() == format!("{operation}Response")).then(|| content.take(&format!("{operation}Result"))).flatten();
    let result = result.ok_or_else(|| protocol("the answer to another call"))?;
    match result.text_of("Success") {
        Some("true" | "1") => Ok(Outcome { value: result.take("ResultValue").unwrap_or_default(), session }),
        Some("false" | "0") => Err(CallError::Said(first_error(&result))),
        _ => Err(protocol("an answer that says neither success nor failure").into()),
    }
}

fn first_error(result: &Node) -> Said {
    let error = result.child("Errors").and_then(|errors| errors.children.first());
    let text = |name: &str| error.and_then(|error| error.text_of(name)).map(|text| names::shown(text, WORDS)).unwrap_or_default();
    let code = text("Code");
    Said {
        code: if code.is_empty() { "an error without a code".into() } else { code },
        message: text("Message"),
        field: text("OffendingField"),
    }
}

fn fault(fault: &Node) -> ConnectorError {
    let code = fault.text_of("faultcode").unwrap_or_default();
    let detail = names::shown(fault.text_of("faultstring").unwrap_or("a SOAP fault"), WORDS);
    match code.rsplit(':').next().unwrap_or_default() {
        "Client" | "ActionNotSupported" | "DeserializationFailed" | "MustUnderstand" | "VersionMismatch" => {
            ConnectorError::Rejected { detail }
        }
        _ => ConnectorError::Transient { detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(inner: &str) -> Result<Outcome, CallError> {
        outcome(format!("<s:Envelope xmlns:s=\"{ENVELOPE}\"><s:Body>{inner}</s:Body></s:Envelope>").as_bytes(), "Get")
    }

    fn result(inner: &str) -> Result<Outcome, CallError> {
        answered(&format!("<GetResponse><GetResult>{inner}</GetResult></GetResponse>"))
    }

    #[test]
    fn only_a_clear_success_is_one() {
        assert_eq!(result("<a:Success>true</a:Success><a:ResultValue>x</a:ResultValue>").unwrap().value.text, "x");
        for odd in ["", "<a:Success>maybe</a:Success>", "<a:ResultValue>x</a:ResultValue>"] {
            assert!(matches!(result(odd), Err(CallError::Failed(ConnectorError::Protocol { .. }))), "{odd}");
        }
        for odd in ["", "<SaveResponse><SaveResult><Success>true</Success></SaveResult></SaveResponse>", "<GetResponse/>"] {
            assert!(matches!(answered(odd), Err(CallError::Failed(ConnectorError::Protocol { .. }))), "{odd}");
        }
    }

    #[test]
    fn errors_are_sorted_by_what_is_to_be_done() {
        let said = |code: &str| {
            let error = format!("<Success>false</Success><Errors><E><Code>{code}</Code><Message>No&#7; way</Message></E></Errors>");
            ConnectorError::from(result(&error).unwrap_err())
        };
        assert!(said("ObjectInvalid").to_string().ends_with("ObjectInvalid: No way"));
        for (code, kind) in
            [("InvalidAccessKey", "auth"), ("GeneralException", "transient"), ("RecordNotFound", "rejected"), ("", "rejected")]
        {
            assert_eq!(said(code).kind(), kind, "{code}");
        }
        let fault = |code: &str| ConnectorError::from(answered(&format!("<s:Fault><faultcode>{code}</faultcode></s:Fault>")).unwrap_err());
        assert_eq!((fault("a:ActionNotSupported").kind(), fault("s:Server").kind()), ("rejected", "transient"));
    }

    #[test]
    fn what_a_caller_is_called_is_escaped() {
        let caller = Caller { access_key_id: "<k>", association_id: "a&b", session: "", signature: "=" };
        let text = call(&caller, "Get", "<id>1</id>");
        assert!(
            text.contains("<AccessKeyId>&lt;k&gt;</AccessKeyId><AssociationId>a&amp;b</AssociationId><Signature>")
                && !text.contains("SessionId")
        );
    }
}
