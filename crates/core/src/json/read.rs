//! Reads a JSON value field by field and collects every problem, with a pointer to it.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::{ParseError, is_unseen, quoted, text};
use crate::finding::{Finding, Severity};
use crate::http::encode_segment;
use crate::sorted::sort;
use crate::time::{Timestamp, TimestampError};
use crate::window::Window;

/// The words that a field may have, each with its meaning.
pub(crate) type Choices<'a, T> = &'a [(&'a str, T)];

/// A value and the pointer to it.
#[derive(Clone, Debug)]
pub(crate) struct Field<'v> {
    pub(crate) value: &'v Value,
    pub(crate) pointer: String,
}

/// The members of an object, and the pointer to it.
#[derive(Clone, Debug)]
pub(crate) struct Object<'v> {
    members: &'v Map<String, Value>,
    pub(crate) pointer: String,
}

impl<'v> Object<'v> {
    /// The member, unless it is absent. `null` counts as present: a person who writes `null` for a list of holds must be told that
    /// it lists none.
    pub(crate) fn get(&self, key: &str) -> Option<Field<'v>> {
        let value = self.members.get(key)?;
        Some(Field { value, pointer: join(&self.pointer, key) })
    }

    /// The member, where `null` means the same as absence.
    pub(crate) fn nullable(&self, key: &str) -> Option<Field<'v>> {
        self.get(key).filter(|field| !field.value.is_null())
    }

    /// Whether the member is there and is `null`.
    pub(crate) fn is_null(&self, key: &str) -> bool {
        self.members.get(key).is_some_and(Value::is_null)
    }
}

/// The pointer to a member, with RFC 6901 escapes inside a URI fragment.
pub(crate) fn join(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", encode_segment(&key.replace('~', "~0").replace('/', "~1")))
}

/// Collects findings while it reads values. A method that returns `None` has added a finding that says why.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) findings: Vec<Finding>,
}

impl Reader {
    pub(crate) fn error(&mut self, code: &str, pointer: &str, message: impl Into<String>, help: impl Into<String>) {
        self.findings.push(Finding::new(Severity::Error, code, pointer, message, help));
    }

    /// Reports that the text as a whole could not be read.
    pub(crate) fn unreadable(&mut self, pointer: &str, why: &ParseError) {
        let (code, help) = match why {
            ParseError::TooLarge { .. } => ("json.tooLarge", "shorten it"),
            ParseError::Repeated { .. } => ("json.repeated", "keep one of the two; only one would have counted"),
            ParseError::Syntax { what, .. } if what.starts_with("recursion") => {
                ("json.syntax", "nest it less deeply: no file format has more than a few levels")
            }
            ParseError::Syntax { .. } => {
                ("json.syntax", "look for a missing comma, quote or bracket just before that place")
            }
        };
        self.error(code, pointer, why.to_string(), help);
    }

    /// Checks the format version, which must be the one that this program reads.
    pub(crate) fn version(&mut self, object: &Object<'_>, expected: u32) {
        let help = format!("write `\"version\": {expected}`");
        if let Some(field) = self.required(object, "version", &help)
            && field.value.as_u64() != Some(u64::from(expected))
        {
            self.error(
                "version.unsupported",
                &field.pointer,
                format!("the format version {} is not one that this program reads", quoted(&text(field.value))),
                help,
            );
        }
    }

    fn wrong_type(&mut self, field: &Field<'_>, expected: &str) {
        let found = match field.value {
            Value::Null => "null".to_owned(),
            Value::Bool(b) => format!("`{b}`"),
            Value::Number(_) => format!("the number `{}`", text(field.value)),
            Value::String(s) => format!("the text {}", quoted(s)),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
        };
        self.error(
            "field.type",
            &field.pointer,
            format!("expected {expected}, found {found}"),
            format!("write {expected} here"),
        );
    }

    /// Reads an object and reports every unknown member.
    pub(crate) fn object<'v>(&mut self, field: &Field<'v>, known: &[&str]) -> Option<Object<'v>> {
        let Value::Object(members) = field.value else {
            self.wrong_type(field, "an object");
            return None;
        };
        for key in members.keys().filter(|key| !known.contains(&key.as_str())) {
            self.error(
                "field.unknown",
                &join(&field.pointer, key),
                format!("unknown field {}", quoted(key)),
                suggest(key, known),
            );
        }
        Some(Object { members, pointer: field.pointer.clone() })
    }

    /// The member. Reports it when it is absent.
    pub(crate) fn required<'v>(&mut self, object: &Object<'v>, key: &str, help: &str) -> Option<Field<'v>> {
        let field = object.get(key);
        if field.is_none() {
            self.error("field.missing", &join(&object.pointer, key), format!("the field `{key}` is missing"), help);
        }
        field
    }

    /// Reads a text, trimmed of white space. It must not be blank, and must not have characters that a reader cannot see.
    pub(crate) fn text(&mut self, field: &Field<'_>) -> Option<String> {
        let Value::String(text) = field.value else {
            self.wrong_type(field, "a text");
            return None;
        };
        let text = text.trim();
        if text.chars().any(is_unseen) {
            self.error(
                "field.control",
                &field.pointer,
                format!("{} has a line break or an invisible character", quoted(text)),
                "write it on one line: it is shown in messages and records",
            );
            return None;
        }
        if text.is_empty() {
            self.error(
                "field.blank",
                &field.pointer,
                "the text is blank",
                "write something that a later reader understands",
            );
            return None;
        }
        Some(text.to_owned())
    }

    /// Reads `true` or `false`.
    pub(crate) fn boolean(&mut self, field: &Field<'_>) -> Option<bool> {
        if let Value::Bool(value) = field.value {
            return Some(*value);
        }
        self.wrong_type(field, "`true` or `false`");
        None
    }

    /// Reads a whole number in the range.
    pub(crate) fn integer(&mut self, field: &Field<'_>, range: RangeInclusive<u64>) -> Option<u64> {
        let Value::Number(typed) = field.value else {
            self.wrong_type(field, "a whole number");
            return None;
        };
        let value = typed.as_u64().filter(|n| range.contains(n));
        if value.is_none() {
            self.error(
                "number.outOfRange",
                &field.pointer,
                format!("`{}` is not a whole number from {} to {}", text(field.value), range.start(), range.end()),
                format!("write a whole number from {} to {}", range.start(), range.end()),
            );
        }
        value
    }

    /// [`Self::integer`] for numbers that fit 32 bits.
    pub(crate) fn small(&mut self, field: &Field<'_>, range: RangeInclusive<u32>) -> Option<u32> {
        let wide = u64::from(*range.start())..=u64::from(*range.end());
        self.integer(field, wide).and_then(|n| u32::try_from(n).ok())
    }

    /// Reads one word of a closed list.
    pub(crate) fn word<T: Copy>(
        &mut self,
        field: &Field<'_>,
        code: &str,
        what: &str,
        choices: Choices<'_, T>,
    ) -> Option<T> {
        let Value::String(text) = field.value else {
            self.wrong_type(field, "a text");
            return None;
        };
        let found = choices.iter().find(|(word, _)| word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.error(code, &field.pointer, format!("unknown {what} {}", quoted(text)), suggest(text, &words));
        }
        found
    }

    /// The items of a list, which must not be empty.
    pub(crate) fn list<'v>(&mut self, field: &Field<'v>, why_not_empty: &str) -> Option<Vec<Field<'v>>> {
        let items = self.items(field)?;
        if items.is_empty() {
            self.error("list.empty", &field.pointer, "the list is empty", why_not_empty);
            return None;
        }
        Some(items)
    }

    /// The items of a list.
    pub(crate) fn items<'v>(&mut self, field: &Field<'v>) -> Option<Vec<Field<'v>>> {
        let Value::Array(items) = field.value else {
            self.wrong_type(field, "a list");
            return None;
        };
        let pointer = &field.pointer;
        Some(items.iter().enumerate().map(|(i, value)| Field { value, pointer: format!("{pointer}/{i}") }).collect())
    }

    /// Reads a list of distinct words and gives them in the order of the choices.
    pub(crate) fn words<T: Copy + Ord>(
        &mut self,
        field: &Field<'_>,
        (code, what): (&str, &str),
        choices: Choices<'_, T>,
        why_not_empty: &str,
    ) -> Option<Vec<T>> {
        let items = self.list(field, why_not_empty)?;
        let mut all_well = true;
        let mut words = Vec::with_capacity(items.len());
        for item in &items {
            match self.word(item, code, what, choices) {
                Some(word) if words.contains(&word) => {
                    all_well = false;
                    self.error(
                        "list.repeated",
                        &item.pointer,
                        format!("{} is repeated", quoted(item.value.as_str().unwrap_or_default())),
                        "name each one once",
                    );
                }
                Some(word) => words.push(word),
                None => all_well = false,
            }
        }
        sort(&mut words);
        all_well.then_some(words)
    }

    /// Reads an instant.
    pub(crate) fn instant(&mut self, field: &Field<'_>) -> Option<Timestamp> {
        let Value::String(text) = field.value else {
            self.wrong_type(field, "a text");
            return None;
        };
        match Timestamp::parse(text) {
            Ok(instant) => Some(instant),
            Err(why) => {
                let code = match why {
                    TimestampError::NotRfc3339 => "time.notRfc3339",
                    TimestampError::NoSuchTime => "time.nonexistent",
                    TimestampError::LowerCase => "time.lowerCase",
                    TimestampError::NoOffset => "time.noOffset",
                    TimestampError::FinerThanMillisecond => "time.tooFine",
                    TimestampError::OutOfRange => "time.outOfRange",
                };
                self.error(
                    code,
                    &field.pointer,
                    format!("{} {why}", quoted(text)),
                    "write date, time and zone as in `2023-01-01T00:00:00.000Z`",
                );
                None
            }
        }
    }

    /// Reads a window `{"start", "end"}`, whose end must lie after its start.
    pub(crate) fn window(&mut self, field: &Field<'_>) -> Option<Window> {
        let object = self.object(field, &["start", "end"])?;
        let start = self.required(&object, "start", "write the first instant that belongs to the range");
        let end = self.required(&object, "end", "write the first instant after the range");
        let start = start.and_then(|f| self.instant(&f));
        let end = end.and_then(|f| self.instant(&f));
        let (start, end) = (start?, end?);
        let window = Window::new(start, end);
        if start == end {
            self.error(
                "range.empty",
                &field.pointer,
                format!("the range starts and ends at `{start}`"),
                "the end is the first instant after the range; for one day write the next midnight",
            );
        } else if window.is_none() {
            self.error(
                "range.reversed",
                &field.pointer,
                format!("the range ends at `{end}`, before it starts at `{start}`"),
                "swap start and end",
            );
        }
        window
    }
}

/// Suggests the nearest known word, or lists all of them when none is near.
fn suggest(typed: &str, known: &[&str]) -> String {
    let distance = |word: &str| strsim::osa_distance(&typed.to_ascii_lowercase(), &word.to_ascii_lowercase());
    // A very long text is not a typing mistake, and comparing it would take long.
    let nearest = if typed.len() > 64 {
        None
    } else {
        known.iter().map(|word| (distance(word), *word)).min().filter(|(far, word)| *far <= 1 + word.len() / 4)
    };
    match nearest {
        Some((_, word)) => format!("did you mean `{word}`?"),
        None => format!("known: {}", known.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")),
    }
}
