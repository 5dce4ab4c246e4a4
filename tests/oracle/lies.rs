//! A connection that alters answers at random. Whatever an answer says, the run must not panic, must end, and must leave evidence
//! that holds.

use std::cell::RefCell;

use purge_core::http::{HttpResponse, NoResponse};
use purge_driver::{Http, WireRequest};
use purge_tests::world::Wire;
use serde_json::{Value, json};

use crate::case::pick;
use crate::rng::Rng;

/// The connection, and how many answers of a thousand it alters.
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

/// The value with a change in one place.
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
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            value = odd(rng);
        }
    }
    value
}

/// An unusual value.
fn odd(rng: &mut Rng) -> Value {
    let numbers =
        [json!(-1), json!(0), json!(1), json!(1.5), json!(9_007_199_254_740_993_u64), json!(u64::MAX), json!(1e300)];
    let times = ["2024-02-30T00:00:00Z", "9999-12-31T23:59:59.999Z", "1970-01-01T00:00:00Z"].map(Value::from);
    let texts = ["", "\0", "-1", "x"].map(Value::from);
    let others = [json!(null), json!(true), json!([]), json!({}), json!([null])];
    pick(rng, &[&numbers[..], &times, &texts, &others].concat()).clone()
}
