//! Turning pages of a list that is read from a place: first, previous, next.

use rialto_store::views::Way;

use super::Table;

/// The page that an address asks for: behind one place, or before another.
#[derive(Clone, Copy)]
pub struct Turn<'a> {
    pub way: Way,
    /// Empty for the first page.
    pub place: &'a str,
    limit: i64,
}

impl<'a> Turn<'a> {
    pub fn new(after: &'a str, before: &'a str, limit: i64) -> Self {
        if before.is_empty() { Self { way: Way::Onward, place: after, limit } } else { Self { way: Way::Back, place: before, limit } }
    }

    /// How many rows to read: one more than are shown tells whether there is another page.
    pub fn wanted(&self) -> i64 {
        self.limit + 1
    }

    /// The list begins with this page.
    pub fn begins(&self) -> bool {
        self.place.is_empty()
    }

    /// The page of what was read, nearest to the place first.
    pub fn page<R>(&self, mut rows: Vec<R>) -> Turned<R> {
        let more = rows.len() as i64 > self.limit;
        rows.truncate(usize::try_from(self.limit).unwrap_or_default());
        match self.way {
            Way::Onward => Turned { rows, before: !self.begins(), behind: more },
            Way::Back => {
                rows.reverse();
                Turned { rows, before: more, behind: true }
            }
        }
    }
}

/// One page of a list, in its order.
pub struct Turned<R> {
    pub rows: Vec<R>,
    /// Rows stand before these.
    pub before: bool,
    /// Rows stand behind these.
    pub behind: bool,
}

impl<R> Turned<R> {
    /// Links to the pages around. `place` says where a row stands; `link` makes an address of a place to begin behind or one to end
    /// before, the other being empty.
    pub fn links(&self, table: &mut Table, place: impl Fn(&R) -> String, link: impl Fn(&str, &str) -> String) {
        table.first = self.before.then(|| link("", ""));
        table.back = self.rows.first().filter(|_| self.before).map(|r| link("", &place(r)));
        table.next = self.rows.last().filter(|_| self.behind).map(|r| link(&place(r), ""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(turned: &Turned<i64>) -> (&[i64], bool, bool) {
        (&turned.rows, turned.before, turned.behind)
    }

    #[test]
    fn one_row_more_than_a_page_tells_that_there_is_another() {
        let turn = |after, before| Turn::new(after, before, 2);
        assert_eq!(turn("", "").wanted(), 3);
        assert_eq!(shape(&turn("", "").page(vec![1, 2, 3])), (&[1, 2][..], false, true));
        assert_eq!(shape(&turn("2", "").page(vec![3, 4])), (&[3, 4][..], true, false));
        assert_eq!(shape(&turn("", "5").page(vec![4, 3, 2])), (&[3, 4][..], true, true));
        assert_eq!(shape(&turn("", "3").page(vec![2, 1])), (&[1, 2][..], false, true));
    }
}
