//! Reads which conversations a query selects, and which of their recordings a job selects.

use purge_core::json::text as json_text;
use purge_core::time::{DAY_MS, Timestamp};
use purge_core::window::Window;
use serde_json::Value;

use crate::error::ApiError;
use crate::http::only_known;
use crate::population::{Conversation, Media, Recording, RecordingKind};
use crate::prng::parse_uuid;
use crate::world::World;

/// A filter that this tenant can evaluate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    /// All of these.
    And(Vec<Filter>),
    /// At least one of these.
    Or(Vec<Filter>),
    /// This conversation. An id that is not a UUID matches nothing.
    Id(Option<u128>),
    /// Conversations of this kind. An unknown kind matches nothing.
    Media(Option<Media>),
    /// Conversations that have ended, or have not.
    Ended(bool),
}

impl Filter {
    /// Reads `conversationFilters` and `segmentFilters` of a query, all of which must match.
    pub(crate) fn read(query: &serde_json::Map<String, Value>) -> Result<Self, ApiError> {
        let mut all = Vec::new();
        for name in ["conversationFilters", "segmentFilters"] {
            let Some(value) = query.get(name) else { continue };
            let filters = value.as_array().ok_or_else(|| ApiError::invalid_value(name, value))?;
            for filter in filters {
                all.push(Self::group(name, filter)?);
            }
        }
        for name in ["evaluationFilters", "surveyFilters", "resolutionFilters"] {
            if query.get(name).and_then(Value::as_array).is_some_and(|filters| !filters.is_empty()) {
                return Err(not_evaluated(name));
            }
        }
        Ok(Self::And(all))
    }

    fn group(name: &str, value: &Value) -> Result<Self, ApiError> {
        let Some(fields) = value.as_object() else { return Err(ApiError::invalid_value(name, value)) };
        only_known(fields, &["type", "clauses", "predicates"], &format!("{name}."))?;
        let list = |field: &str| fields.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let clauses = list("clauses").iter().map(|clause| Self::group(name, clause));
        let predicates = list("predicates").iter().map(|predicate| Self::predicate(name, predicate));
        let parts = clauses.chain(predicates).collect::<Result<Vec<_>, _>>()?;
        match fields.get("type").and_then(Value::as_str) {
            Some("and") => Ok(Self::And(parts)),
            Some("or") => Ok(Self::Or(parts)),
            Some(_) | None => Err(ApiError::new(
                400,
                "constraint.validation",
                format!("The value of [{name}.type] must be [and] or [or]."),
            )),
        }
    }

    fn predicate(name: &str, value: &Value) -> Result<Self, ApiError> {
        let text = |field: &str| value.get(field).and_then(Value::as_str);
        let operator = text("operator").unwrap_or("matches");
        let dimension = text("dimension").unwrap_or_default();
        let wanted = text("value");
        match (name, text("type").unwrap_or("dimension"), dimension, operator, wanted) {
            ("conversationFilters", "dimension", "conversationId", "matches", Some(id)) => Ok(Self::Id(parse_uuid(id))),
            ("conversationFilters", "dimension", "conversationEnd", "exists", None) => Ok(Self::Ended(true)),
            ("conversationFilters", "dimension", "conversationEnd", "notExists", None) => Ok(Self::Ended(false)),
            ("segmentFilters", "dimension", "mediaType", "matches", Some(media)) => {
                Ok(Self::Media(Media::parse(media)))
            }
            _ => Err(not_evaluated(&format!("{name}: {}", json_text(value)))),
        }
    }

    pub(crate) fn matches(&self, conversation: &Conversation) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(conversation)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(conversation)),
            Self::Id(id) => *id == Some(conversation.id),
            Self::Media(media) => *media == Some(conversation.media),
            Self::Ended(ended) => *ended == conversation.ended,
        }
    }
}

/// The refusal of a filter that the real service knows and this tenant does not. Refusing is better than ignoring it.
fn not_evaluated(what: &str) -> ApiError {
    ApiError::new(400, "constraint.validation", format!("This simulated tenant cannot evaluate the filter [{what}]."))
}

/// Reads `start/end`. A bare ISO 8601 duration is refused, as by the real service.
pub(crate) fn interval(value: Option<&Value>) -> Result<Window, ApiError> {
    let text = value.and_then(Value::as_str).ok_or_else(|| {
        ApiError::new(400, "constraint.validation", "The value of [interval] is required.").param("field", "interval")
    })?;
    let parsed = text
        .split_once('/')
        .and_then(|(start, end)| Window::new(Timestamp::parse(start).ok()?, Timestamp::parse(end).ok()?));
    parsed.ok_or_else(|| {
        ApiError::bad_request(format!(
            "Invalid interval [{text}]: it must be an ISO-8601 interval of two instants, start before end."
        ))
        .param("interval", text)
    })
}

/// The delete date that a job writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeleteDate {
    /// At this instant.
    Date(i64),
    /// This many days after the recording was made.
    Age(i64),
}

impl DeleteDate {
    fn instant_for(self, recording: &Recording) -> i64 {
        match self {
            Self::Date(at) => at,
            Self::Age(days) => recording.created.saturating_add(days.saturating_mul(DAY_MS)),
        }
    }
}

/// What a recording job selects.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Selection {
    pub(crate) interval: Window,
    /// Whether `agedConversationInterval` selects: conversations older than five years with activity in the interval.
    pub(crate) aged: bool,
    /// Whether only conversations are selected that started on the first day of the interval or later.
    pub(crate) start_of_day: bool,
    pub(crate) filter: Filter,
    pub(crate) sensitive: bool,
    pub(crate) screen: bool,
    pub(crate) by_policy: bool,
    pub(crate) snippets: bool,
    pub(crate) when: DeleteDate,
    pub(crate) when_screen: DeleteDate,
    /// How long a conversation must have been silent, in milliseconds.
    pub(crate) data_lake_lag_ms: i64,
    /// Every n-th recording cannot be processed; 0 for none.
    pub(crate) fail_every: u64,
}

/// What a job finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) conversations: u64,
    /// Recordings that will get a delete date.
    pub(crate) to_schedule: Vec<usize>,
    pub(crate) skipped: u64,
    pub(crate) failed: Vec<usize>,
}

impl Selection {
    /// What the selection finds in the world at `now`.
    pub(crate) fn find(&self, world: &World, now: i64) -> Found {
        let mut found = Found::default();
        let (first, end) = (self.interval.start().millis(), self.interval.end().millis());
        let five_years_ago = Timestamp::from_millis(now).minus_months(60).millis();
        let earliest_start = if self.start_of_day { self.interval.start().start_of_day().millis() } else { i64::MIN };
        for (position, conversation) in world.conversations() {
            let in_time = if self.aged {
                conversation.start < end.min(five_years_ago) && conversation.last >= first
            } else {
                conversation.start < end
                    && conversation.last >= first
                    && conversation.start >= earliest_start.max(five_years_ago)
                    && conversation.last <= now - self.data_lake_lag_ms
            };
            if !in_time || !self.filter.matches(conversation) {
                continue;
            }
            found.conversations += 1;
            for (at, recording) in world.recordings_of(position) {
                self.classify(world, at, recording, &mut found);
            }
        }
        found
    }

    fn classify(&self, world: &World, at: usize, recording: &Recording, found: &mut Found) {
        let in_scope = (self.by_policy || !recording.by_policy)
            && match recording.kind {
                RecordingKind::Plain => true,
                RecordingKind::Screen => self.screen,
                RecordingKind::Snippet => self.snippets,
            };
        if !in_scope || world.fate(at).gone_at.is_some() {
            return;
        }
        let nth = u64::try_from(at).unwrap_or(0) + 1;
        if world.is_protected(recording.conversation) || (recording.sensitive && !self.sensitive) {
            found.skipped += 1;
        } else if self.fail_every > 0 && nth.is_multiple_of(self.fail_every) {
            found.failed.push(at);
        } else {
            found.to_schedule.push(at);
        }
    }

    /// The delete dates that the job writes for the recordings that it has [found](Found::to_schedule).
    pub(crate) fn dates(&self, world: &World, to_schedule: &[usize]) -> Vec<(usize, i64)> {
        let date = |at: usize| {
            let recording = world.population.recordings.get(at)?;
            let when = if recording.kind == RecordingKind::Screen { self.when_screen } else { self.when };
            Some((at, when.instant_for(recording)))
        };
        to_schedule.iter().copied().filter_map(date).collect()
    }
}
