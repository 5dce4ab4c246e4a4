//! The organisation's own description.

use purge_core::http::HttpResponse;
use purge_core::region::region;
use serde_json::json;

use crate::login::nth_id;
use crate::tenant::Tenant;

/// The purpose of the number stream.
const PURPOSE: u64 = 0x6f72_6761;

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
}
