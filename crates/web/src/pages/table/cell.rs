//! What stands in one cell: on a page as HTML, in an export as plain text.

use std::fmt;

use askama::filters::HtmlSafe;

use crate::pages::text::{self, Chip, When, address, escape};

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
    /// A figure as the database writes it: exact, without separators.
    Figure(String),
    Time(When),
    Chips(Vec<Chip>),
    /// What was, in words, and what is or would be.
    Moved {
        before: String,
        after: Box<Cell>,
    },
    /// Fields: label, before, after.
    Fields(Vec<(String, String, String)>),
    /// What stands in for a value that nobody entered.
    Default(String),
    /// A moment written out, that does not break, with its distance below it.
    Noted {
        text: String,
        note: When,
    },
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
            Self::Text(text) | Self::Code(text) | Self::Figure(text) | Self::Link { text, .. } => text.clone(),
            Self::Noted { note, .. } => note.iso.clone(),
            Self::Moved { before, after } => format!("{before} → {}", after.plain()),
            Self::Fields(all) => all.iter().map(|(label, b, a)| format!("{label}: {b} → {a}")).collect::<Vec<_>>().join("; "),
            // Nobody entered it: an export that goes elsewhere must not make a fact of it.
            Self::Default(_) => String::new(),
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
            Self::Text(text) | Self::Figure(text) => f.write_str(&address(text)),
            Self::Link { href, text, note } => {
                write!(f, "<a href=\"{}\">", escape(href))?;
                if text.is_empty() {
                    f.write_str("<span class=\"muted\">no address</span></a>")?;
                } else {
                    write!(f, "{}</a>", address(text))?;
                }
                if note.is_empty() { Ok(()) } else { write!(f, "<small>{}</small>", escape(note)) }
            }
            Self::Code(text) if text.is_empty() => Ok(()),
            Self::Code(text) => write!(f, "<code>{}</code>", escape(text)),
            Self::Number(n) => f.write_str(&text::num(*n)),
            Self::Time(when) => write!(f, "{when}"),
            Self::Chips(chips) => chips.iter().try_for_each(|chip| write!(f, "{chip} ")),
            Self::Noted { text, note } => write!(f, "<span class=\"nowrap\">{}</span><small class=\"nowrap\">{note}</small>", escape(text)),
            Self::Moved { before, after } => {
                write!(f, "<span class=\"moved\"><del>{}</del> <span aria-hidden=\"true\">→</span> <ins>{after}</ins></span>", escape(before))
            }
            Self::Fields(all) => all.iter().try_for_each(|(label, before, after)| {
                let said = |text: &str| if text.is_empty() { "empty".to_owned() } else { escape(text) };
                write!(
                    f,
                    "<div class=\"diff\"><span class=\"muted\">{}</span> <del>{}</del> <span aria-hidden=\"true\">→</span> <ins>{}</ins></div>",
                    escape(label),
                    said(before),
                    said(after)
                )
            }),
            Self::Default(text) => write!(f, "<span class=\"moved\">{} <span class=\"muted\">default</span></span>", escape(text)),
            // An empty cell is left out where rows are cards.
            Self::None("") => Ok(()),
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
        let told = [
            Cell::Moved { before: nasty.into(), after: Box::new(Cell::Text(nasty.into())) },
            Cell::Fields(vec![(nasty.into(), nasty.into(), nasty.into())]),
            Cell::Default(nasty.into()),
        ];
        assert!(told.iter().all(|cell| !cell.to_string().contains("<img")), "{told:?}");
        for cell in [Cell::Text(nasty.into()), Cell::Code(nasty.into()), Cell::link("/x?a=1&b=\"", nasty)] {
            let html = cell.to_string();
            assert!(!html.contains("<img") && !html.contains("b=\"\"") && cell.plain() == nasty, "{html}");
        }
    }

    #[test]
    fn an_address_breaks_before_its_sign_and_nothing_else_does() {
        assert!(Cell::link("/x", "ann@x.example").to_string().contains(">ann<wbr>@x.example</a>"));
        assert!(Cell::link("/x", "Ann @ home").to_string().contains(">Ann @ home</a>"));
        assert_eq!(Cell::None("").to_string(), "", "a card leaves out what is empty");
    }

    #[test]
    fn an_export_says_less_than_a_page() {
        assert_eq!((Cell::None("never").plain(), Cell::Number(1_204).plain()), (String::new(), "1204".into()));
        assert_eq!(Cell::Chips(vec![Chip::stop("Gone"), Chip::look("Held")]).plain(), "Gone; Held");
    }
}
