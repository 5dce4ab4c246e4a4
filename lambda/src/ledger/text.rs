//! Texts of any length. A short text is an attribute of its item. A long one is stored beside it, in parts that are named by the
//! digest of the whole.
//!
//! The parts are written before the item that refers to them, and every writer writes the same parts, so they need no transaction.

use aws_sdk_dynamodb::types::AttributeValue;
use purge_core::json::digest;
use purge_driver::ledger::LedgerError;

use super::DynamoLedger;
use super::item::{Item, corrupt, get, get_text, text};
use super::keys;

/// The longest text that is stored in its item, in bytes: two of them and everything else fit into the 400 KB that an item may
/// have.
const LONGEST_INSIDE: usize = 128 * 1024;
/// Size of a part, in bytes.
const PART: usize = 256 * 1024;
/// Attribute with the text of a part.
const BODY: &str = "text";

impl DynamoLedger {
    /// Stores the parts of a long text, and returns the attribute for the item: the text itself, or a reference to its parts.
    pub(super) async fn store_text(&self, whole: &str) -> Result<AttributeValue, LedgerError> {
        if whole.len() <= LONGEST_INSIDE {
            return Ok(text(whole));
        }
        let name = digest(whole.as_bytes());
        let parts = parts(whole, PART);
        for (number, part) in parts.iter().enumerate() {
            let mut item = keys::long_text(&name, number).item();
            item.insert(BODY.to_owned(), text(*part));
            self.put_item(item).await?;
        }
        Ok(AttributeValue::L(vec![text(name), AttributeValue::N(parts.len().to_string())]))
    }

    /// Reads the text of this attribute, which contains it or refers to its parts.
    pub(super) async fn load_text(&self, item: &Item, name: &str) -> Result<String, LedgerError> {
        let value = get(item, name)?;
        if let Ok(inside) = value.as_s() {
            return Ok(inside.clone());
        }
        let reference = value.as_l().map_err(|_| corrupt(name, "it is no text"))?;
        let [digest_of_all, parts] = reference.as_slice() else {
            return Err(corrupt(name, "it refers to nothing"));
        };
        let digest_of_all = digest_of_all.as_s().map_err(|_| corrupt(name, "it refers to nothing"))?;
        let parts: usize = parts.as_n().ok().and_then(|n| n.parse().ok()).ok_or_else(|| corrupt(name, "no parts"))?;
        let mut whole = String::new();
        for number in 0..parts {
            let key = keys::long_text(digest_of_all, number);
            let part = self.get_item(&key).await?.ok_or_else(|| corrupt(name, "a part is missing"))?;
            whole.push_str(get_text(&part, BODY)?);
        }
        if digest(whole.as_bytes()) == *digest_of_all {
            Ok(whole)
        } else {
            Err(corrupt(name, "its parts were changed"))
        }
    }
}

/// Cuts a text into parts of at most `longest` bytes, between characters.
fn parts(whole: &str, longest: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = whole;
    while !rest.is_empty() {
        let (part, after) = rest.split_at_checked(rest.floor_char_boundary(longest)).unwrap_or((rest, ""));
        parts.push(part);
        rest = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn parts_are_the_whole_and_none_is_too_long() {
        for whole in ["", "a", "abc", "éé", "aéa", "ééééé", "a€b€c"] {
            for longest in 4..8 {
                let parts = parts(whole, longest);
                assert_eq!(parts.concat(), whole);
                assert!(parts.iter().all(|part| !part.is_empty() && part.len() <= longest));
            }
        }
    }
}
