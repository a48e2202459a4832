//! A segment as one condition about `subscriber`. Every identifier is ours, every value is bound.
//!
//! Conditions about the fields of one list that stand in one group are joined before they are asked, so that each list is read once. No
//! condition is ever null: what a missing value means is written out (`rules` in `rialto_core::segment`).

use rialto_core::segment::{Group, Node, Segment, Set, Table, Test};

use super::context::Context;
use super::predicate::{Bound, Row};
use crate::audiences;
use crate::error::StoreError;
use crate::sql::Arg;

/// People looked up in another table.
#[derive(Clone, Debug)]
struct Among {
    /// Column of `subscriber`.
    key: &'static str,
    column: String,
    from: String,
    filter: String,
}

/// A condition, with negations only at its ends.
#[derive(Clone, Debug)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// About columns of `subscriber`, where `{s}` stands for it.
    Person(String),
    Among {
        among: Among,
        negated: bool,
    },
    Row {
        table: Table,
        row: Row,
    },
}

/// A condition over `subscriber` called by an alias, with the values of its parameters.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub(super) text: String,
    pub(super) args: Vec<Arg>,
}

/// The condition that holds for exactly those of whom the segment holds. The segment was checked.
pub(super) fn compile(segment: &Segment, context: &Context) -> Result<Compiled, StoreError> {
    let mut bound = Bound::new(context.sqlite);
    let condition = joined(group(&segment.root, false, context, &mut bound)?);
    let text = Render { context, aliases: 0 }.condition(&condition, "s")?;
    Ok(Compiled { text, args: bound.args })
}

fn group(of: &Group, negated: bool, context: &Context, bound: &mut Bound) -> Result<Condition, StoreError> {
    let (negated_parts, all) = match of {
        Group::All(_) => (negated, !negated),
        Group::Any(_) => (negated, negated),
        Group::None(_) => (!negated, !negated),
    };
    let mut parts = Vec::new();
    for part in of.parts() {
        parts.push(match part {
            Node::Group(inner) => group(inner, negated_parts, context, bound)?,
            Node::Test(t) => test(t, negated_parts, context, bound)?,
        });
    }
    Ok(if all { Condition::All(parts) } else { Condition::Any(parts) })
}

fn test(of: &Test, negated: bool, context: &Context, bound: &mut Bound) -> Result<Condition, StoreError> {
    let person = |text: String, yes: bool| Condition::Person(if yes != negated { text } else { format!("NOT {text}") });
    Ok(match of {
        Test::Address(rule) => person(bound.text("{s}.canonical", &rule.map(rialto_core::address::canonical)), true),
        Test::RemoteId(rule) => person(bound.text("{s}.remote_id", rule), true),
        Test::Bridge { bridge, is } => person(format!("({{s}}.bridge_id = {bridge})"), *is),
        Test::Added(rule) => person(bound.moment("{s}.created_at", rule, &context.today), true),
        Test::UsableAddress(is) => person("({s}.address_state = 0)".to_owned(), *is),
        Test::Mailable(is) => mailable(*is != negated),
        Test::Cause { cause, is } => cause_open(*cause, *is != negated, bound),
        Test::Member { of, is } => member(*of, *is != negated, context)?,
        Test::Field { of, number, is } => {
            let kind = context.kind(*of, *number)?;
            let row = bound.rule(&format!("r.f{number}"), is, kind, &context.today);
            Condition::Row { table: *of, row: if negated { row.turned() } else { row } }
        }
    })
}

fn member(of: Set, yes: bool, context: &Context) -> Result<Condition, StoreError> {
    let group = context.group_of(of)?;
    let among =
        Among { key: "id", column: "m.subscriber_id".to_owned(), from: "membership m".to_owned(), filter: format!("m.group_id = {group}") };
    Ok(Condition::Among { among, negated: !yes })
}

/// Those whom a suppression holds back, by record or by address.
fn suppressed(filter: &str) -> [Among; 2] {
    let of = |key, column: &str, bound: &str| Among {
        key,
        column: format!("x.{column}"),
        from: "suppression x".to_owned(),
        filter: format!("x.{column} {bound}{filter}"),
    };
    [of("id", "subscriber_id", "<> 0"), of("canonical", "canonical", "> ''")]
}

fn cause_open(cause: rialto_core::consent::Cause, yes: bool, bound: &mut Bound) -> Condition {
    use rialto_core::consent::Cause;
    if cause == Cause::RemoteFlag {
        return Condition::Person(if yes { "({s}.remote_flag_run <> 0)" } else { "({s}.remote_flag_run = 0)" }.to_owned());
    }
    let name = bound.push(cause.name().into());
    let parts = suppressed(&format!(" AND x.cause = {name}")).map(|among| Condition::Among { among, negated: !yes });
    if yes { Condition::Any(parts.into()) } else { Condition::All(parts.into()) }
}

fn mailable(yes: bool) -> Condition {
    let sound = "({s}.address_state = 0 AND {s}.remote_flag_run = 0)";
    let mut parts = vec![Condition::Person(if yes { sound.to_owned() } else { format!("NOT {sound}") })];
    parts.extend(suppressed("").map(|among| Condition::Among { among, negated: yes }));
    if yes { Condition::All(parts) } else { Condition::Any(parts) }
}

/// The condition that says who of the people `s` can be mailed.
pub(super) fn can_be_mailed(context: &Context) -> Result<String, StoreError> {
    Render { context, aliases: 0 }.condition(&mailable(true), "s")
}

/// Conditions about one table that stand in one group become one.
fn joined(condition: Condition) -> Condition {
    let (all, parts) = match condition {
        Condition::All(parts) => (true, parts),
        Condition::Any(parts) => (false, parts),
        end => return end,
    };
    let mut rows: Vec<(Table, Row)> = Vec::new();
    let mut others = Vec::new();
    for part in parts.into_iter().map(joined) {
        match part {
            Condition::Row { table, row } => match rows.iter_mut().find(|(of, _)| *of == table) {
                Some((_, known)) => known.join(&row, all),
                None => rows.push((table, row)),
            },
            Condition::All(inner) if all => others.extend(inner),
            Condition::Any(inner) if !all => others.extend(inner),
            other => others.push(other),
        }
    }
    others.extend(rows.into_iter().map(|(table, row)| Condition::Row { table, row }));
    match (others.len(), others.pop()) {
        (1, Some(one)) => one,
        (_, last) => {
            others.extend(last);
            if all { Condition::All(others) } else { Condition::Any(others) }
        }
    }
}

struct Render<'a> {
    context: &'a Context,
    aliases: usize,
}

impl Render<'_> {
    fn condition(&mut self, of: &Condition, s: &str) -> Result<String, StoreError> {
        Ok(match of {
            Condition::All(parts) => {
                let parts: Vec<String> = parts.iter().map(|p| self.condition(p, s)).collect::<Result<_, _>>()?;
                format!("({})", parts.join(" AND "))
            }
            Condition::Any(parts) => self.any(parts, s)?,
            Condition::Person(text) => text.replace("{s}", s),
            Condition::Among { among, negated } => self.among(among, *negated, s),
            Condition::Row { table, row } => self.row(*table, row, s)?,
        })
    }

    /// PostgreSQL asks each of many people by itself where sets are joined by OR; as a union of sets they are asked at once.
    fn any(&mut self, parts: &[Condition], s: &str) -> Result<String, StoreError> {
        let (plain, sets): (Vec<&Condition>, Vec<&Condition>) = parts.iter().partition(|p| matches!(p, Condition::Person(_)));
        if self.context.sqlite || sets.is_empty() {
            let parts: Vec<String> = parts.iter().map(|p| self.condition(p, s)).collect::<Result<_, _>>()?;
            return Ok(format!("({})", parts.join(" OR ")));
        }
        let mut branches: Vec<Condition> = sets.into_iter().cloned().collect();
        if !plain.is_empty() {
            let texts: Vec<String> =
                plain.iter().filter_map(|p| if let Condition::Person(text) = p { Some(text.clone()) } else { None }).collect();
            branches.push(Condition::Person(format!("({})", texts.join(" OR "))));
        }
        let mut selects = Vec::new();
        for branch in &branches {
            self.aliases += 1;
            let inner = format!("s{}", self.aliases);
            let condition = self.condition(branch, &inner)?;
            selects.push(format!("SELECT {inner}.id FROM subscriber {inner} WHERE {condition}"));
        }
        Ok(format!("{s}.id IN ({})", selects.join(" UNION ALL ")))
    }

    fn among(&self, of: &Among, negated: bool, s: &str) -> String {
        let Among { key, column, from, filter } = of;
        match (negated, self.context.sqlite) {
            (false, _) => format!("{s}.{key} IN (SELECT {column} FROM {from} WHERE {filter})"),
            (true, true) => format!("{s}.{key} NOT IN (SELECT {column} FROM {from} WHERE {filter})"),
            (true, false) => format!("NOT EXISTS (SELECT 1 FROM {from} WHERE {column} = {s}.{key} AND {filter})"),
        }
    }

    /// Those whose row fits. Where a missing row fits too, those whose row does not fit are left out.
    fn row(&self, table: Table, row: &Row, s: &str) -> Result<String, StoreError> {
        let filter = if row.missing { format!("NOT {}", row.text) } else { row.text.clone() };
        let (key, bridge, among) = match table {
            Table::Bridge(id) => (
                "id",
                None,
                Among { key: "id", column: "r.subscriber_id".to_owned(), from: format!("{} r", crate::fields::table(id)), filter },
            ),
            Table::Audience(id) => {
                let Some((key, bridge)) = self.context.link_of(id)? else {
                    return Ok(if row.missing { "(1 = 1)" } else { "(1 = 0)" }.to_owned());
                };
                (key, bridge, self.audience_row(id, &filter)?)
            }
        };
        let among = Among { key, ..among };
        let Some(bridge) = bridge else { return Ok(self.among(&among, row.missing, s)) };
        let is = format!("{s}.bridge_id = {bridge}");
        Ok(match (row.missing, self.context.sqlite) {
            (false, _) => format!("({is} AND {})", self.among(&among, false, s)),
            (true, true) => format!("({s}.bridge_id <> {bridge} OR {})", self.among(&among, true, s)),
            (true, false) => {
                let filter = format!("{is} AND {}", among.filter);
                self.among(&Among { filter, ..among }, true, s)
            }
        })
    }

    /// Of several rows that meet one person the one with the lowest key counts.
    fn audience_row(&self, id: i64, filter: &str) -> Result<Among, StoreError> {
        let (table, key) = (audiences::table(id), audiences::KEY);
        let by = self.context.key_order(id)?;
        Ok(Among {
            key: "canonical",
            column: "r.link".to_owned(),
            from: format!("{table} r"),
            filter: format!(
                "r.link > '' AND {filter} AND NOT EXISTS (SELECT 1 FROM {table} o WHERE o.link = r.link AND o.f{key}{by} < r.f{key}{by})"
            ),
        })
    }
}
