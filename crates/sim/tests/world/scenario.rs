use purge_sim::Scenario;
use serde_json::json;

#[test]
fn the_default_scenario_is_this_document() {
    let written = serde_json::to_value(Scenario::default()).unwrap();
    assert_eq!(serde_json::from_value::<Scenario>(written.clone()).unwrap(), Scenario::default());
    insta::assert_json_snapshot!(written);
}

#[test]
fn an_empty_document_is_the_default_and_an_unknown_knob_is_refused() {
    assert_eq!(serde_json::from_value::<Scenario>(json!({})).unwrap(), Scenario::default());
    for wrong in [
        json!({ "sed": 1 }),
        json!({ "dataDeletion": { "processingMs": 1 } }),
        json!({ "dataDeletion": { "concurrency": 0 } }),
        json!({ "population": { "everySeconds": 0 } }),
        json!({ "recordingJobs": { "thirdJob": "maybe" } }),
    ] {
        assert!(serde_json::from_value::<Scenario>(wrong.clone()).is_err(), "{wrong}");
    }
}
