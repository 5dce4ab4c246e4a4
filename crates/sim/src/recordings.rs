//! Single recordings: metadata, delete dates, and protection.

use purge_core::http::HttpResponse;
use purge_core::time::Timestamp;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::http::TenantRequest;
use crate::population::{Media, Recording, RecordingKind, instant};
use crate::prng::{parse_uuid, uuid_text};
use crate::scenario::{NoRecordings, Removed};
use crate::tenant::Tenant;
use crate::world::Fate;

/// The most conversations in one protection request.
const MAX_PROTECTION_IDS: usize = 100;
/// The most protected conversations in an organisation.
const MAX_PROTECTED: usize = 1000;

impl Tenant {
    /// `GET /api/v2/conversations/{id}/recordingmetadata`.
    pub(crate) fn metadata(&self, conversation: &str) -> Result<HttpResponse, ApiError> {
        let rows = self.listed_recordings(conversation)?;
        if rows.is_empty() && self.scenario.recording_jobs.no_recordings == NoRecordings::NotFound {
            return Err(ApiError::not_found());
        }
        Ok(HttpResponse::json(200, &Value::from(rows)))
    }

    /// `PUT /api/v2/conversations/{id}/recordings/{recordingId}`: sets or removes the delete date.
    pub(crate) fn update_recording(
        &mut self,
        conversation: &str,
        recording: &str,
        request: &TenantRequest,
        now: i64,
    ) -> Result<HttpResponse, ApiError> {
        let body = request.object(&["deleteDate"])?;
        let date = match body.get("deleteDate") {
            None | Some(Value::Null) => None,
            Some(value) => {
                let at = value.as_str().and_then(|text| Timestamp::parse(text).ok());
                Some(at.ok_or_else(|| ApiError::new(400, "invalid.date", "The value of [deleteDate] is not a date."))?)
            }
        };
        let conversation = self.world.population.find(conversation).ok_or_else(ApiError::not_found)?;
        let wanted = parse_uuid(recording);
        let position = self
            .world
            .recordings_of(conversation)
            .find(|(at, r)| Some(r.id) == wanted && self.world.fate(*at).gone_at.is_none())
            .map(|(at, _)| at);
        let recording = position.ok_or_else(ApiError::not_found)?;
        self.world.set_delete_date(recording, date.map(Timestamp::millis), now);
        let rows = self.world.recordings_of(conversation).find(|(at, _)| *at == recording);
        let json = rows.map(|(at, r)| self.metadata_json(r, self.world.fate(at)));
        Ok(HttpResponse::json(200, &json.unwrap_or_default()))
    }

    /// `POST /api/v2/recordings/deletionprotection`: says which of the conversations are protected. Refused if one of them has no
    /// recording.
    pub(crate) fn read_protection(&self, request: &TenantRequest) -> Result<HttpResponse, ApiError> {
        let conversations = self.protection_ids(request)?;
        if conversations.iter().any(|at| !self.has_listed_recordings(*at)) {
            return Err(ApiError::new(404, "recording.conversation.not.found", "Recording conversation not found."));
        }
        let protected = conversations.into_iter().filter(|at| self.world.is_protected(*at));
        let ids = protected.filter_map(|at| self.world.population.conversations.get(at));
        let rows: Vec<Value> = ids.map(|c| json!({ "id": uuid_text(c.id) })).collect();
        Ok(HttpResponse::json(200, &Value::from(rows)))
    }

    /// `PUT /api/v2/recordings/deletionprotection?protect=`: protects conversations, or lifts their protection with `false`.
    pub(crate) fn write_protection(&mut self, request: &TenantRequest, now: i64) -> Result<HttpResponse, ApiError> {
        let on = match request.query("protect").as_deref() {
            None | Some("true") => true,
            Some("false") => false,
            Some(other) => {
                let message = format!("Value [{other}] is not valid for parameter [protect].");
                return Err(ApiError::new(400, "invalid.query.param.value", message));
            }
        };
        if !on {
            self.require(&["recording:deletionProtection:revoke"])?;
        }
        let conversations = self.protection_ids(request)?;
        let new = conversations.iter().filter(|at| !self.world.is_protected(**at)).count();
        if on && self.world.protected() + new > MAX_PROTECTED {
            let message = format!("At most {MAX_PROTECTED} conversations can be protected.");
            return Err(ApiError::bad_request(message));
        }
        self.world.protect(now, &conversations, on);
        Ok(HttpResponse { status: 204, headers: Vec::new(), body: String::new() })
    }

    /// The listed recordings of a conversation: ids and metadata.
    fn listed_recordings(&self, conversation: &str) -> Result<Vec<Value>, ApiError> {
        let conversation = self.world.population.find(conversation).ok_or_else(ApiError::not_found)?;
        let keep_gone = self.scenario.recording_jobs.removed == Removed::Listed;
        let rows = self.world.recordings_of(conversation).map(|(at, r)| (r, self.world.fate(at)));
        let rows = rows.filter(|(_, fate)| fate.gone_at.is_none() || keep_gone);
        Ok(rows.map(|(r, fate)| self.metadata_json(r, fate)).collect())
    }

    /// Whether any recording of a conversation is listed.
    fn has_listed_recordings(&self, conversation: usize) -> bool {
        let keep_gone = self.scenario.recording_jobs.removed == Removed::Listed;
        self.world.recordings_of(conversation).any(|(at, _)| keep_gone || self.world.fate(at).gone_at.is_none())
    }

    fn conversation_of(&self, recording: &Recording) -> (String, Media) {
        let conversation = self.world.population.conversations.get(recording.conversation);
        conversation.map_or_else(|| (String::new(), Media::Voice), |c| (uuid_text(c.id), c.media))
    }

    fn metadata_json(&self, recording: &Recording, fate: Fate) -> Value {
        let (conversation, media) = self.conversation_of(recording);
        let id = uuid_text(recording.id);
        let media = match (recording.kind, media) {
            (RecordingKind::Screen, _) => "screen",
            (RecordingKind::Plain | RecordingKind::Snippet, Media::Voice) => "audio",
            (RecordingKind::Plain | RecordingKind::Snippet, Media::Chat) => "chat",
            (RecordingKind::Plain | RecordingKind::Snippet, Media::Email) => "email",
            (RecordingKind::Plain | RecordingKind::Snippet, Media::Message) => "message",
        };
        let subtype = match recording.kind {
            RecordingKind::Plain => (media == "audio").then_some("Trunk"),
            RecordingKind::Screen => Some("Screen"),
            RecordingKind::Snippet => Some("Snippet"),
        };
        let mut json = json!({
            "id": id,
            "conversationId": conversation,
            "startTime": instant(recording.created),
            "media": media,
            "fileState": if fate.gone_at.is_some() { "DELETED" } else { "AVAILABLE" },
            "region": self.scenario.jurisdiction,
            "selfUri": format!("/api/v2/conversations/{conversation}/recordings/{id}"),
        });
        if let Some(fields) = json.as_object_mut() {
            fields.extend(subtype.map(|subtype| ("mediaSubtype".to_owned(), json!(subtype))));
            fields.extend(fate.delete_date.map(|at| ("deleteDate".to_owned(), json!(instant(at)))));
        }
        json
    }

    fn protection_ids(&self, request: &TenantRequest) -> Result<Vec<usize>, ApiError> {
        let body = request.object(&["conversationIds"])?;
        let value = body.get("conversationIds").unwrap_or(&Value::Null);
        let ids = value.as_array().filter(|ids| (1..=MAX_PROTECTION_IDS).contains(&ids.len())).ok_or_else(|| {
            let message = format!("The value of [conversationIds] must have from 1 to {MAX_PROTECTION_IDS} ids.");
            ApiError::new(400, "constraint.validation", message)
        })?;
        let texts = ids.iter().map(|id| id.as_str().unwrap_or_default());
        if let Some(text) = texts.clone().find(|text| parse_uuid(text).is_none()) {
            let message = format!("The conversation id [{text}] is not a UUID.");
            return Err(ApiError::new(400, "recording.conversation.id.not.uuid", message));
        }
        let find = |text: &str| {
            self.world.population.find(text).ok_or_else(|| {
                let message = format!("The conversation [{text}] was not found.");
                ApiError::new(404, "recording.conversation.not.found", message).param("conversationId", text)
            })
        };
        texts.map(find).collect()
    }
}
