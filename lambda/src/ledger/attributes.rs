//! The names of the items' attributes.

// The head of a run, its entry in the list of runs, and its tallies.
pub(super) const RUN_ID: &str = "runId";
pub(super) const PLAN_DIGEST: &str = "planDigest";
pub(super) const ORDER: &str = "order";
pub(super) const PLAN_FILE: &str = "planFile";
pub(super) const CHUNKS: &str = "chunks";
pub(super) const CREATED: &str = "created";
/// When the head was last changed; of a tally: when one of its chunks was.
pub(super) const CHANGED: &str = "changed";
/// When somebody last asked to cancel the run …
pub(super) const CANCEL: &str = "cancel";
/// … and who.
pub(super) const CANCEL_BY: &str = "cancelBy";
/// Of a tally: the chunks that have ended.
pub(super) const ENDED: &str = "ended";
/// The position that was given out last.
pub(super) const LAST: &str = "last";

// A run that is not finished.
pub(super) const SINCE: &str = "since";
pub(super) const OPENED: &str = "opened";
pub(super) const WOKEN: &str = "woken";

// A chunk.
pub(super) const CHUNK: &str = "chunk";
/// Also the state of a message.
pub(super) const STATE: &str = "state";
/// Also the version of a request budget.
pub(super) const VERSION: &str = "version";
pub(super) const OWNER: &str = "owner";
pub(super) const UNTIL: &str = "until";
/// The end of the wait for which a second wake-up stands by …
pub(super) const STANDS_BY: &str = "standsBy";
/// … and the id of the message that is this wake-up.
pub(super) const STANDS_BY_MESSAGE: &str = "standsByMessage";

// A record.
pub(super) const RECORD: &str = "record";
/// Also the position of a message.
pub(super) const POSITION: &str = "position";

// A message.
/// Also the text of a policy.
pub(super) const BODY: &str = "body";
pub(super) const ATTEMPTS: &str = "attempts";
/// The receiver of a run's messages that is gone.
pub(super) const RECEIVER: &str = "receiver";

// What a tenant's runs share.
/// The holders of job slots: a set of texts, which is absent while nobody holds one.
pub(super) const HOLDERS: &str = "holders";
pub(super) const BUDGET: &str = "budget";
