//! A simulated Genesys Cloud organisation that is no kinder than a real one.
//!
//! [`Tenant`] answers requests as a function of its [`Scenario`], the requests so far and the time it is given. It has no IO, no
//! clock, no threads, and no randomness but the seed. So the same scenario gives the same bytes over loopback HTTP, under a virtual
//! clock and in the browser. What is known of the real service is imitated; what is not known is a knob.

mod agenda;
mod analytics;
mod data_deletion;
mod dry_run;
mod error;
mod fault;
mod filter;
mod http;
mod inquiry;
mod login;
mod organization;
mod population;
mod prng;
mod rate_limit;
mod read;
mod recording_jobs;
mod recordings;
mod route;
pub mod scenario;
mod tenant;
mod truth;
mod webhook_sink;
mod world;

pub use dry_run::{DryRun, Happened, Standing};
pub use fault::{Act, Call, Fault};
pub use http::{Delivery, TenantReply, TenantRequest};
pub use population::Media;
pub use scenario::Scenario;
pub use tenant::Tenant;
pub use truth::{Count, ExecutedDeletion, Item, RecordingTruth, Truth};
pub use webhook_sink::{WebhookDelivery, WebhookSink};
pub use world::RecordKind;
