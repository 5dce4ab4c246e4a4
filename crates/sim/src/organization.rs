//! The organisation: who it is and what it may.

use purge_core::http::HttpResponse;
use purge_core::region::region;
use serde_json::json;

use crate::error::ApiError;
use crate::http::MAX_BODY_BYTES;
use crate::login::nth_id;
use crate::tenant::Tenant;

/// Purpose of the number stream.
const PURPOSE: u64 = 0x6f72_6761;

/// The organisation's maximum retention: five years, so that nothing disappears by itself.
const RETENTION_DAYS: u32 = 1825;

impl Tenant {
    /// `GET /api/v2/organizations/me`.
    pub(crate) fn organization(&self) -> HttpResponse {
        let domain = region(&self.scenario.jurisdiction).map_or("localhost", |region| region.domain);
        HttpResponse::json(
            200,
            &json!({
                "id": nth_id(self.scenario.seed, PURPOSE, 0),
                "name": "Simulated organization",
                "thirdPartyOrgName": "simulated",
                "domain": domain,
                "state": "active",
                "productPlatform": "GenesysCloud",
                "version": 1,
                "selfUri": "/api/v2/organizations/me",
            }),
        )
    }

    /// `GET /api/v2/organizations/limits/namespaces/{namespace}`.
    pub(crate) fn limits(&self, namespace: &str) -> Result<HttpResponse, ApiError> {
        let limits = match namespace {
            "platform.api" => {
                let rate = self.scenario.rate_limit.per_minute;
                let mut limits = vec![("request.bytes.max", u64::try_from(MAX_BODY_BYTES).unwrap_or(u64::MAX))];
                limits.extend(rate.map(|rate| ("client.credentials.token.rate.per.minute", rate)));
                limits
            }
            "recording" | "analytics" | "gdpr" | "dsar" => Vec::new(),
            _ => return Err(ApiError::not_found()),
        };
        let entities: Vec<_> = limits
            .into_iter()
            .map(|(key, value)| json!({ "namespace": namespace, "key": key, "value": value }))
            .collect();
        Ok(HttpResponse::json(200, &json!({ "entities": entities })))
    }

    /// `GET /api/v2/analytics/dataretention/settings`.
    pub(crate) fn retention_settings() -> HttpResponse {
        HttpResponse::json(200, &json!({ "retentionDays": RETENTION_DAYS }))
    }
}
