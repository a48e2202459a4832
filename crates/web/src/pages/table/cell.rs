//! What stands in one cell: on a page as HTML, in an export as plain text.

use std::fmt;

use askama::filters::HtmlSafe;

use crate::pages::text::{self, Chip, When, escape};

#[derive(Clone, Debug)]
pub enum Cell {
    Text(String),
    /// A link, with a smaller line below it where `note` is not empty. An empty text shows as `no address`.
    Link {
        href: String,
        text: String,
        note: String,
    },
    /// An id or a code.
    Code(String),
    Number(i64),
    Time(When),
    Chips(Vec<Chip>),
    /// Nothing is known: the word that says so, which an export leaves out.
    None(&'static str),
}

impl Cell {
    pub fn link(href: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Link { href: href.into(), text: text.into(), note: String::new() }
    }

    /// A time, or the word for never.
    pub fn time(when: Option<When>, never: &'static str) -> Self {
        when.map_or(Self::None(never), Self::Time)
    }

    pub fn number(n: Option<i64>) -> Self {
        n.map_or(Self::None("–"), Self::Number)
    }

    /// As an export writes it: times in RFC 3339, figures without separators, states by their words.
    pub fn plain(&self) -> String {
        match self {
            Self::Text(text) | Self::Code(text) | Self::Link { text, .. } => text.clone(),
            Self::Number(n) => n.to_string(),
            Self::Time(when) => when.iso.clone(),
            Self::Chips(chips) => chips.iter().map(|c| c.word).collect::<Vec<_>>().join("; "),
            Self::None(_) => String::new(),
        }
    }
}

impl HtmlSafe for Cell {}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&escape(text)),
            Self::Link { href, text, note } => {
                write!(f, "<a href=\"{}\">", escape(href))?;
                if text.is_empty() {
                    f.write_str("<span class=\"muted\">no address</span></a>")?;
                } else {
                    write!(f, "{}</a>", escape(text))?;
                }
                if note.is_empty() { Ok(()) } else { write!(f, "<small>{}</small>", escape(note)) }
            }
            Self::Code(text) if text.is_empty() => Ok(()),
            Self::Code(text) => write!(f, "<code>{}</code>", escape(text)),
            Self::Number(n) => f.write_str(&text::num(*n)),
            Self::Time(when) => write!(f, "{when}"),
            Self::Chips(chips) => chips.iter().try_for_each(|chip| write!(f, "{chip} ")),
            Self::None(word) => write!(f, "<span class=\"muted\">{word}</span>"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_typed_is_never_markup() {
        let nasty = "<img src=x onerror=\"alert(1)\">'&";
        for cell in [Cell::Text(nasty.into()), Cell::Code(nasty.into()), Cell::link("/x?a=1&b=\"", nasty)] {
            let html = cell.to_string();
            assert!(!html.contains("<img") && !html.contains("b=\"\"") && cell.plain() == nasty, "{html}");
        }
    }

    #[test]
    fn an_export_says_less_than_a_page() {
        assert_eq!((Cell::None("never").plain(), Cell::Number(1_204).plain()), (String::new(), "1204".into()));
        assert_eq!(Cell::Chips(vec![Chip::stop("Gone"), Chip::look("Held")]).plain(), "Gone; Held");
    }
}
