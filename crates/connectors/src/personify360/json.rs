//! Collections of entities in verbose JSON, handed on property by property: what a hostile answer nests or repeats is never
//! held as a whole.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_json::error::Category;

use super::service::protocol;
use crate::ConnectorError;
use crate::http::without_bom;

/// A property's value. Links to other entities and lists are skipped.
pub(super) enum Scalar<'t> {
    Null,
    Bool(bool),
    Number(Number),
    Text(&'t str),
}

/// Takes the entities of a collection one property at a time.
pub(super) trait Entities {
    fn begin(&mut self) -> Result<(), ConnectorError>;
    fn property(&mut self, name: &str, value: &Scalar<'_>);
    fn end(&mut self);
}

/// Reads the entities of `{"d":[…]}` or `{"d":{"results":[…]}}`.
pub(super) fn read(body: &[u8], into: &mut impl Entities) -> Result<(), ConnectorError> {
    let text = String::from_utf8_lossy(without_bom(body));
    let mut walk = Walk { into, fault: None, found: false };
    let mut json = serde_json::Deserializer::from_str(&text);
    let read = Level { walk: &mut walk, at: At::Whole }.deserialize(&mut json).and_then(|()| json.end());
    if let Some(fault) = walk.fault {
        return Err(fault);
    }
    match read {
        Ok(()) if walk.found => Ok(()),
        Err(e) if e.classify() != Category::Data => Err(protocol("JSON that is cut off or not well formed")),
        _ => Err(protocol("JSON without a collection of entities in `d`")),
    }
}

struct Walk<'s, S> {
    into: &'s mut S,
    /// Why the sink stopped the walk.
    fault: Option<ConnectorError>,
    found: bool,
}

/// Where in the answer a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Whole,
    /// The value of `d`.
    Wrapping,
    /// The value of `results`.
    Results,
    Entity,
}

struct Level<'w, 's, S> {
    walk: &'w mut Walk<'s, S>,
    at: At,
}

impl<'de, S: Entities> DeserializeSeed<'de> for Level<'_, '_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, S: Entities> Visitor<'de> for Level<'_, '_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a collection of entities")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if !matches!(self.at, At::Wrapping | At::Results) || self.walk.found {
            return Err(A::Error::custom("a list in the wrong place"));
        }
        self.walk.found = true;
        while items.next_element_seed(Level { walk: &mut *self.walk, at: At::Entity })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let walk = self.walk;
        match self.at {
            At::Whole => inside(walk, &mut map, "d", At::Wrapping),
            At::Wrapping => inside(walk, &mut map, "results", At::Results),
            At::Results => Err(A::Error::custom("an entity without a list")),
            At::Entity => entity(walk, &mut map),
        }
    }
}

/// Goes into one key of an object and past all others.
fn inside<'de, S: Entities, A: MapAccess<'de>>(walk: &mut Walk<'_, S>, map: &mut A, wanted: &str, at: At) -> Result<(), A::Error> {
    while let Some(key) = map.next_key::<String>()? {
        if key == wanted {
            map.next_value_seed(Level { walk: &mut *walk, at })?;
        } else {
            map.next_value::<IgnoredAny>()?;
        }
    }
    Ok(())
}

fn entity<'de, S: Entities, A: MapAccess<'de>>(walk: &mut Walk<'_, S>, map: &mut A) -> Result<(), A::Error> {
    if let Err(fault) = walk.into.begin() {
        walk.fault = Some(fault);
        return Err(A::Error::custom("stopped"));
    }
    while let Some(name) = map.next_key::<String>()? {
        map.next_value_seed(Property { into: &mut *walk.into, name: &name })?;
    }
    walk.into.end();
    Ok(())
}

struct Property<'w, S> {
    into: &'w mut S,
    name: &'w str,
}

impl<'de, S: Entities> DeserializeSeed<'de> for Property<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, S: Entities> Visitor<'de> for Property<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a property")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.into.property(self.name, &Scalar::Null);
        Ok(())
    }

    fn visit_bool<E: Error>(self, yes: bool) -> Result<(), E> {
        self.into.property(self.name, &Scalar::Bool(yes));
        Ok(())
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<(), E> {
        self.into.property(self.name, &Scalar::Number(n.into()));
        Ok(())
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<(), E> {
        self.into.property(self.name, &Scalar::Number(n.into()));
        Ok(())
    }

    fn visit_f64<E: Error>(self, n: f64) -> Result<(), E> {
        let value = Number::from_f64(n).map_or(Scalar::Null, Scalar::Number);
        self.into.property(self.name, &value);
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.into.property(self.name, &Scalar::Text(text));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}
