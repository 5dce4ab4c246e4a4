//! Writes a file of vectors: whatever fits stands on one line.

use serde_json::Value;

const WIDTH: usize = 140;

/// Members that come first, because people read them first. The others follow in alphabetical order.
const FIRST: [&str; 6] = ["about", "name", "asked", "answer", "text", "log"];
/// Members that come last.
const LAST: [&str; 2] = ["expect", "cases"];

pub(crate) fn page(file: &Value) -> String {
    let mut out = String::new();
    write(&mut out, file, 0, 0);
    out.push('\n');
    out
}

/// Writes a value. `used` is how much of its line is already used.
fn write(out: &mut String, value: &Value, depth: usize, used: usize) {
    let short = short(value);
    // Cases are spread over lines, so that each begins with its name.
    if used + short.len() < WIDTH && !short.contains("\"expect\"") || !(value.is_array() || value.is_object()) {
        out.push_str(&short);
        return;
    }
    let inside = "  ".repeat(depth + 1);
    let (open, close) = if value.is_array() { ('[', ']') } else { ('{', '}') };
    out.push(open);
    let line = |prefix: &str, item: &Value, first: bool, out: &mut String| {
        out.push_str(if first { "\n" } else { ",\n" });
        out.push_str(&inside);
        out.push_str(prefix);
        write(out, item, depth + 1, inside.len() + prefix.len() + 1);
    };
    if let Value::Array(items) = value {
        items.iter().enumerate().for_each(|(place, item)| line("", item, place == 0, out));
    } else {
        for (place, (name, item)) in in_order(value).into_iter().enumerate() {
            line(&format!("{}: ", Value::from(name.as_str())), item, place == 0, out);
        }
    }
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
    out.push(close);
}

/// A value on one line.
fn short(value: &Value) -> String {
    if let Value::Array(items) = value {
        return format!("[{}]", items.iter().map(short).collect::<Vec<_>>().join(", "));
    }
    let member = |(name, item): (&String, &Value)| format!("{}: {}", Value::from(name.as_str()), short(item));
    let members: Vec<_> = in_order(value).into_iter().map(member).collect();
    if members.is_empty() { value.to_string() } else { format!("{{ {} }}", members.join(", ")) }
}

fn in_order(object: &Value) -> Vec<(&String, &Value)> {
    let rank = |name: &str| match (FIRST.iter().position(|n| *n == name), LAST.iter().position(|n| *n == name)) {
        (Some(place), _) => place,
        (None, None) => FIRST.len(),
        (None, Some(place)) => FIRST.len() + 1 + place,
    };
    let mut members: Vec<_> = object.as_object().into_iter().flatten().collect();
    members.sort_by_key(|(name, _)| rank(name));
    members
}
