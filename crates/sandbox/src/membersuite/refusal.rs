//! What the service does not do: business errors with HTTP 200, and faults of the protocol.

use crate::membersuite::schema::Class;

/// Codes of business errors, by the names that go over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    SessionExpired,
    InvalidAccessKey,
    UnableToLocateMetadata,
    RecordNotCreateable,
    RecordNotFound,
    ObjectInvalid,
    InvalidQuery,
    IllegalParameter,
    AccessDenied,
    MSQLSyntaxError,
}

/// A business error.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub code: Code,
    pub message: String,
    pub field: Option<String>,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None }
    }

    pub(crate) fn about(code: Code, field: &str, message: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(code, message) }
    }

    pub(crate) fn no_field(class: &Class, field: &str) -> Self {
        Self::about(Code::InvalidQuery, field, format!("The field '{field}' does not exist in the class {}.", class.name))
    }

    pub(crate) fn no_class(name: &str) -> Self {
        Self::new(Code::UnableToLocateMetadata, format!("There is no class '{name}'."))
    }

    pub(crate) fn no_record(id: &str) -> Self {
        Self::new(Code::RecordNotFound, format!("There is no record with the ID '{id}'."))
    }
}

/// A fault of the protocol: HTTP 500 with a SOAP fault.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub code: &'static str,
    pub text: String,
}

impl Fault {
    /// What was sent cannot be read.
    pub(crate) fn unreadable(why: impl Into<String>) -> Self {
        Self { code: "a:DeserializationFailed", text: format!("The message could not be read: {}.", why.into()) }
    }

    pub(crate) fn no_action() -> Self {
        let text = "The message cannot be processed at the receiver: no operation has this action.".to_owned();
        Self { code: "a:ActionNotSupported", text }
    }
}
