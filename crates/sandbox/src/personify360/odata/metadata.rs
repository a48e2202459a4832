//! `$metadata` and the service document.

use std::fmt::Write as _;

use super::atom::PROLOGUE;
use super::schema::{Edm, Entity};
use crate::personify360::options::EntitySetNames;
use crate::personify360::xml::escape;

/// The description of all entity types (EDMX).
pub(crate) fn metadata(names: &EntitySetNames) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"yes\"?>\
         <edmx:Edmx Version=\"1.0\" xmlns:edmx=\"http://schemas.microsoft.com/ado/2007/06/edmx\">\
         <edmx:DataServices m:DataServiceVersion=\"1.0\" \
         xmlns:m=\"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata\">\
         <Schema Namespace=\"Personify\" xmlns=\"http://schemas.microsoft.com/ado/2006/04/edm\">",
    );
    for entity in Entity::all() {
        entity_type(&mut out, entity);
    }
    out.push_str("<EntityContainer Name=\"PersonifyEntities\" m:IsDefaultEntityContainer=\"true\">");
    for entity in Entity::all() {
        let set = escape(entity.set(names));
        let _ = write!(out, "<EntitySet Name=\"{set}\" EntityType=\"Personify.{}\" />", entity.name);
    }
    out.push_str("</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>");
    out
}

fn entity_type(out: &mut String, entity: &Entity) {
    let _ = write!(out, "<EntityType Name=\"{}\"><Key>", entity.name);
    for field in entity.key() {
        let _ = write!(out, "<PropertyRef Name=\"{}\" />", field.name);
    }
    out.push_str("</Key>");
    for (at, field) in entity.fields.iter().enumerate() {
        let nullable = at >= entity.keys;
        let _ = write!(out, "<Property Name=\"{}\" Type=\"{}\" Nullable=\"{nullable}\"", field.name, field.edm.name());
        let _ = match field.edm {
            Edm::String => write!(out, " MaxLength=\"{}\" Unicode=\"true\" FixedLength=\"false\" />", field.length),
            Edm::Decimal => write!(out, " Precision=\"19\" Scale=\"2\" />"),
            _ => write!(out, " />"),
        };
    }
    out.push_str("</EntityType>");
}

/// The list of entity sets (Atom service document).
pub(crate) fn service_document(base: &str, names: &EntitySetNames) -> String {
    let mut out = String::from(PROLOGUE);
    let _ = write!(
        out,
        "<service xml:base=\"{}\" xmlns=\"http://www.w3.org/2007/app\" \
         xmlns:atom=\"http://www.w3.org/2005/Atom\"><workspace><atom:title>Default</atom:title>",
        escape(base)
    );
    for entity in Entity::all() {
        let set = escape(entity.set(names));
        let _ = write!(out, "<collection href=\"{set}\"><atom:title>{set}</atom:title></collection>");
    }
    out.push_str("</workspace></service>");
    out
}
