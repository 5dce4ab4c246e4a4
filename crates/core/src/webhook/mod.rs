//! The governance webhook: its payload, its signature, and its delivery.

mod delivery;
mod event;
mod message;
mod signature;

pub use delivery::{Delivery, judge};
pub use event::{ChunkEnd, EventChunk, EventMetrics, WEBHOOK_VERSION, WebhookEvent, event_id};
pub use message::{MessageState, OutboxRow};
pub use signature::{Secret, SecretError, Secrets, VerifyError, sign, signature_headers, unsigned_headers, verify};
