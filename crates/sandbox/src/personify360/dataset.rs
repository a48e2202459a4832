//! The answer of a stored procedure: a DataSet as escaped text inside XML.

use std::fmt::Write as _;

use crate::faults::Tweaks;
use crate::personify360::people::Person;
use crate::personify360::xml::escape_twice;

const HEAD: &str = "<StoredProcedureOutput><Data>";
const TAIL: &str = "</Data></StoredProcedureOutput>";
const INNER_HEAD: &str = "&lt;?xml version=\"1.0\" encoding=\"utf-16\"?&gt;&lt;NewDataSet&gt;";
const INNER_TAIL: &str = "&lt;/NewDataSet&gt;";

/// Writes rows; elements of null values are left out, as DataSets do.
pub(crate) struct DataSet<'a> {
    out: String,
    rows: u64,
    tags: Vec<(String, String)>,
    columns: &'static [&'static str],
    victim: usize,
    tweaks: Tweaks<'a>,
}

impl<'a> DataSet<'a> {
    /// An empty set; `victim` is the column in which faulty texts are shown.
    pub(crate) fn new(columns: &'static [&'static str], victim: usize, tweaks: Tweaks<'a>, rows: usize) -> Self {
        let tags = columns.iter().map(|column| {
            let name = tweaks.name(column);
            let mut safe = String::new();
            escape_twice(&mut safe, name);
            (format!("&lt;{safe}&gt;"), format!("&lt;/{safe}&gt;"))
        });
        let mut out = String::with_capacity(256 + rows * 1_300);
        out.push_str(HEAD);
        out.push_str(INNER_HEAD);
        Self { out, rows: 0, tags: tags.collect(), columns, victim, tweaks }
    }

    pub(crate) fn begin(&mut self) {
        self.out.push_str("&lt;Table&gt;");
    }

    pub(crate) fn end(&mut self) {
        self.out.push_str("&lt;/Table&gt;");
        self.rows += 1;
    }

    fn drops(&self, column: usize) -> bool {
        let key = self.columns.get(column) == Some(&"MASTER_CUSTOMER_ID");
        key && self.tweaks.drops_key(self.rows)
    }

    /// A text.
    pub(crate) fn text(&mut self, column: usize, text: &str) {
        if self.rows == 0
            && column == self.victim
            && let Some(faulty) = self.tweaks.first_text(text)
        {
            self.write(column, &faulty);
            return;
        }
        if !self.drops(column) {
            self.write(column, text);
        }
    }

    fn write(&mut self, column: usize, text: &str) {
        let Some((open, close)) = self.tags.get(column) else {
            return;
        };
        self.out.push_str(open);
        escape_twice(&mut self.out, text);
        self.out.push_str(close);
    }

    /// A text that may be null.
    pub(crate) fn optional(&mut self, column: usize, text: Option<&str>) {
        if let Some(text) = text {
            self.text(column, text);
        }
    }

    /// Anything else, which needs no escaping.
    pub(crate) fn plain(&mut self, column: usize, value: impl std::fmt::Display) {
        let Some((open, close)) = self.tags.get(column) else {
            return;
        };
        self.out.push_str(open);
        let _ = write!(self.out, "{value}");
        self.out.push_str(close);
    }

    /// Y or N.
    pub(crate) fn flag(&mut self, column: usize, flag: bool) {
        self.plain(column, if flag { 'Y' } else { 'N' });
    }

    /// The whole document.
    pub(crate) fn finish(mut self) -> String {
        if self.rows == 0 {
            return no_data();
        }
        self.out.push_str(INNER_TAIL);
        self.out.push_str(TAIL);
        self.out
    }
}

/// The answer without rows.
pub(crate) fn no_data() -> String {
    [HEAD, "No Data Found", TAIL].concat()
}

/// Columns of a list's member: ids, address, flags, then the personalization view.
pub(crate) const MEMBER_COLUMNS: &[&str] = &[
    "MASTER_CUSTOMER_ID",
    "SUB_CUSTOMER_ID",
    "PRIMARY_EMAIL_ADDRESS",
    "ALLOW_EMAIL_FLAG",
    "ALLOW_SOLICITATION_FLAG",
    "FIRST_NAME",
    "LAST_NAME",
    "LABEL_NAME",
    "JOB_TITLE",
    "COMPANY_NAME",
    "CITY",
    "STATE",
    "COUNTRY_CODE",
    "MEMBER_SINCE",
    "MEMBER_FLAG",
    "MEMBER_NUMBER",
    "DUES_BALANCE",
];

/// Column in which faulty texts of members are shown: FIRST_NAME.
pub(crate) const MEMBER_VICTIM: usize = 5;

/// Writes one member.
pub(crate) fn member(set: &mut DataSet<'_>, person: &Person) {
    set.begin();
    set.text(0, &person.master_customer_id);
    set.plain(1, person.sub_customer_id);
    set.optional(2, person.email.as_deref());
    set.flag(3, person.allow_email);
    set.flag(4, person.allow_solicitation);
    set.text(5, &person.first_name);
    set.text(6, &person.last_name);
    set.text(7, &person.label_name);
    set.optional(8, person.job_title.as_deref());
    set.optional(9, person.company_name.as_deref());
    set.text(10, &person.city);
    set.optional(11, person.state.as_deref());
    set.text(12, &person.country_code);
    if let Some(date) = person.member_since {
        set.plain(13, format_args!("{}T00:00:00", Day(date)));
    }
    set.plain(14, person.member_flag);
    if let Some(number) = person.member_number {
        set.plain(15, number);
    }
    let cents = person.dues_balance_cents;
    let sign = if cents < 0 { "-" } else { "" };
    let plain = cents.unsigned_abs();
    set.plain(16, format_args!("{sign}{}.{:02}", plain / 100, plain % 100));
    set.end();
}

struct Day(jiff::civil::Date);

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}
