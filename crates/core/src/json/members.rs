//! Reads a JSON value strictly into a type, object by object, and stops at the first problem.
//!
//! This does what serde's derived readers do, but only from a parsed [`Value`], so it is compiled once. A derived reader is
//! compiled for lists and objects, for text and for buffered content, and again for every variant of a tagged enum: a quarter of
//! what the page would load. What people write is read by the [`Reader`](super::read::Reader), which reports every problem at once.

use std::num::{NonZeroU32, NonZeroU64};

use serde_json::{Map, Value};

use super::quoted;
use crate::time::Timestamp;
use crate::window::Window;

/// A type that can be read from a JSON value.
pub trait FromJson: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// A few words on what is wrong, with the field in backticks.
    fn from_json(value: &Value) -> Result<Self, String>;

    /// Reads a value that the caller no longer needs, so that a text can be moved instead of copied.
    ///
    /// # Errors
    /// As [`Self::from_json`].
    fn take_json(value: Value) -> Result<Self, String> {
        Self::from_json(&value)
    }
}

/// A destination that a value can be read into.
pub trait Slot {
    /// Reads the value into the slot.
    ///
    /// # Errors
    /// What is wrong with the value.
    fn fill(&mut self, value: Value) -> Result<(), String>;
}

impl<T: FromJson> Slot for T {
    fn fill(&mut self, value: Value) -> Result<(), String> {
        *self = T::take_json(value)?;
        Ok(())
    }
}

/// Reads each member of an object into the slot of its name. A slot without a member keeps its value.
///
/// # Errors
/// The value is not an object, has an unknown member, or has a member of the wrong kind.
pub fn fill(value: &Value, slots: &mut [(&str, &mut dyn Slot)]) -> Result<(), String> {
    for (key, value) in object(value)? {
        match slots.iter_mut().find(|(name, _)| name == key) {
            Some((_, slot)) => slot.fill(value.clone()).map_err(|why| in_member(key, &why))?,
            None => return Err(unknown_field(key, &slots.iter().map(|(name, _)| *name).collect::<Vec<_>>())),
        }
    }
    Ok(())
}

/// The members of one object.
#[derive(Clone, Copy, Debug)]
pub struct Members<'v>(&'v Map<String, Value>);

impl<'v> Members<'v> {
    /// The members of an object that may have only these.
    ///
    /// # Errors
    /// The value is not an object, or it has an unknown member.
    pub fn of(value: &'v Value, known: &[&str]) -> Result<Self, String> {
        let members = object(value)?;
        match members.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(unknown_field(key, known)),
            None => Ok(Self(members)),
        }
    }

    /// Reads a variant of a tagged enum: the word in its member `kind`, and its members. `kinds` lists the members of each variant
    /// by its word; `kind` is one of them.
    ///
    /// # Errors
    /// The value is not an object, the word is missing or unknown, or a member does not belong to the variant.
    pub fn tagged(value: &'v Value, kinds: &[(&str, &[&str])]) -> Result<(&'v str, Self), String> {
        let kind = value.get("kind").and_then(Value::as_str).ok_or_else(|| missing("kind"))?;
        let Some((_, known)) = kinds.iter().find(|(name, _)| *name == kind) else {
            return Err(unknown_variant(kind, kinds));
        };
        Ok((kind, Self::of(value, known)?))
    }

    /// Reads a member. A member that may be null may also be missing.
    ///
    /// # Errors
    /// The member is required and missing, or is of the wrong kind.
    pub fn take<T: FromJson>(self, key: &str) -> Result<T, String> {
        T::from_json(self.0.get(key).unwrap_or(&Value::Null)).map_err(|why| self.member_error(key, &why))
    }

    /// Reads a member, or gives the default if it is missing.
    ///
    /// # Errors
    /// The member is there and of the wrong kind.
    pub fn take_or<T: FromJson>(self, key: &str, default: T) -> Result<T, String> {
        if self.0.contains_key(key) { self.take(key) } else { Ok(default) }
    }

    fn member_error(self, key: &str, why: &str) -> String {
        if self.0.contains_key(key) { in_member(key, why) } else { missing(key) }
    }
}

pub(super) const NOT_AN_OBJECT: &str = "expected an object";

fn object(value: &Value) -> Result<&Map<String, Value>, String> {
    value.as_object().ok_or_else(|| NOT_AN_OBJECT.to_owned())
}

pub(super) fn missing(key: &str) -> String {
    format!("missing field `{key}`")
}

pub(super) fn unknown_field(key: &str, known: &[&str]) -> String {
    format!("unknown field {}, {}", quoted(key), expected(known))
}

/// The error for a word that is not one of `known`.
fn unknown_variant<T>(word: &str, known: &[(&str, T)]) -> String {
    let known: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    format!("unknown variant {}, {}", quoted(word), expected(&known))
}

/// Reads one word of a closed list and gives its meaning.
///
/// # Errors
/// The value is not a text, or not one of the words.
pub fn word<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, String> {
    let text = value.as_str().ok_or("expected a text")?;
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| unknown_variant(text, words))
}

fn expected(known: &[&str]) -> String {
    format!("expected one of `{}`", known.join("`, `"))
}

pub(super) fn in_member(key: &str, why: &str) -> String {
    format!("`{key}`: {why}")
}

fn whole<T: TryFrom<u64>>(value: &Value) -> Result<T, String> {
    value.as_u64().and_then(|number| T::try_from(number).ok()).ok_or_else(not_whole)
}

fn not_positive() -> String {
    "expected a whole number of at least 1".to_owned()
}

fn not_whole() -> String {
    "expected a whole number that is not too large".to_owned()
}

impl FromJson for String {
    fn from_json(value: &Value) -> Result<Self, String> {
        value.as_str().map(str::to_owned).ok_or_else(|| "expected a text".to_owned())
    }

    fn take_json(value: Value) -> Result<Self, String> {
        if let Value::String(text) = value { Ok(text) } else { Err("expected a text".to_owned()) }
    }
}

impl FromJson for bool {
    fn from_json(value: &Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| "expected `true` or `false`".to_owned())
    }
}

impl FromJson for u8 {
    fn from_json(value: &Value) -> Result<Self, String> {
        whole(value)
    }
}

impl FromJson for u16 {
    fn from_json(value: &Value) -> Result<Self, String> {
        whole(value)
    }
}

impl FromJson for u32 {
    fn from_json(value: &Value) -> Result<Self, String> {
        whole(value)
    }
}

impl FromJson for u64 {
    fn from_json(value: &Value) -> Result<Self, String> {
        whole(value)
    }
}

impl FromJson for usize {
    fn from_json(value: &Value) -> Result<Self, String> {
        whole(value)
    }
}

impl FromJson for NonZeroU32 {
    fn from_json(value: &Value) -> Result<Self, String> {
        Self::new(whole(value)?).ok_or_else(not_positive)
    }
}

impl FromJson for NonZeroU64 {
    fn from_json(value: &Value) -> Result<Self, String> {
        Self::new(whole(value)?).ok_or_else(not_positive)
    }
}

impl FromJson for Timestamp {
    fn from_json(value: &Value) -> Result<Self, String> {
        let text = value.as_str().ok_or("expected a text")?;
        Self::parse(text).map_err(|why| format!("`{text}` {why}"))
    }
}

impl FromJson for Window {
    fn from_json(value: &Value) -> Result<Self, String> {
        let members = Members::of(value, &["start", "end"])?;
        Self::new(members.take("start")?, members.take("end")?)
            .ok_or_else(|| "the end of a window must lie after its start".to_owned())
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn from_json(value: &Value) -> Result<Self, String> {
        if value.is_null() { Ok(None) } else { T::from_json(value).map(Some) }
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: &Value) -> Result<Self, String> {
        let Value::Array(items) = value else { return Err("expected a list".to_owned()) };
        let mut read = Self::with_capacity(items.len());
        for item in items {
            read.push(T::from_json(item)?);
        }
        Ok(read)
    }
}
