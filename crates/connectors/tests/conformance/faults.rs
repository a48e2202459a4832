//! The faults that the simulators know, and the words for them.

use rialto_sandbox::Fault;

/// The words for a fault. No wildcard: a new fault of the simulators has to be thought of here, and in the lists below.
pub fn words(fault: &Fault) -> String {
    match fault {
        Fault::RateLimited { retry_after } => format!("429, Retry-After {retry_after}"),
        Fault::ServerError { status } => format!("status {status}"),
        Fault::Timeout { .. } => "no answer in time".into(),
        Fault::CutBody { after_bytes } => format!("connection cut after {after_bytes} bytes"),
        Fault::SlowBody { .. } => "body drips".into(),
        Fault::HtmlPage => "web page, status 200".into(),
        Fault::EmptyList => "no rows".into(),
        Fault::TruncatedPayload => "body ends in the middle".into(),
        Fault::DuplicateRows => "rows come twice".into(),
        Fault::MovingRows => "people come and go between pages".into(),
        Fault::RegenerateDuring => "list made anew between pages".into(),
        Fault::WrongTotal { delta } => format!("total wrong by {delta}"),
        Fault::RenamedField { .. } => "a name is another".into(),
        Fault::OversizeValue { bytes } if *bytes <= 1 << 20 => "value of 1 MiB".into(),
        Fault::OversizeValue { .. } => "value beyond the limit of a body".into(),
        Fault::InvalidUtf8 => "bytes that are no UTF-8".into(),
        Fault::BadCredentials => "credentials refused".into(),
        Fault::MissingKey => "rows without a key".into(),
        Fault::Validation { status, .. } => format!("objections, status {status}"),
        Fault::EmptyBody => "empty body".into(),
        Fault::WrongEntity => "answer about somebody else".into(),
    }
}

fn validation(status: u16) -> Fault {
    Fault::Validation { status, message: "Not like this.".into() }
}

/// Those that say the same whatever was asked, and the class of error each has to be.
pub fn of_the_service() -> Vec<(Fault, &'static str)> {
    vec![
        (Fault::RateLimited { retry_after: "900".into() }, "limited"),
        (Fault::ServerError { status: 500 }, "transient"),
        (Fault::ServerError { status: 503 }, "transient"),
        (Fault::Timeout { seconds: 30 }, "transient"),
        (Fault::CutBody { after_bytes: 20 }, "transient"),
        (Fault::HtmlPage, "protocol"),
        (Fault::TruncatedPayload, "protocol"),
        (Fault::EmptyBody, "protocol"),
        (Fault::BadCredentials, "auth"),
    ]
}

/// Those that pass before anybody gives up.
pub fn that_pass() -> Vec<Fault> {
    vec![
        Fault::RateLimited { retry_after: "1".into() },
        Fault::RateLimited { retry_after: "never".into() },
        Fault::ServerError { status: 502 },
        Fault::CutBody { after_bytes: 10 },
        Fault::Timeout { seconds: 30 },
    ]
}

/// Those of rows and their announcement.
pub fn of_rows() -> Vec<Fault> {
    vec![
        Fault::EmptyList,
        Fault::DuplicateRows,
        Fault::MovingRows,
        Fault::RegenerateDuring,
        Fault::WrongTotal { delta: 7 },
        Fault::WrongTotal { delta: -7 },
        Fault::OversizeValue { bytes: 1 << 20 },
        Fault::OversizeValue { bytes: 9 << 19 },
        Fault::InvalidUtf8,
        Fault::MissingKey,
        Fault::SlowBody { bytes_per_second: 100 },
        validation(200),
        validation(400),
        Fault::WrongEntity,
    ]
}

/// Those of a writeback, apart from renamed names.
pub fn of_writes() -> Vec<Fault> {
    vec![
        Fault::SlowBody { bytes_per_second: 20 },
        Fault::Timeout { seconds: 3 },
        Fault::RateLimited { retry_after: "120".into() },
        Fault::ServerError { status: 500 },
        Fault::ServerError { status: 503 },
        Fault::ServerError { status: 409 },
        Fault::HtmlPage,
        Fault::TruncatedPayload,
        Fault::EmptyBody,
        Fault::BadCredentials,
        Fault::CutBody { after_bytes: 0 },
        Fault::CutBody { after_bytes: 200 },
        Fault::CutBody { after_bytes: 600 },
        validation(200),
        validation(400),
        validation(500),
        Fault::WrongEntity,
        Fault::WrongTotal { delta: 1 },
        Fault::WrongTotal { delta: -1 },
    ]
}

/// Whether it takes seconds.
pub fn is_slow(fault: &Fault) -> bool {
    matches!(fault, Fault::Timeout { .. } | Fault::SlowBody { .. })
}
