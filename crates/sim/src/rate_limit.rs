//! The rate limit: requests per minute of one token, in fixed windows.

use purge_core::http::HttpResponse;

use crate::error::ApiError;
use crate::scenario::{RateLimit, RateLimitForm};

const WINDOW_MS: i64 = 60_000;

/// What one token has used of its budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Budget {
    window_start: i64,
    count: u64,
    refused: u64,
}

impl Budget {
    /// Takes one request from the budget.
    pub(crate) fn take(&mut self, limit: &RateLimit, now: i64) -> Result<(), ApiError> {
        if now >= self.window_start.saturating_add(WINDOW_MS) {
            self.window_start = now;
            self.count = 0;
        }
        let Some(allowed) = limit.per_minute else { return Ok(()) };
        if self.count < allowed {
            self.count += 1;
            return Ok(());
        }
        self.refused += 1;
        let with_header = match limit.form {
            RateLimitForm::Alternating => !self.refused.is_multiple_of(2),
            RateLimitForm::TooManyRequests => true,
            RateLimitForm::RetryAfter => false,
        };
        let wait = self.seconds_to_reset(now);
        let refusal = if with_header {
            too_many(allowed, wait).header("retry-after", wait.to_string())
        } else {
            retry_after(wait)
        };
        Err(refusal.limit("platform.api", "client.credentials.token.rate.per.minute", allowed))
    }

    /// Writes the state of the budget into an answer's headers.
    pub(crate) fn describe(&self, limit: &RateLimit, now: i64, response: &mut HttpResponse) {
        let Some(allowed) = limit.per_minute else { return };
        let numbers = [("count", self.count), ("allowed", allowed), ("reset", self.seconds_to_reset(now))];
        response.headers.extend(numbers.map(|(name, number)| (format!("inin-ratelimit-{name}"), number.to_string())));
    }

    /// Seconds until the next window, rounded up.
    fn seconds_to_reset(&self, now: i64) -> u64 {
        let left = self.window_start.saturating_add(WINDOW_MS).saturating_sub(now);
        u64::try_from(left.max(0)).unwrap_or(0).div_ceil(1000)
    }
}

/// The 429 that names the window.
pub(crate) fn too_many(allowed: u64, wait: u64) -> ApiError {
    ApiError::new(
        429,
        "too.many.requests",
        format!("Rate limit exceeded the maximum. Maximum of {allowed} requests within {wait} seconds"),
    )
}

/// The 429 that names the wait.
pub(crate) fn retry_after(wait: u64) -> ApiError {
    ApiError::new(
        429,
        "too.many.requests.retry.after",
        format!("Rate limit exceeded the maximum. Retry the request in [{wait}] seconds"),
    )
}
