//! Parties: read whole, and put back whole. What a client drops is cleared.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::answer::Answer;
use super::paged;
use super::request::Request;
use crate::faults::Tweaks;
use crate::imis::contacts::{CommunicationType, Contact, NewContact, Population, Preference, guid};
use crate::imis::dialect::{self, items, member, text};
use crate::imis::options::Generation;
use crate::imis::rows::{Cell, Filter};
use crate::imis::sandbox::Sandbox;
use crate::imis::state::State;

pub(super) fn answer(sandbox: &Sandbox, request: &Request, method: &str, tweaks: Tweaks<'_>) -> Answer {
    match method {
        "GET" if request.rest.is_empty() => list(sandbox, request, tweaks),
        "GET" => one(sandbox, request),
        "PUT" => put(sandbox, request, tweaks),
        "POST" if request.entity.eq_ignore_ascii_case("Person") => create(sandbox, request),
        _ => Answer::text(501, "This operation is not implemented."),
    }
}

fn one(sandbox: &Sandbox, request: &Request) -> Answer {
    let found = request.identity().first().and_then(|id| sandbox.contact(id));
    found.map_or_else(Answer::missing, |contact| Answer::json(200, &data(&contact, sandbox)))
}

fn list(sandbox: &Sandbox, request: &Request, tweaks: Tweaks<'_>) -> Answer {
    let state = sandbox.read();
    let filters = request.filters();
    let ids = filters.iter().find(|f| f.is_about(&["Id", "PartyId"])).and_then(Filter::wanted);
    let indexes: Vec<u64> = match ids {
        Some(ids) => ids.iter().filter_map(|id| state.index(id)).collect(),
        None => (1..=state.end).collect(),
    };
    let holds = |contact: &Contact| {
        let about = |f: &Filter, names: &[&str], text: &str| !f.is_about(names) || f.holds(text);
        filters.iter().all(|f| {
            about(f, &["email"], contact.email.as_deref().unwrap_or_default())
                && about(f, &["firstname"], &contact.first_name)
                && about(f, &["lastname"], &contact.last_name)
        })
    };
    let old = sandbox.options().generation == Generation::Y2017;
    let found: Vec<u64> = indexes.into_iter().filter(|index| filters.is_empty() || holds(&state.contact_at(*index))).collect();
    // Only the page is written out: there may be a million contacts.
    let slice = request.slice(sandbox.options().max_rows);
    let rows: Vec<Value> = found.iter().skip(slice.offset).take(slice.limit).map(|i| person(&state.contact_at(*i), &state, old)).collect();
    if tweaks.empty() {
        return Answer::json(200, &paged(request, sandbox, Vec::new(), tweaks));
    }
    let count = rows.len();
    Answer::json(200, &dialect::page(dialect::objects(rows), count, &slice, tweaks.total(found.len() as u64)))
}

fn data(contact: &Contact, sandbox: &Sandbox) -> Value {
    person(contact, &sandbox.read(), sandbox.options().generation == Generation::Y2017)
}

/// A contact as a party. The older generation leaves out flags that are false.
fn person(contact: &Contact, state: &State, old: bool) -> Value {
    let organization =
        json!({ "Name": contact.company.as_deref().unwrap_or_default(), "Title": contact.title.as_deref().unwrap_or_default() });
    let number = Population::index(&contact.id).unwrap_or_default();
    let mut members = json!({
        "Id": contact.id,
        "PartyId": contact.id,
        "UniformId": guid(9, number),
        "Name": contact.full_name(),
        "Sort": format!("{},{}", contact.last_name, contact.first_name),
        "PersonName": dialect::membership("PersonNameData", json!({
            "FirstName": contact.first_name, "LastName": contact.last_name, "FullName": contact.full_name(),
        })),
        "PrimaryOrganization": dialect::membership("PrimaryOrganizationInformationData", organization),
        "Emails": dialect::values("EmailDataCollection", contact.email.iter().map(|address| {
            dialect::membership("EmailData", json!({ "Address": address, "EmailType": "_Primary", "IsPrimary": true }))
        }).collect()),
        "Addresses": dialect::values("FullAddressDataCollection", vec![address(contact)]),
        "Phones": dialect::values("PhoneDataCollection", contact.phone.iter().map(|number| {
            dialect::membership("PhoneData", json!({ "Number": number, "PhoneType": "_Work Phone" }))
        }).collect()),
        "AdditionalAttributes": dialect::properties(&attributes(contact)),
        "Status": dialect::membership("PartyStatusData", json!({ "PartyStatusId": "A", "Description": "Active" })),
        "UpdateInformation": dialect::core("EntityUpdateInformationData", json!({ "CreatedBy": "MANAGER", "CreatedOn": "2020-01-01T00:00:00" })),
    });
    if !contact.preferences.is_empty()
        && let Some(map) = members.as_object_mut()
    {
        let chosen = contact.preferences.iter().enumerate().map(|(at, p)| preference(p, number, at, old)).collect();
        map.insert("CommunicationTypePreferences".into(), dialect::values("PartyCommunicationTypePreferenceDataCollection", chosen));
    }
    debug_assert!(state.end >= number);
    dialect::membership("PersonData", members)
}

fn preference(preference: &Preference, number: u64, at: usize, old: bool) -> Value {
    let mut members = json!({
        "PartyCommunicationTypePreferenceId": guid(10 + at as u64, number),
        "CommunicationTypeId": preference.type_id,
    });
    if (preference.opt_in || !old)
        && let Some(map) = members.as_object_mut()
    {
        map.insert("OptInFlag".into(), preference.opt_in.into());
    }
    dialect::core("PartyCommunicationTypePreferenceData", members)
}

fn address(contact: &Contact) -> Value {
    let address = json!({
        "CityName": contact.city, "CountrySubEntityCode": contact.state.as_deref().unwrap_or_default(), "CountryCode": contact.country,
    });
    let reasons = vec![dialect::membership("CommunicationPreferenceData", json!({ "Reason": "default" }))];
    dialect::membership(
        "FullAddressData",
        json!({
            "AddressPurpose": "Address",
            "Address": dialect::membership("AddressData", address),
            "Email": contact.email.as_deref().unwrap_or_default(),
            "CommunicationPreferences": dialect::values("CommunicationPreferenceDataCollection", reasons),
        }),
    )
}

fn attributes(contact: &Contact) -> Vec<(String, Cell)> {
    vec![
        ("CustomerTypeCode".into(), Cell::Text(contact.member_type.to_string())),
        ("IsMember".into(), Cell::Bool(contact.is_member)),
        ("JoinDate".into(), contact.join_date.map_or(Cell::Null, |d| Cell::Text(format!("{d}T00:00:00")))),
        ("Balance".into(), Cell::Decimal(contact.balance_cents)),
    ]
}

/// What the body says about a contact: nothing of what was there before stays.
fn read(body: &Value, contact: &mut Contact, types: &[CommunicationType]) -> Result<(), String> {
    let missing = Value::Null;
    let part = |name: &str| member(body, name).unwrap_or(&missing);
    let word = |text: &str| (!text.is_empty()).then(|| Cow::Owned(text.to_owned()));
    contact.first_name = Cow::Owned(text(part("PersonName"), "FirstName").to_owned());
    contact.last_name = Cow::Owned(text(part("PersonName"), "LastName").to_owned());
    contact.company = word(text(part("PrimaryOrganization"), "Name"));
    contact.title = word(text(part("PrimaryOrganization"), "Title"));
    let emails = items(member(body, "Emails"));
    let primary = emails.iter().find(|e| member(e, "IsPrimary").and_then(Value::as_bool) == Some(true)).or(emails.first());
    contact.email = primary.map(|e| text(e, "Address").to_owned()).filter(|t| !t.is_empty());
    let address = items(member(body, "Addresses")).first().and_then(|a| member(a, "Address")).unwrap_or(&missing);
    contact.city = Cow::Owned(text(address, "CityName").to_owned());
    contact.state = word(text(address, "CountrySubEntityCode"));
    contact.country = Cow::Owned(text(address, "CountryCode").to_owned());
    contact.phone = items(member(body, "Phones")).first().map(|p| text(p, "Number").to_owned());
    let attributes = items(member(body, "AdditionalAttributes"));
    let attribute = |name: &str| {
        let found = attributes.iter().find(|a| text(a, "Name").eq_ignore_ascii_case(name)).and_then(|a| member(a, "Value"));
        found.map_or(Cell::Null, Cell::read)
    };
    contact.member_type = Cow::Owned(attribute("CustomerTypeCode").text());
    contact.is_member = attribute("IsMember") == Cell::Bool(true);
    contact.join_date = attribute("JoinDate").text().parse::<jiff::civil::DateTime>().ok().map(|d| d.date());
    contact.preferences = preferences(body, types)?;
    Ok(())
}

fn preferences(body: &Value, types: &[CommunicationType]) -> Result<Vec<Preference>, String> {
    let one = |p: &Value| {
        let type_id = text(p, "CommunicationTypeId").to_lowercase();
        let opt_in = member(p, "OptInFlag").and_then(Value::as_bool).unwrap_or(false);
        let known = types.iter().find(|t| t.id == type_id).ok_or("The communication type does not exist.")?;
        if known.cannot_opt_out && !opt_in {
            return Err(format!("Nobody can opt out of {}.", known.name));
        }
        Ok(Preference { type_id, opt_in })
    };
    items(member(body, "CommunicationTypePreferences")).iter().map(one).collect()
}

fn put(sandbox: &Sandbox, request: &Request, tweaks: Tweaks<'_>) -> Answer {
    let identity = request.identity();
    let id = identity.first().copied().unwrap_or_default();
    let Some(mut contact) = sandbox.contact(id) else { return Answer::missing() };
    let types = sandbox.communication_types();
    if text(&request.body, "Id") != id && text(&request.body, "PartyId") != id {
        return Answer::trouble();
    }
    match read(&request.body, &mut contact, &types) {
        Err(message) => Answer::refused(&message),
        Ok(()) => {
            let stored = sandbox.edit_contact(id, |known| *known = contact).map(|stored| match Population::index(&stored.id) {
                Some(index) if tweaks.wrong_entity() => Contact { id: Population::id(index + 1), ..stored },
                _ => stored,
            });
            stored.map_or_else(Answer::missing, |stored| Answer::json(200, &data(&stored, sandbox)))
        }
    }
}

fn create(sandbox: &Sandbox, request: &Request) -> Answer {
    let Some(new) = sandbox.create_contact(NewContact::default()) else { return Answer::refused("There are too many contacts.") };
    let types = sandbox.communication_types();
    let mut contact = new.clone();
    if let Err(message) = read(&request.body, &mut contact, &types) {
        return Answer::refused(&message);
    }
    let stored = sandbox.edit_contact(&new.id, |known| *known = contact);
    stored.map_or_else(Answer::missing, |stored| Answer::json(201, &data(&stored, sandbox)))
}
