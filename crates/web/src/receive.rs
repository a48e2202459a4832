//! A file that comes in: kept chunk by chunk while what it is is found out, for pages, API and command line alike. No more than a chunk is
//! in memory, except of an XLSX file, whose size is bounded.

use axum::body::Body;
use axum::http::{HeaderMap, Method, header};
use futures::{Stream, StreamExt};
use multer::{Constraints, Field, Multipart, SizeLimit};
use rialto_connectors::upload::{Found, MAX_FILE, MAX_XLSX, Sniffer, Unreadable, look_at_xlsx};
use rialto_core::Clock;
use rialto_core::upload::{Mapping, UploadKind, Use, guess};
use rialto_store::uploads::{self, New, Writer};
use rialto_store::{Actor, Db, StoreError, fields};
use sha2::{Digest, Sha256};

use crate::error::Error;

/// Where the page's form sends its file.
pub const PAGE: &str = "/subscribers/upload";

/// Where requests of the API send theirs.
const API: [&str; 2] = ["/api/v1/uploads", "/api/v1/unsubscriber-uploads"];

/// Whether the body of this request is a file, which comes for as long as it takes.
pub fn brings_a_file(method: &Method, path: &str) -> bool {
    method == Method::POST && (path == PAGE || API.contains(&path))
}

/// Longest field beside the file, in bytes, and how many there may be.
const FIELD: u64 = 8 << 10;
const FIELDS: usize = 20;

pub fn is_multipart(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("multipart/form-data")
}

/// The form of an upload: small fields first, then the file, which is still to be read.
pub struct Form {
    fields: Vec<(String, String)>,
    pub file_name: String,
    file: Option<Field<'static>>,
}

impl Form {
    /// Reads up to the file.
    ///
    /// # Errors
    /// It is no such form, or no file comes.
    pub async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Error> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let boundary = multer::parse_boundary(kind)
            .map_err(|_| Error::BadRequest("Send the file as multipart/form-data, in the field file, after all other fields.".into()))?;
        let limits = SizeLimit::new().whole_stream(MAX_FILE + (1 << 20)).for_field("file", MAX_FILE + 1).per_field(FIELD);
        let mut form = Multipart::with_constraints(body.into_data_stream(), boundary, Constraints::new().size_limit(limits));
        let mut fields = Vec::new();
        while let Some(field) = form.next_field().await.map_err(broken)? {
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" {
                let file_name = shown_name(field.file_name().unwrap_or_default());
                return Ok(Self { fields, file_name, file: Some(field) });
            }
            if fields.len() == FIELDS {
                return Err(Error::BadRequest("The form has too many fields before the file.".into()));
            }
            fields.push((name, field.text().await.map_err(broken)?));
        }
        Err(Error::field("file", "Choose a file. In a request, it comes in the field file, after all other fields."))
    }

    /// A field of the form, trimmed; empty when it was not sent.
    pub fn text(&self, name: &str) -> &str {
        self.fields.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.trim())
    }

    /// The bytes of the file as they come.
    pub fn bytes(&mut self) -> impl Stream<Item = Result<axum::body::Bytes, Error>> + Unpin + use<> {
        let file = self.file.take();
        Box::pin(futures::stream::iter(file).flatten().map(|piece| piece.map_err(broken)))
    }
}

fn broken(error: multer::Error) -> Error {
    match error {
        multer::Error::StreamSizeExceeded { .. } | multer::Error::FieldSizeExceeded { .. } => Error::TooLarge,
        _ => Error::BadRequest("The upload broke off or is no multipart form. Send it again.".into()),
    }
}

/// A name that can be shown: the last part of a path, without control characters.
pub fn shown_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|c| !c.is_control()).take(120).collect();
    if name.trim().is_empty() { "file".into() } else { name.trim().to_owned() }
}

fn unreadable(e: Unreadable) -> Error {
    Error::field("file", &e.0)
}

/// Keeps a file, finds out what it is, and asks for its plan where the columns explain themselves. Answers the upload's id; a file that
/// cannot be read is given up at once, and nothing of it stays.
pub async fn file(
    db: &Db,
    clock: &Clock,
    new: New<'_>,
    who: &Actor,
    mut pieces: impl Stream<Item = Result<axum::body::Bytes, Error>> + Unpin,
) -> Result<i64, Error> {
    let mut tx = db.write().await?;
    let id = uploads::begin(&mut tx, new, who).await?;
    tx.commit().await?;
    match take(db, clock, id, who, &mut pieces).await {
        Ok(()) => Ok(id),
        Err(error) => {
            drain(pieces).await;
            let mut tx = db.write().await?;
            uploads::discard(&mut tx, id, who).await?;
            tx.commit().await?;
            Err(error)
        }
    }
}

async fn take(
    db: &Db,
    clock: &Clock,
    id: i64,
    who: &Actor,
    pieces: &mut (impl Stream<Item = Result<axum::body::Bytes, Error>> + Unpin),
) -> Result<(), Error> {
    let (mut writer, mut sniffer) = (Writer::new(id), Sniffer::default());
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        sniffer.push(&piece).map_err(unreadable)?;
        writer.push(db, &piece).await?;
    }
    writer.finish(db).await?;
    let size = i64::try_from(sniffer.size()).unwrap_or(i64::MAX);
    let found = if sniffer.is_xlsx() { xlsx(db, id).await? } else { sniffer.finish().map_err(unreadable)? };
    let upload = uploads::get(db.read(), id).await?.ok_or(Error::NotFound)?;
    let heads = heads(&found);
    let mapping = choose(db, upload.kind(), &found, &heads).await?;
    let who = Actor { at: clock.now(), ..who.clone() };
    let text = serde_json::to_string(&found).map_err(Error::internal)?;
    let mut tx = db.write().await?;
    uploads::received(&mut tx, id, (size, &text, &heads), mapping.as_ref(), &who).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes in what still comes, up to a limit: a browser that is answered in the middle of its file shows no answer at all.
async fn drain(mut pieces: impl Stream<Item = Result<axum::body::Bytes, Error>> + Unpin) {
    let mut left = MAX_XLSX as usize;
    while let Some(Ok(piece)) = pieces.next().await {
        let Some(less) = left.checked_sub(piece.len()) else { return };
        left = less;
    }
}

async fn xlsx(db: &Db, id: i64) -> Result<Found, Error> {
    let mut all = Vec::new();
    for number in 0.. {
        let Some(bytes) = uploads::chunk(db.read(), id, number).await? else { break };
        all.extend_from_slice(&bytes);
        if all.len() as u64 > MAX_XLSX {
            return Err(Error::TooLarge);
        }
    }
    tokio::task::spawn_blocking(move || look_at_xlsx(all)).await.map_err(Error::internal)?.map_err(unreadable)
}

/// A hash over the heads of the columns: files with the same heads are used alike.
fn heads(found: &Found) -> String {
    let text = format!("{}\n{}", found.shape.header, found.columns.join("\u{1f}").to_lowercase());
    Sha256::digest(text.as_bytes()).iter().take(16).map(|b| format!("{b:02x}")).collect()
}

/// What the columns are used for: as the last time, or as they explain themselves; `None` when nobody can tell where the addresses are.
async fn choose(db: &Db, kind: UploadKind, found: &Found, heads: &str) -> Result<Option<Mapping>, StoreError> {
    let usable = |m: &Mapping| m.check(found.columns.len()).is_ok();
    if kind == UploadKind::People
        && let Some(last) = uploads::remembered(db.read(), heads).await?.filter(usable)
    {
        return Ok(Some(last));
    }
    let known: Vec<String> = fields::list(db.read(), rialto_core::upload::SOURCE).await?.into_iter().map(|f| f.name).collect();
    let mut guessed = guess(&found.columns, &found.samples, &known);
    if kind == UploadKind::Unsubscribers {
        // Only the address counts; of a single column it can be nothing else.
        if guessed.columns.len() == 1 {
            guessed.columns = vec![Use::Address];
        }
        guessed.columns.iter_mut().filter(|c| **c != Use::Address).for_each(|c| *c = Use::Ignore);
    }
    Ok(Some(guessed).filter(usable))
}
