//! What the chosen subscriber reads, or what is wrong with the text, line by line.

use std::collections::BTreeMap;

use askama::Template;
use rialto_mail::personalize::{Fault, Medium};
use rialto_store::views::members::Member;

use super::Sent;
use crate::api::personalization::{Known, Rendered, SUBJECT};
use crate::error::Error;
use crate::state::App;

/// Longest piece of a line that is shown beside its fault, in characters.
const PIECE: usize = 160;

/// A line with faults.
struct Line {
    number: usize,
    text: String,
    faults: Vec<Fault>,
}

#[derive(Template)]
#[template(path = "personalization/preview.html")]
pub struct Preview {
    subject: String,
    text: String,
    /// Lines with faults, those of the subject by themselves.
    subject_lines: Vec<Line>,
    lines: Vec<Line>,
    /// Nobody is chosen, so that nothing can be shown.
    nobody: bool,
    /// There is no text yet.
    blank: bool,
}

impl Preview {
    pub async fn of(app: &App, known: &Known, chosen: Option<&Member>, sent: &Sent) -> Result<Self, Error> {
        let mut preview = Self {
            subject: String::new(),
            text: String::new(),
            subject_lines: Vec::new(),
            lines: Vec::new(),
            nobody: chosen.is_none(),
            blank: sent.text.trim().is_empty() && sent.subject.trim().is_empty(),
        };
        let texts = [(sent.subject.as_str(), Medium::Line), (sent.text.as_str(), Medium::Text)];
        let rendered: Vec<Rendered> = match chosen {
            Some(person) => known.render(app, person.id, &texts).await?,
            // Faults are told without anybody too.
            None => texts.iter().map(|(text, _)| known.read(text).map(|_| String::new())).collect(),
        };
        let mut rendered = rendered.into_iter();
        let mut next = || rendered.next().unwrap_or_else(|| Ok(String::new()));
        match checked(&sent.subject, next()) {
            Ok(subject) => preview.subject = subject,
            Err(faults) => preview.subject_lines = lines(&sent.subject, faults),
        }
        match next() {
            Ok(text) => preview.text = text,
            Err(faults) => preview.lines = lines(&sent.text, faults),
        }
        Ok(preview)
    }

    fn faulty(&self) -> bool {
        !self.lines.is_empty() || !self.subject_lines.is_empty()
    }
}

fn checked(subject: &str, rendered: Rendered) -> Rendered {
    if subject.chars().count() <= SUBJECT {
        return rendered;
    }
    let what = format!("The subject has more than {SUBJECT} characters.");
    Err(vec![Fault { line: 1, what, advice: "Shorten it.".into() }])
}

fn lines(text: &str, faults: Vec<Fault>) -> Vec<Line> {
    let mut by_line: BTreeMap<usize, Vec<Fault>> = BTreeMap::new();
    for fault in faults {
        by_line.entry(fault.line).or_default().push(fault);
    }
    let line = |(number, faults): (usize, Vec<Fault>)| {
        let whole = text.split('\n').nth(number.saturating_sub(1)).unwrap_or_default().trim();
        let more = if whole.chars().nth(PIECE).is_some() { "…" } else { "" };
        Line { number, text: format!("{}{more}", whole.chars().take(PIECE).collect::<String>()), faults }
    };
    by_line.into_iter().map(line).collect()
}
