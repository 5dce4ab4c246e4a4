//! Tests that evidence is refused if its run cannot have taken place on the tenant that it names.

use purge_core::evidence::{Evidence, Material};
use purge_core::order::tenant_name;
use purge_core::plan::{CheckContext, PlanFile, check};
use purge_core::report::{Ordered, Report};
use purge_core::run::{Approval, Order};
use serde_json::{Value, json};

use crate::support::at;
use crate::tenant::records;

/// What does not hold in the evidence, whose hashes all fit, of a run with this jurisdiction on this tenant.
fn broken(jurisdiction: &str, address: &str, simulated: bool) -> Option<String> {
    let now = at("2026-01-01T00:00:00Z");
    let mut request: Value = serde_json::from_str(include_str!("../../../../examples/q1-2023.json")).unwrap();
    request["jurisdiction"] = json!(jurisdiction);
    // The range of one chunk.
    request["range"]["end"] = json!("2023-01-31T00:00:00.000Z");
    let plan = check(&request.to_string(), None, &CheckContext::at(now)).plan.unwrap();
    let digest = plan.digest().to_owned();
    let approval = Approval { digest, approved_by: "grace".to_owned(), approved_at: now };
    let tenant = if address.contains("://") { tenant_name(address, "3f1c") } else { address.to_owned() };
    let order = Order::new(&plan, &approval, &tenant, simulated).unwrap();
    let records = records(&order, plan.chunks()[0], &[]);
    let report = Report::of(Ordered::of(&order, &plan), &records);
    let plan_file = PlanFile::new(&plan, now).text();
    let material = Material {
        order: &order,
        plan_file: &plan_file,
        records: &records,
        report: &report,
        messages: &[],
        policies: &[],
    };
    Evidence::of(&material).unwrap().check().err()
}

#[test]
fn a_run_was_where_its_tenant_is() {
    for (jurisdiction, address, simulated) in [
        ("us-east-1", "https://api.mypurecloud.com", false),
        ("eu-west-1", "https://api.mypurecloud.ie:8443/purge", false),
        // These addresses do not say where a gateway leads, or where a simulated tenant would be.
        ("eu-west-1", "https://purge.example.com", false),
        ("eu-west-1", "http://127.0.0.1:8080", true),
        ("eu-west-1", "SIMULATED tenant 37e1e26a", true),
    ] {
        assert_eq!(broken(jurisdiction, address, simulated), None, "{jurisdiction} {address}");
    }
    for address in ["https://api.mypurecloud.ie", "https://api.mypurecloud.ie:8443", "https://api.mypurecloud.ie/a"] {
        let said = broken("us-east-1", address, false).unwrap();
        assert!(said.ends_with("but the tenant's data lives in `eu-west-1`"), "{address}: {said}");
        // A run at an address of Genesys Cloud cannot have been simulated.
        let said = broken("eu-west-1", address, true).unwrap();
        assert!(said.ends_with("the manifest says that it is simulated"), "{address}: {said}");
    }
    assert!(broken("us-east-1", "SIMULATED tenant 37e1e26a", false).unwrap().ends_with("says that it is not"));
}
