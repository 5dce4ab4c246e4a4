//! What answers on the local server: the simulated tenant, and beside it the governance system that receives webhooks.

use std::io;

use purge_core::time::Timestamp;
use purge_sim::{Tenant, TenantReply, TenantRequest, WebhookSink};

use super::journal::Journal;

/// The path of the local governance system's webhook.
pub(crate) const WEBHOOK_PATH: &str = "/governance/webhook";

/// Everything behind one address.
#[derive(Debug)]
pub(crate) struct World {
    tenant: Tenant,
    sink: Option<WebhookSink>,
    journal: Option<Journal>,
}

impl World {
    /// A tenant, the journal of its requests, and the receiver of webhooks.
    pub(crate) fn new(tenant: Tenant, journal: Option<Journal>, sink: Option<WebhookSink>) -> Self {
        Self { tenant, sink, journal }
    }

    /// Answers one request. It is written to the journal first; a request that cannot be written is not answered.
    pub(crate) fn handle(&mut self, request: &TenantRequest, now: Timestamp) -> io::Result<TenantReply> {
        if let Some(sink) = &mut self.sink
            && request.path == WEBHOOK_PATH
        {
            return Ok(sink.handle(request, now));
        }
        if let Some(journal) = &mut self.journal {
            journal.note(request, now)?;
        }
        Ok(self.tenant.handle(request, now))
    }
}
