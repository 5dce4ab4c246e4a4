//! Bounds of calls to the API and of what they select, which planning and rehearsing must know as well as whoever asks.

use std::time::Duration;

/// How long an answer of the API is waited for.
pub const API_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an answer of the login is waited for.
pub const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long everybody pauses after a 429 that does not say how long.
pub const UNSAID_PAUSE: Duration = Duration::from_secs(1);

/// Recording jobs that an organisation may have under way at once (limit of the API).
pub const JOB_SLOTS: u32 = 2;

/// Conversation ids per look-up: 50 UUIDs keep the URL below 2,000 characters.
pub const IDS_PER_LOOKUP: usize = 50;

/// Conversations per page of a details query (limit of the API).
pub const PAGE_SIZE: u32 = 100;

/// Longest interval of a synchronous details query, in days (limit of the API).
pub const QUERY_DAYS: u32 = 31;

/// Recording jobs address conversations of the last five years in one way and older ones in another.
pub const AGED_AFTER_MONTHS: u32 = 60;

/// How long a conversation is taken to have gone on, in days, where nobody can look: analytics may not know those of more than five
/// years ago, and some never end. Asynchronous messaging goes on for weeks.
pub const LONGEST_DAYS: u64 = 31;
/// The same as a duration.
pub const LONGEST: Duration = Duration::from_secs(LONGEST_DAYS * 86_400);
