//! The preference page: looking shows what stands, a POST acts. Whoever holds the link may do no more than the act itself: no name,
//! no groups and no whole address stand here.

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rialto_core::consent::{Cause, Lifter};
use rialto_core::preference::{self, Link};
use rialto_core::{AddressState, Instant};
use rialto_store::consent::{self, Step};
use rialto_store::interests::{self, Of};
use rialto_store::views::api::{self as views, Person};
use rialto_store::{Actor, StoreError, writebacks};

use super::Public;
use super::answer::{self, Offer, Shown, fault, language, later};
use super::body::{self, Asked};
use super::commit::{Deed, Refused, Wish};
use super::texts::{Texts, WORDING};
use crate::auth::Peer;
use crate::pages::assets;
use crate::request_id::RequestId;
use crate::state::App;

/// Seconds after which a sender may try again when storage was away.
const AGAIN: i64 = 30;
/// Who acts, in ledger and audit trail.
const PERSON: &str = "person:link";

/// GET and HEAD /u/{token}
pub async fn show(
    State(app): State<App>,
    Extension(public): Extension<Public>,
    Path(token): Path<String>,
    peer: Peer,
    request: Request,
) -> Response {
    let texts = language(request.headers());
    let Some(link) = app.vault.read_preference_token(&token) else { return wrong(&app, &public, &peer, texts) };
    standing(&app, texts, link, None).await
}

/// POST /u/{token}: what the form asks for, or a mail program on the person's behalf (RFC 8058).
pub async fn act(
    State(app): State<App>,
    Extension(public): Extension<Public>,
    Path(token): Path<String>,
    peer: Peer,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let texts = language(&parts.headers);
    let Some(link) = app.vault.read_preference_token(&token) else { return wrong(&app, &public, &peer, texts) };
    let asked = match read(&parts, body).await {
        Ok(Some(asked)) => asked,
        Ok(None) => return fault(&app, texts, StatusCode::BAD_REQUEST, texts.unclear),
        Err(TooLarge) => return fault(&app, texts, StatusCode::PAYLOAD_TOO_LARGE, texts.large),
    };
    let who = Actor { name: PERSON.into(), request_id: RequestId::of(&parts.extensions), at: app.clock.now() };
    match public.queue.carry_out(wish(link, &asked, texts, who)).await {
        Ok(()) => done(&app, texts, link, &asked).await,
        Err(Refused::Gone) => fault(&app, texts, StatusCode::NOT_FOUND, texts.unknown),
        Err(Refused::NotOffered) => fault(&app, texts, StatusCode::CONFLICT, texts.unclear),
        Err(Refused::Away) => later(&app, texts, StatusCode::SERVICE_UNAVAILABLE, texts.away, AGAIN),
    }
}

/// Any other method.
pub async fn no_such_method(State(app): State<App>, request: Request) -> Response {
    let texts = language(request.headers());
    let mut response = fault(&app, texts, StatusCode::METHOD_NOT_ALLOWED, texts.method);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    response
}

fn wrong(app: &App, public: &Public, Peer(peer): &Peer, texts: &'static Texts) -> Response {
    match public.wrong.count(peer, app.clock.now()) {
        None => fault(app, texts, StatusCode::NOT_FOUND, texts.unknown),
        Some(seconds) => later(app, texts, StatusCode::TOO_MANY_REQUESTS, texts.many, seconds),
    }
}

struct TooLarge;

async fn read(parts: &Parts, body: Body) -> Result<Option<Asked>, TooLarge> {
    let bytes = to_bytes(body, body::LIMIT).await.map_err(|_| TooLarge)?;
    Ok(body::read(&parts.headers, &bytes))
}

fn wish(link: Link, asked: &Asked, texts: &Texts, who: Actor) -> Wish {
    let from = match link.mailing_id {
        0 => "link given out by an administrator, in no mailing".to_owned(),
        id => format!("link of mailing {id}"),
    };
    let page = || format!("Signed {from}; page in {}, wording {WORDING}", texts.lang);
    let (deed, source, evidence) = match asked {
        Asked::OneClick => (
            Deed::Consent { step: Step::Open(Cause::OwnUnsubscribe), reason: String::new() },
            "one-click",
            format!("Signed {from}; sent by the mail program (RFC 8058)"),
        ),
        Asked::Unsubscribe { reason } => {
            (Deed::Consent { step: Step::Open(Cause::OwnUnsubscribe), reason: reason.clone() }, "preference page", page())
        }
        Asked::Resubscribe => (Deed::Consent { step: Step::Lift(Lifter::Person), reason: String::new() }, "preference page", page()),
        Asked::Interests(changes) => (Deed::Interests(changes.clone()), "preference page", page()),
    };
    Wish { subscriber_id: link.subscriber_id, deed, source, evidence, who }
}

/// The act is committed; also when it had been so before.
async fn done(app: &App, texts: &'static Texts, link: Link, asked: &Asked) -> Response {
    match asked {
        Asked::OneClick => "You are unsubscribed.\n".into_response(),
        Asked::Unsubscribe { .. } => standing(app, texts, link, Some(texts.done_unsubscribed)).await,
        Asked::Resubscribe => standing(app, texts, link, Some(texts.done_again)).await,
        Asked::Interests(_) => standing(app, texts, link, Some(texts.done_interests)).await,
    }
}

async fn standing(app: &App, texts: &'static Texts, link: Link, done: Option<&'static str>) -> Response {
    match look(app, link).await {
        Ok(Some(seen)) => answer::page(StatusCode::OK, &shown(app, texts, seen, done)),
        Ok(None) => fault(app, texts, StatusCode::NOT_FOUND, texts.unknown),
        Err(error) => {
            tracing::error!(%error, "a preference page could not be read");
            later(app, texts, StatusCode::SERVICE_UNAVAILABLE, texts.away, AGAIN)
        }
    }
}

/// What stands about a person.
struct Standing {
    person: Person,
    causes: Vec<Cause>,
    interests: Vec<Of>,
}

async fn look(app: &App, link: Link) -> Result<Option<Standing>, StoreError> {
    let Some(person) = views::person(app.db.read(), link.subscriber_id).await? else { return Ok(None) };
    let causes = consent::open_causes(app.db.read(), person.id).await?;
    let mut interests = interests::of_person(app.db.read(), person.id).await?;
    if !interests.is_empty() {
        let settings = writebacks::destination(app.db.read(), person.bridge_id).await?.map(|d| d.read_settings()).unwrap_or_default();
        // What the remote would not be told is not offered.
        interests.retain(|_| settings.interests);
    }
    Ok(Some(Standing { person, causes, interests }))
}

fn shown<'a>(app: &'a App, texts: &'static Texts, seen: Standing, done: Option<&'static str>) -> Shown<'a> {
    let Standing { person, causes, interests } = seen;
    let organisation = &app.settings.account_name;
    let usable = AddressState::from_i16(person.address_state) == AddressState::Usable;
    let own = causes.contains(&Cause::OwnUnsubscribe);
    let other = causes.iter().any(|c| *c != Cause::OwnUnsubscribe);
    let (heading, offer) = match (own, other || !usable) {
        (false, false) => (texts.getting, Offer::Unsubscribe),
        (false, true) => (texts.silent, Offer::Refuse),
        (true, false) => (texts.silent, Offer::Again),
        // Taking back the own no would change nothing that could be seen.
        (true, true) => (texts.silent, Offer::Nothing),
    };
    let lines = [
        (offer == Offer::Unsubscribe, texts.getting_told),
        (own, texts.silent_own),
        (other, texts.silent_other),
        (!usable, texts.silent_address),
        (other || !usable, texts.turn_to),
    ];
    Shown {
        texts,
        organisation,
        assets: &assets::BASE,
        heading,
        masked: if usable { preference::masked(&person.address) } else { String::new() },
        done,
        told: lines.into_iter().filter(|(applies, _)| *applies).map(|(_, text)| answer::with(text, organisation)).collect(),
        offer,
        reasons: body::REASONS.into_iter().map(|(value, _)| value).zip(texts.reasons).collect(),
        // The oldest read, as a date: nobody knows more than that about all of them.
        known: interests.iter().map(|i| i.synced_at).min().map(day).unwrap_or_default(),
        interests,
    }
}

/// The day of a time, in UTC.
fn day(at: i64) -> String {
    Instant(at).to_string().chars().take(10).collect()
}
