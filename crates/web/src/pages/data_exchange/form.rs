//! What the wizard and the pages of a data sync hold while it is entered. A field of the destination stands in a form field `m-<API name>`.

use rialto_core::Kind;
use rialto_core::data_sync::Mode;
use rialto_store::data_syncs::{self, DataSync};
use rialto_store::{audiences, bridges, streams};

use crate::api::data_sync_input::{DataSyncInput, Line, MatchInput};
use crate::api::extract::public;
use crate::error::{Error, FieldError};
use crate::state::App;

/// Fields of a form that are looked at.
const FIELDS: usize = 700;

/// The form as the browser sends it.
#[derive(Clone, Default)]
pub struct Sent {
    pub name: String,
    pub folder: String,
    pub description: String,
    /// Labels that were picked.
    pub labels: Vec<String>,
    /// Labels that were typed, with commas between them.
    pub new_labels: String,
    /// Public id of the destination.
    pub destination: String,
    /// Public id of the stream connection, a blank, the business unit.
    pub source: String,
    /// `upsert` or `delete`.
    pub mode: String,
    /// How rows meet subscribers: empty, `email`, or `remote_id:` and the public id of a bridge.
    pub how: String,
    /// API name of the field that holds it.
    pub field: String,
    /// API name of a field of the destination, and the source's field; also of a destination that was chosen before.
    pub pairs: Vec<(String, String)>,
    /// The destination for which fields were offered last.
    pub offered: String,
    /// The step of the wizard that was shown.
    pub step: String,
    /// What was pressed.
    pub go: String,
}

impl Sent {
    pub fn read(fields: Vec<(String, String)>) -> Self {
        let mut sent = Self::default();
        for (name, value) in fields.into_iter().take(FIELDS) {
            match (name.as_str(), name.strip_prefix("m-")) {
                (_, Some(api_name)) => sent.pairs.push((api_name.to_owned(), value.trim().to_owned())),
                ("name", _) => sent.name = value,
                ("folder", _) => sent.folder = value,
                ("description", _) => sent.description = value.replace("\r\n", "\n"),
                ("label", _) => sent.labels.push(value),
                ("new_labels", _) => sent.new_labels = value,
                ("destination", _) => sent.destination = value,
                ("source", _) => sent.source = value,
                ("mode", _) => sent.mode = value,
                ("how", _) => sent.how = value,
                ("field", _) => sent.field = value,
                ("offered", _) => sent.offered = value,
                ("step", _) => sent.step = value,
                ("go", _) => sent.go = value,
                _ => {}
            }
        }
        sent
    }

    /// A data sync as it stands.
    pub async fn of(app: &App, sync: &DataSync) -> Result<Self, Error> {
        let read = app.db.read();
        let audience = audiences::get(read, sync.audience_id).await?.ok_or(Error::NotFound)?;
        let stream = streams::get(read, sync.stream_id).await?.ok_or(Error::NotFound)?;
        let fields = audiences::fields(read, sync.audience_id).await?;
        let api_name = |number: i64| fields.iter().find(|f| f.number == number).map(|f| f.api_name.clone());
        let bridge = match sync.match_bridge {
            Some(id) => bridges::get(read, id).await?,
            None => None,
        };
        let how = match (&bridge, sync.match_by.as_deref()) {
            (Some(b), _) => format!("remote_id:{}", public(Kind::Bridge, b.created_at, b.id)),
            (None, by) => by.unwrap_or_default().to_owned(),
        };
        let destination = public(Kind::AudienceList, audience.created_at, audience.id);
        let pairs = data_syncs::pairs(read, sync.id).await?;
        Ok(Self {
            name: sync.name.clone(),
            folder: sync.folder.clone(),
            description: sync.description.clone(),
            labels: data_syncs::labels_of(read, sync.id).await?.into_iter().map(|l| l.name).collect(),
            source: format!("{} {}", public(Kind::Stream, stream.created_at, stream.id), sync.source),
            mode: sync.mode().name().to_owned(),
            how,
            field: sync.match_field.and_then(api_name).unwrap_or_default(),
            pairs: pairs.into_iter().filter_map(|p| Some((api_name(p.target)?, p.source))).collect(),
            offered: destination.clone(),
            destination,
            ..Self::default()
        })
    }

    pub fn is_delete(&self) -> bool {
        self.mode == Mode::Delete.name()
    }

    /// Kind and bridge of how rows meet subscribers; `None` for not at all. A delete joins nobody.
    pub fn matched(&self) -> Option<(&str, Option<&str>)> {
        match self.how.split_once(':') {
            _ if self.how.is_empty() || self.is_delete() => None,
            Some((by, bridge)) => Some((by, Some(bridge))),
            None => Some((&self.how, None)),
        }
    }

    /// The source's field that goes into a field of the destination; empty for none.
    pub fn from(&self, api_name: &str) -> &str {
        self.pairs.iter().find(|(to, _)| to.eq_ignore_ascii_case(api_name)).map_or("", |(_, from)| from)
    }

    pub fn set(&mut self, api_name: &str, from: &str) {
        match self.pairs.iter_mut().find(|(to, _)| to.eq_ignore_ascii_case(api_name)) {
            Some(pair) => from.clone_into(&mut pair.1),
            None => self.pairs.push((api_name.to_owned(), from.to_owned())),
        }
    }

    /// Stream connection and business unit.
    pub fn stream_and_unit(&self) -> (&str, &str) {
        self.source.split_once(' ').unwrap_or((&self.source, ""))
    }

    /// As the API takes it: lines of fields that the destination has (`fields`, by API name), in their order.
    pub fn input(&self, fields: &[String]) -> DataSyncInput {
        let typed = self.new_labels.split(',').map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned);
        let (stream, unit) = self.stream_and_unit();
        let line =
            |to: &String| Some(self.from(to)).filter(|from| !from.is_empty()).map(|from| Line { from: from.to_owned(), to: to.clone() });
        DataSyncInput {
            name: self.name.clone(),
            folder: self.folder.clone(),
            description: self.description.clone(),
            labels: self.labels.iter().cloned().chain(typed).collect(),
            destination: self.destination.clone(),
            stream: stream.to_owned(),
            source: Some(unit.to_owned()),
            mode: self.mode.clone(),
            matched: self.matched().map(|(by, bridge)| MatchInput {
                by: by.to_owned(),
                bridge: bridge.map(str::to_owned),
                field: self.field.clone(),
            }),
            mapping: fields.iter().filter_map(line).collect(),
        }
    }

    /// What a step of the wizard does not show, to be sent along with it.
    pub fn carried(&self, step: &str) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, value: &str| all.push((name.to_owned(), value.to_owned()));
        if step != "general" {
            for (name, value) in [("name", &self.name), ("folder", &self.folder), ("description", &self.description)] {
                add(name, value);
            }
            self.labels.iter().for_each(|label| add("label", label));
            add("new_labels", &self.new_labels);
        }
        if step != "ends" {
            for (name, value) in [("destination", &self.destination), ("source", &self.source), ("mode", &self.mode), ("how", &self.how)] {
                add(name, value);
            }
        }
        if step != "matching" {
            add("field", &self.field);
            self.pairs.iter().filter(|(_, from)| !from.is_empty()).for_each(|(to, from)| add(&format!("m-{to}"), from));
        }
        add("offered", &self.offered);
        all
    }
}

/// What is wrong with it, by the field of the form beside which it is said.
#[derive(Default)]
pub struct Faulty {
    faults: Vec<(&'static str, String)>,
}

impl Faulty {
    /// Takes faults as the API words them; another error than one of input is handed back.
    pub fn take(&mut self, error: Error) -> Result<(), Error> {
        match error {
            Error::Invalid(faults) => faults.into_iter().for_each(|f| self.push(f)),
            Error::Conflict(why) => self.add("", why),
            other => return Err(other),
        }
        Ok(())
    }

    pub fn push(&mut self, fault: FieldError) {
        let place = match fault.field.split(['[', '.']).next().unwrap_or_default() {
            "name" => "name",
            "folder" => "folder",
            "description" => "description",
            "labels" => "labels",
            "destination" => "destination",
            "stream" | "source" => "source",
            "mode" => "mode",
            "match" if fault.field == "match.field" => "field",
            "match" => "how",
            "mapping" => "mapping",
            _ => "",
        };
        self.add(place, fault.detail);
    }

    pub fn add(&mut self, place: &'static str, why: impl Into<String>) {
        self.faults.push((place, why.into()));
    }

    /// What is said beside a field of the form.
    pub fn of(&self, place: &str) -> Option<&str> {
        self.faults.iter().find(|(at, _)| *at == place).map(|(_, why)| why.as_str())
    }

    /// What is said of the whole.
    pub fn whole(&self) -> String {
        let said: Vec<&str> = self.faults.iter().filter(|(at, _)| at.is_empty() || *at == "mapping").map(|(_, why)| why.as_str()).collect();
        said.join(" ")
    }

    /// Has what belongs to fields of another page said of the whole; `shown` are those that this one has.
    pub fn elsewhere(mut self, shown: &[&str]) -> Self {
        self.faults.iter_mut().filter(|(at, _)| !shown.contains(at)).for_each(|(at, _)| *at = "");
        self
    }

    pub fn any(&self) -> bool {
        !self.faults.is_empty()
    }

    /// The first step of the wizard on which something is wrong.
    pub fn step(&self) -> &'static str {
        let on = |places: &[&str]| self.faults.iter().any(|(at, _)| places.contains(at));
        if on(&["name", "folder", "description", "labels"]) {
            "general"
        } else if on(&["destination", "source", "mode", "how"]) {
            "ends"
        } else {
            "matching"
        }
    }
}
