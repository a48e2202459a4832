//! Every answer of the API that a test gets must be one that the description promises: its status, its type, its shape.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::harness::Answer;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(rialto_web::api::document()).unwrap());
static VALIDATORS: LazyLock<Mutex<HashMap<String, &'static Validator>>> = LazyLock::new(Mutex::default);

/// The described path that this one is an instance of; a fixed one goes before one with parameters.
fn template(path: &str) -> Option<&'static str> {
    let path = format!("/api/v1{}", path.split('?').next().unwrap());
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |known: &&String| {
        let known: Vec<&str> = known.split('/').collect();
        known.len() == parts.len() && known.iter().zip(&parts).all(|(k, p)| k.starts_with('{') || k == p)
    };
    DOCUMENT["paths"].as_object().unwrap().keys().filter(fits).min_by_key(|known| known.matches('{').count()).map(String::as_str)
}

fn validator(name: String, schema: &Value) -> &'static Validator {
    let mut all = VALIDATORS.lock().unwrap();
    all.entry(name).or_insert_with(|| {
        let whole = json!({"allOf": [schema], "components": DOCUMENT["components"]});
        Box::leak(Box::new(jsonschema::options().should_validate_formats(true).build(&whole).unwrap()))
    })
}

/// Panics when the answer is not as described. What the description does not know must be refused as unknown.
pub fn check(method: &str, path: &str, answer: &Answer) {
    let status = answer.status.as_u16().to_string();
    let operation = template(path).map(|known| (known, &DOCUMENT["paths"][known][method.to_ascii_lowercase()]));
    let Some((known, operation)) = operation.filter(|(_, operation)| operation.is_object()) else {
        assert!(["401", "404", "405"].contains(&status.as_str()) || path == "/openapi.json", "{method} {path} is not described: {status}");
        return;
    };
    fits(method, known, operation, answer);
}

/// The same of an answer from outside `/api/v1`, whose described path is known.
pub fn check_at(method: &str, known: &str, answer: &Answer) {
    fits(method, known, &DOCUMENT["paths"][known][method], answer);
}

fn fits(method: &str, known: &str, operation: &Value, answer: &Answer) {
    let status = answer.status.as_u16().to_string();
    let response = &operation["responses"][&status];
    assert!(response.is_object(), "{method} {known}: the status {status} is not described: {}", answer.text);
    let Some(content) = response["content"].as_object() else {
        assert!(answer.text.is_empty(), "{method} {known} {status}: no body is described: {}", answer.text);
        return;
    };
    let kind = answer.header("content-type");
    let described = content.get(kind).unwrap_or_else(|| panic!("{method} {known} {status}: the type {kind:?} is not described"));
    if !kind.ends_with("json") {
        return;
    }
    let validator = validator(format!("{method} {known} {status}"), &described["schema"]);
    let faults: Vec<String> = validator.iter_errors(&answer.json()).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    assert!(faults.is_empty(), "{method} {known} {status}: {faults:#?}\n{}", answer.text);
}

#[test]
fn the_description_is_complete() {
    let mut posts = 0;
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let types: Vec<&String> = response["content"].as_object().into_iter().flat_map(|c| c.keys()).collect();
                let problem = status.starts_with(['4', '5']);
                assert_eq!(problem, types.iter().any(|t| *t == "application/problem+json"), "{method} {path} {status}: {types:?}");
            }
            assert!(operation["responses"]["401"].is_object(), "{method} {path}");
            let keyed = operation["parameters"].as_array().into_iter().flatten().any(|p| p["name"] == "Idempotency-Key");
            assert_eq!(keyed, method == "post" && path.starts_with("/api/v1/"), "{method} {path}");
            posts += usize::from(keyed);
        }
    }
    assert!(posts > 5);
}
