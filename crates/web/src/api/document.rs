//! What is true of every operation stands here once, and is written into the API's description at the end.

use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder};

const PROBLEM: &str = "application/problem+json";

/// Adds what the whole API answers and takes to every operation: problem documents as such, the statuses that need no mention at
/// each handler, and the header `Idempotency-Key`.
pub(super) fn complete(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten() {
            statuses(operation);
        }
        if let Some(post) = &mut item.post {
            idempotent(post);
            statuses(post);
        }
    }
}

fn statuses(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        if let (true, RefOr::T(response)) = (status.starts_with(['4', '5']), response) {
            as_problem(response);
        }
    }
    let of = |at: ParameterIn| operation.parameters.iter().flatten().any(|p| matches!(p, RefOr::T(p) if p.parameter_in == at));
    let (path, query, header, body) =
        (of(ParameterIn::Path), of(ParameterIn::Query), of(ParameterIn::Header), operation.request_body.is_some());
    for (status, told, applies) in [
        ("400", "The request cannot be read.", query || body),
        ("401", "There is no valid token.", true),
        ("403", "The token lacks the permission.", true),
        ("404", "There is no such thing.", path),
        ("409", "It does not fit the present state, or the first request with this key is still under way.", header),
        ("413", "The body is too large.", body || header),
        ("415", "The body is no JSON.", body),
        ("422", "Some values do not pass; `errors` names each with its path.", query || body || header),
        ("500", "Something went wrong on our side.", true),
    ] {
        if applies && !operation.responses.responses.contains_key(status) {
            operation.responses.responses.insert(status.into(), RefOr::T(problem(told)));
        }
    }
}

fn problem(told: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(told).content(PROBLEM, content).build()
}

fn as_problem(response: &mut Response) {
    if let Some(content) = response.content.shift_remove("application/json") {
        response.content.insert(PROBLEM.into(), content);
    }
}

fn idempotent(post: &mut Operation) {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(200));
    let key: Parameter = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("The same request with the same key gets the first answer again, and nothing is done twice."))
        .schema(Some(RefOr::T(Schema::Object(text.build()))))
        .build();
    post.parameters.get_or_insert_default().push(RefOr::T(key));
}
