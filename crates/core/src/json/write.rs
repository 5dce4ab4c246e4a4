//! Writes a value as text: RFC 8785 for what is digested, compact JSON for what is sent.
//!
//! There is one writer, and it writes only values. So every type is serialised in one way, into a [`Value`], and its serialiser is
//! compiled once.

use serde_json::{Map, Number, Value};

/// The compact text of a value: members in the byte order of their keys, no spaces.
#[must_use]
pub fn text(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, &PLAIN);
    out
}

/// The RFC 8785 text of a value.
pub(super) fn canonical_text(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, &CANONICAL);
    out
}

/// The differences between the two forms.
struct Form {
    members: fn(&mut String, &Map<String, Value>),
    number: fn(&Number) -> String,
}

const PLAIN: Form = Form { members: plain_members, number: Number::to_string };
const CANONICAL: Form = Form { members: canonical_members, number: canonical_number };

fn write(out: &mut String, value: &Value, form: &Form) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(&(form.number)(number)),
        Value::String(text) => quote(out, text),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write(out, item, form);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            (form.members)(out, members);
            out.push('}');
        }
    }
}

fn plain_members(out: &mut String, members: &Map<String, Value>) {
    for (place, (key, value)) in members.iter().enumerate() {
        member(out, place, key, value, &PLAIN);
    }
}

/// Writes the members in the order of their UTF-16 code units, which for ASCII keys is the order of their bytes.
fn canonical_members(out: &mut String, members: &Map<String, Value>) {
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    if !members.keys().all(|key| key.is_ascii()) {
        crate::sorted::sort_by(&mut sorted, |a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
    }
    for (place, (key, value)) in sorted.into_iter().enumerate() {
        member(out, place, key, value, &CANONICAL);
    }
}

fn member(out: &mut String, place: usize, key: &str, value: &Value, form: &Form) {
    if place > 0 {
        out.push(',');
    }
    quote(out, key);
    out.push(':');
    write(out, value, form);
}

/// Writes a text in quotes, with as few escapes as JSON allows.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        let mut chars = after.chars();
        match chars.next() {
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\u{c}') => out.push_str("\\f"),
            Some(c @ ('"' | '\\')) => {
                out.push('\\');
                out.push(c);
            }
            Some(c) => {
                out.push_str(&super::hex("\\u00", &[u8::try_from(u32::from(c)).unwrap_or_default()]));
            }
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// RFC 8785 has only floats: a whole number beyond 2^53 is written as the nearest float.
fn canonical_number(number: &Number) -> String {
    const EXACT: u64 = 1 << 53;
    match (number.as_u64(), number.as_i64()) {
        (Some(whole), _) if whole <= EXACT => whole.to_string(),
        (None, Some(whole)) if whole.unsigned_abs() <= EXACT => whole.to_string(),
        _ => number
            .as_f64()
            .and_then(Number::from_f64)
            .map(|float| canonical_float(&float.to_string()))
            .unwrap_or_default(),
    }
}

/// Rewrites a float as ECMAScript does, which RFC 8785 requires: with an exponent below 1e-6 and from 1e21 on.
///
/// The digits come from `serde_json`: the shortest that identify the float, of these the nearest, and of two equally near the even
/// one. `core` may choose the odd one.
fn canonical_float(written: &str) -> String {
    let (sign, written) = written.strip_prefix('-').map_or(("", written), |rest| ("-", rest));
    let (mantissa, exponent) = written.split_once('e').unwrap_or((written, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let every = format!("{whole}{fraction}");
    let digits = every.trim_start_matches('0');
    let point = length(whole) + exponent.parse::<i32>().unwrap_or(0) - length(&every) + length(digits);
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return "0".to_owned();
    }
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let cut = |at: i32| digits.split_at_checked(usize::try_from(at).unwrap_or(0)).unwrap_or((digits, ""));
    if point > -6 && point <= 0 {
        format!("{sign}0.{}{digits}", zeros(-point))
    } else if point > 0 && point <= 21 && point >= length(digits) {
        format!("{sign}{digits}{}", zeros(point - length(digits)))
    } else if point > 0 && point <= 21 {
        let (before, after) = cut(point);
        format!("{sign}{before}.{after}")
    } else {
        let (first, more) = cut(1);
        let dot = if more.is_empty() { "" } else { "." };
        let plus = if point > 0 { "+" } else { "" };
        format!("{sign}{first}{dot}{more}e{plus}{}", point - 1)
    }
}

/// The number of digits, which is at most about three hundred.
fn length(digits: &str) -> i32 {
    i32::try_from(digits.len()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-(1_i64 << 53)..1 << 53).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            // Floats with two shortest decimals that are equally near.
            any::<u64>().prop_map(|n| Value::from((n >> 10) as f64 / 8.0)),
            (-1000..1000_i32, 0..25_i32).prop_map(|(n, e)| Value::from(f64::from(n) * 10_f64.powi(e - 12))),
            "\\PC*".prop_map(Value::from),
            "[\u{0}-\u{7f}\u{e000}\u{1f600}]*".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec(("[a-c\u{e9}\u{ffff}\u{1f600}\"]*", inner), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_compact_text_is_that_of_serde_json(value in values()) {
            prop_assert_eq!(text(&value), value.to_string());
        }

        #[test]
        fn the_canonical_text_is_that_of_the_reference(value in values()) {
            if let Ok(expected) = serde_json_canonicalizer::to_string(&value) {
                prop_assert_eq!(canonical_text(&value), expected);
            }
        }
    }

    #[test]
    fn floats_are_written_as_both_rules_want_them() {
        for (float, plain, canonical) in [
            (0.0, "0.0", "0"),
            (-0.0, "-0.0", "0"),
            (1.5, "1.5", "1.5"),
            (1_865_299_060_541_421.3, "1865299060541421.2", "1865299060541421.2"),
            (-1.0625e-7, "-1.0625e-7", "-1.0625e-7"),
            (0.001_25, "0.00125", "0.00125"),
            (100.0, "100.0", "100"),
            (1e16, "1e+16", "10000000000000000"),
            (1e21, "1e+21", "1e+21"),
            (1e-5, "0.00001", "0.00001"),
            (1e-7, "1e-7", "1e-7"),
            (-1.25e300, "-1.25e+300", "-1.25e+300"),
        ] {
            assert_eq!((text(&json!(float)).as_str(), canonical_text(&json!(float)).as_str()), (plain, canonical));
        }
    }
}
