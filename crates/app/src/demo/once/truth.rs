//! What must be, worked out from the sandbox alone, with none of Rialto's rules at hand.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rialto_sandbox::{Person, Sandbox};

/// Remote IDs of a list's members.
pub fn member_ids(sandbox: &Sandbox, code: &str) -> BTreeSet<String> {
    sandbox.list_members(code).iter().map(Person::remote_id).collect()
}

/// Remote ID and address of a list's members.
pub fn members(sandbox: &Sandbox, code: &str) -> BTreeSet<(String, String)> {
    sandbox.list_members(code).iter().map(|p| (p.remote_id(), p.email.clone().unwrap_or_default().trim().to_owned())).collect()
}

/// Columns of the personalization view: what a person has beside ids, address and flags.
pub fn fields(sandbox: &Sandbox) -> BTreeSet<String> {
    let mut person = None;
    sandbox.for_each_member("ALL_MEMBERS", |p| person = Some(p.clone()));
    let person = serde_json::to_value(person).unwrap_or_default();
    let own = ["master_customer_id", "sub_customer_id", "email", "allow_email", "allow_solicitation"];
    let names = person.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).filter(|n| !own.contains(n));
    names.map(|n| n.trim_end_matches("_cents").to_ascii_uppercase()).collect()
}

pub fn says_yes(person: &Person) -> bool {
    person.allow_email && person.allow_solicitation
}

fn address(person: &Person) -> String {
    person.email.as_deref().unwrap_or_default().trim().to_lowercase()
}

/// The sandbox makes malformed addresses by leaving out the `@`, doubling it, or putting in a space.
fn well_formed(address: &str) -> bool {
    address.matches('@').count() == 1 && !address.contains(' ')
}

/// People of a list whom nobody else shares an address with, whose address is usable, and who fit.
pub fn alone(sandbox: &Sandbox, code: &str, fits: impl Fn(&Person) -> bool) -> Vec<Person> {
    let mut bearers: HashMap<String, u32> = HashMap::new();
    sandbox.for_each_member("ALL_MEMBERS", |p| *bearers.entry(address(p)).or_default() += 1);
    let people = sandbox.list_members(code).into_iter();
    people.filter(|p| well_formed(&address(p)) && bearers.get(&address(p)) == Some(&1) && fits(p)).collect()
}

/// The lines of a list's counts as they must be once it has been read whole. `left` are people who unsubscribed here, each with an
/// address of their own.
pub fn waterfall(sandbox: &Sandbox, code: &str, left: &BTreeSet<String>) -> BTreeMap<&'static str, i64> {
    let people = sandbox.list_members(code);
    let mut lines: BTreeMap<&'static str, i64> =
        ["no_address", "malformed", "same_address", "unsubscribed_here", "remote_flag", "mailable"].into_iter().map(|l| (l, 0)).collect();
    let mut by_address: BTreeMap<String, Vec<&Person>> = BTreeMap::new();
    for person in &people {
        match address(person) {
            a if a.is_empty() => *lines.entry("no_address").or_default() += 1,
            a if !well_formed(&a) => *lines.entry("malformed").or_default() += 1,
            a => by_address.entry(a).or_default().push(person),
        }
    }
    for bearers in by_address.into_values() {
        // One mail per address: it goes through the first record that may be mailed.
        let free = bearers.iter().any(|p| says_yes(p) && !left.contains(&p.remote_id()));
        let line = match free {
            true => "mailable",
            false if bearers.iter().any(|p| left.contains(&p.remote_id())) => "unsubscribed_here",
            false => "remote_flag",
        };
        *lines.entry(line).or_default() += 1;
        *lines.entry("same_address").or_default() += bearers.len() as i64 - 1;
    }
    lines.insert("members", people.len() as i64);
    lines
}
