//! Bounds of calls to the API and of what they select. Planning and rehearsing have to know them as well as the code that asks.

use std::time::Duration;

/// How long to wait for an answer of the API.
pub const API_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait for an answer of the login.
pub const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long all requests pause after a 429 that does not say how long.
pub const UNSAID_PAUSE: Duration = Duration::from_secs(1);

/// Recording jobs that an organisation may have under way at once (limit of the API).
pub const JOB_SLOTS: u32 = 2;

/// Conversation ids per look-up: 50 UUIDs keep the URL below 2,000 characters.
pub const IDS_PER_LOOKUP: usize = 50;

/// Conversations per page of a details query (limit of the API).
pub const PAGE_SIZE: u32 = 100;

/// Longest interval of a synchronous details query, in days (limit of the API).
pub const QUERY_DAYS: u32 = 31;

/// The last conversation of a list that analytics pages to (limit of the API).
pub const FURTHEST: u32 = 100_000;

/// Age, in months, up to which analytics lists conversations, unless Genesys allows more.
pub const LISTED_FOR_MONTHS: u32 = 18;

/// Age, in months, from which a recording job has to address conversations in another way.
pub const AGED_AFTER_MONTHS: u32 = 60;

/// How long a conversation is assumed to have gone on, in days, where that cannot be looked up: analytics may not know
/// conversations of more than five years ago, and some never end. Asynchronous messaging goes on for weeks.
pub const LONGEST_DAYS: u64 = 31;
/// [`LONGEST_DAYS`] as a duration.
pub const LONGEST: Duration = Duration::from_secs(LONGEST_DAYS * 86_400);
