//! Strict parsing: a repeated member is an error, because the parser would otherwise silently keep only one of them.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::members::{NOT_AN_OBJECT, Slot, in_member, missing, unknown_field};

/// Why a text cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The document has more bytes than allowed.
    #[error("the document has {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// Length of the text, in bytes.
        bytes: usize,
        /// The most bytes that are read.
        limit: usize,
    },
    /// An object has the same member twice.
    #[error("{what} at line {line}, column {column}")]
    Repeated {
        /// Which member.
        what: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// The text is not JSON, or is nested deeper than 128 levels.
    #[error("the text is not JSON: {what} at line {line}, column {column}")]
    Syntax {
        /// What the parser reported.
        what: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
}

/// Parses a JSON text of at most `limit` bytes.
///
/// # Errors
/// The text is too long, is not JSON, is nested too deeply, or repeats a member of an object.
pub fn parse(text: &str, limit: usize) -> Result<Value, ParseError> {
    if text.len() > limit {
        return Err(ParseError::TooLarge { bytes: text.len(), limit });
    }
    serde_json::from_str::<Strict>(text).map(|Strict(value)| value).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let full = error.to_string();
        let what = full.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&full).to_owned();
        // The visitor below raises a data error only for a repeated member; every other error comes from the parser.
        if error.is_data() {
            ParseError::Repeated { what, line, column }
        } else {
            ParseError::Syntax { what, line, column }
        }
    })
}

/// Reads an object directly from the deserializer into the slots of its members. Every member must be there exactly once.
///
/// # Errors
/// The value is not such an object.
pub fn deserialize_into<'de, D: Deserializer<'de>>(
    deserializer: D,
    slots: &mut [(&'static str, &mut dyn Slot)],
) -> Result<(), D::Error> {
    let read = deserializer.deserialize_any(StrictVisitor(Some(slots)))?;
    if read.is_object() { Ok(()) } else { Err(D::Error::custom(NOT_AN_OBJECT)) }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor(None)).map(Self)
    }
}

fn repeated(key: &str) -> String {
    format!("the member {} is repeated", super::quoted(key))
}

/// Visits any value. The outermost object fills these slots, if there are any, instead of becoming a value.
struct StrictVisitor<'s, 't>(Option<&'s mut [(&'static str, &'t mut dyn Slot)]>);

impl<'de> Visitor<'de> for StrictVisitor<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        if let Some(slots) = self.0 {
            fill_from(access, slots)?;
            return Ok(Value::Object(members));
        }
        while let Some(key) = access.next_key::<String>()? {
            match members.entry(key) {
                Entry::Vacant(place) => {
                    let Strict(value) = access.next_value()?;
                    place.insert(value);
                }
                Entry::Occupied(there) => return Err(A::Error::custom(repeated(there.key()))),
            }
        }
        Ok(Value::Object(members))
    }
}

fn fill_from<'de, A: MapAccess<'de>>(
    mut access: A,
    slots: &mut [(&'static str, &mut dyn Slot)],
) -> Result<(), A::Error> {
    let known: Vec<&str> = slots.iter().map(|(name, _)| *name).collect();
    let mut open: Vec<_> = slots.iter_mut().map(Some).collect();
    let mut next = 0;
    while let Some(place) = access.next_key_seed(MemberIndex { known: &known, next })? {
        next = place.saturating_add(1);
        let Some((key, slot)) = open.get_mut(place).and_then(Option::take) else {
            return Err(A::Error::custom(repeated(known.get(place).copied().unwrap_or_default())));
        };
        let Strict(value) = access.next_value()?;
        slot.fill(value).map_err(|why| A::Error::custom(in_member(key, &why)))?;
    }
    match open.into_iter().flatten().next() {
        Some((name, _)) => Err(A::Error::custom(missing(name))),
        None => Ok(()),
    }
}

/// Reads a member's name as its index among the known names, without copying it. `next` is tried first: if the known names are in
/// canonical order, a canonical text always has that one next.
struct MemberIndex<'k> {
    known: &'k [&'k str],
    next: usize,
}

impl<'de> DeserializeSeed<'de> for MemberIndex<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberIndex<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<usize, E> {
        if self.known.get(self.next) == Some(&key) {
            return Ok(self.next);
        }
        let place = self.known.iter().position(|name| *name == key);
        place.ok_or_else(|| E::custom(unknown_field(key, self.known)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        let text = r#"{"a": [1, -2, 2.5, true, null, "x\n"], "b": {"a": 1}}"#;
        assert_eq!(parse(text, 1000).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn refuses_with_the_place() {
        for (text, message) in [
            ("{\n \"a\": 1,\n \"a\": 2}", "the member `a` is repeated at line 3, column 4"),
            (r#"{"b": [{"a": 1, "a": 1}]}"#, "the member `a` is repeated at line 1, column 19"),
            ("{", "the text is not JSON: EOF while parsing an object at line 1, column 1"),
            ("", "the text is not JSON: EOF while parsing a value at line 1, column 0"),
            ("[] []", "the text is not JSON: trailing characters at line 1, column 4"),
        ] {
            assert_eq!(parse(text, 1000).map_err(|e| e.to_string()), Err(message.to_owned()));
        }
        let deep = "[".repeat(500);
        assert!(matches!(parse(&deep, 1000), Err(ParseError::Syntax { .. })));
        assert_eq!(parse("[1]", 2), Err(ParseError::TooLarge { bytes: 3, limit: 2 }));
    }
}
