//! Reading and writing attributes.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use purge_core::time::Timestamp;
use purge_driver::ledger::LedgerError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An item as the client represents it. Attributes are only looked up by name, so the map's random order has no effect.
pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// An attribute that must be there.
pub(super) fn get<'a>(item: &'a Item, name: &str) -> Result<&'a AttributeValue, LedgerError> {
    item.get(name).ok_or_else(|| corrupt(name, "it is missing"))
}

pub(super) fn get_text<'a>(item: &'a Item, name: &str) -> Result<&'a str, LedgerError> {
    find_text(item, name)?.ok_or_else(|| corrupt(name, "it is missing"))
}

/// A number that must be there.
pub(super) fn get_number<T: FromStr>(item: &Item, name: &str) -> Result<T, LedgerError> {
    find_number(item, name)?.ok_or_else(|| corrupt(name, "it is missing"))
}

/// A number that may be missing.
pub(super) fn find_number<T: FromStr>(item: &Item, name: &str) -> Result<Option<T>, LedgerError> {
    let Some(value) = item.get(name) else { return Ok(None) };
    let digits = value.as_n().map_err(|_| corrupt(name, "it is no number"))?;
    digits.parse().map(Some).map_err(|_| corrupt(name, format!("`{digits}` is out of range")))
}

/// A point in time that must be there.
pub(super) fn get_instant(item: &Item, name: &str) -> Result<Timestamp, LedgerError> {
    find_instant(item, name)?.ok_or_else(|| corrupt(name, "it is missing"))
}

/// A point in time that may be missing.
pub(super) fn find_instant(item: &Item, name: &str) -> Result<Option<Timestamp>, LedgerError> {
    Ok(find_number(item, name)?.map(Timestamp::from_millis))
}

/// A text that may be missing.
pub(super) fn find_text<'a>(item: &'a Item, name: &str) -> Result<Option<&'a str>, LedgerError> {
    item.get(name).map(|value| value.as_s().map(String::as_str).map_err(|_| corrupt(name, "it is no text"))).transpose()
}

/// The numbers of a set that may be missing.
pub(super) fn find_numbers(item: &Item, name: &str) -> Result<Vec<u32>, LedgerError> {
    let Some(value) = item.get(name) else { return Ok(Vec::new()) };
    let digits = value.as_ns().map_err(|_| corrupt(name, "it is no set of numbers"))?;
    digits.iter().map(|n| n.parse().map_err(|_| corrupt(name, format!("`{n}` is out of range")))).collect()
}

/// Canonical JSON, so that an audit record has the same bytes here and in the evidence.
pub(super) fn json(value: &impl Serialize) -> String {
    purge_core::json::canonical(value)
}

pub(super) fn parse<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, LedgerError> {
    serde_json::from_str(text).map_err(|why| corrupt(what, why))
}

pub(super) fn corrupt(what: &str, why: impl Display) -> LedgerError {
    LedgerError::Corrupt(format!("{what}: {why}"))
}
