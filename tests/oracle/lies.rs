//! A wire that alters answers at random: nothing that an answer says may make a run panic, wait forever or leave evidence that does not hold.

use std::cell::RefCell;

use purge_core::http::{HttpResponse, NoResponse};
use purge_driver::{Http, WireRequest};
use purge_tests::world::Wire;
use serde_json::Value;

use crate::case::pick;
use crate::rng::Rng;

/// Values that are seldom what is expected.
const ODD: [&str; 19] = [
    "null", "\"\"", "-1", "0", "1", "1.5", "9007199254740993", "18446744073709551615", "[]", "{}", "[null]", "true", "1e300",
    "\"\\u0000\"", "\"2024-02-30T00:00:00Z\"", "\"9999-12-31T23:59:59.999Z\"", "\"1970-01-01T00:00:00Z\"", "\"-1\"", "\"x\"",
];

/// The wire, and how many answers of a thousand it alters.
pub(crate) struct Lying<'a> {
    pub(crate) wire: &'a Wire<'a>,
    pub(crate) per_mille: u64,
    pub(crate) rng: RefCell<Rng>,
}

impl Http for Lying<'_> {
    async fn send(&self, request: WireRequest) -> Result<HttpResponse, NoResponse> {
        let mut response = self.wire.send(request).await?;
        let rng = &mut *self.rng.borrow_mut();
        if rng.chance(self.per_mille) {
            let body = serde_json::from_str::<Value>(&response.body);
            response.body = body.map_or_else(|_| String::new(), |body| altered(body, rng).to_string());
        }
        Ok(response)
    }
}

/// The same value but for one place in it.
fn altered(mut value: Value, rng: &mut Rng) -> Value {
    let deeper = !rng.chance(150);
    match &mut value {
        Value::Object(members) if deeper && !members.is_empty() => {
            let name = pick(rng, &members.keys().cloned().collect::<Vec<_>>()).clone();
            let member = members.remove(&name).unwrap();
            if !rng.chance(150) {
                members.insert(name, altered(member, rng));
            }
        }
        Value::Array(items) if deeper && !items.is_empty() => {
            let at = usize::try_from(rng.below(items.len() as u64)).unwrap();
            match rng.below(8) {
                0 => items.push(items[at].clone()),
                1 => drop(items.remove(at)),
                _ => items[at] = altered(items[at].take(), rng),
            }
        }
        _ => value = serde_json::from_str(pick(rng, &ODD)).unwrap(),
    }
    value
}
