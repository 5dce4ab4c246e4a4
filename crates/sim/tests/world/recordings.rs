use purge_core::time::Timestamp;
use serde_json::json;

use crate::client::{Client, body, code, window};

const PROTECTION: &str = "/api/v2/recordings/deletionprotection";

/// The conversations of one day that have recordings.
fn ids(client: &Client) -> Vec<String> {
    let day = window("2023-01-10T00:00:00Z", "2023-01-11T00:00:00Z");
    let items = client.tenant.inventory(Timestamp::EPOCH);
    let recorded = |id: &String| items.iter().any(|item| item.kind == "recording" && item.conversation == *id);
    client.tenant.conversations_in(day).into_iter().filter(recorded).collect()
}

fn protected(client: &mut Client, ids: &[String]) -> Vec<String> {
    let answer = body(&client.post(PROTECTION, &json!({ "conversationIds": ids })));
    answer.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn protection_is_told_placed_and_lifted() {
    let mut client = Client::new(json!({}));
    let ids = ids(&client);
    assert_eq!(protected(&mut client, &ids), Vec::<String>::new());
    let two = ids[3..5].to_vec();
    assert_eq!(client.put(PROTECTION, &json!({ "conversationIds": two })).status, 204, "protect is true by default");
    assert_eq!(protected(&mut client, &ids), two);
    client.put(&format!("{PROTECTION}?protect=false"), &json!({ "conversationIds": [two[0]] }));
    assert_eq!(protected(&mut client, &ids), two[1..]);
}

#[test]
fn one_id_that_is_unknown_or_without_a_recording_spoils_the_whole_question() {
    let mut client = Client::new(json!({}));
    let known = ids(&client);
    let unknown = "00000000-0000-4000-8000-000000000000";
    let day = client.tenant.conversations_in(window("2023-01-10T00:00:00Z", "2023-01-11T00:00:00Z"));
    let bare =
        day.iter().find(|id| body(&client.get(&format!("/api/v2/conversations/{id}/recordingmetadata"))) == json!([]));
    for (ids, status, expected) in [
        (json!([known[0], bare.unwrap()]), 404, "recording.conversation.not.found"),
        (json!([known[0], unknown]), 404, "recording.conversation.not.found"),
        (json!([known[0], "7"]), 400, "recording.conversation.id.not.uuid"),
        (json!([]), 400, "constraint.validation"),
        (json!(vec![&known[0]; 101]), 400, "constraint.validation"),
    ] {
        let refused = client.post(PROTECTION, &json!({ "conversationIds": ids }));
        assert_eq!((refused.status, code(&refused).as_str()), (status, expected), "{ids}");
    }
}

#[test]
fn no_more_than_a_thousand_are_protected() {
    let mut client = Client::new(json!({ "protected": { "conversations": 995 } }));
    let free: Vec<String> = {
        let ids = ids(&client);
        let held = protected(&mut client, &ids);
        ids.into_iter().filter(|id| !held.contains(id)).collect()
    };
    assert_eq!(client.put(PROTECTION, &json!({ "conversationIds": free[..6] })).status, 400);
    assert_eq!(client.put(PROTECTION, &json!({ "conversationIds": free[..5] })).status, 204);
}

#[test]
fn a_delete_date_is_set_and_taken_away() {
    let mut client = Client::new(json!({}));
    let row = ids(&client)
        .iter()
        .find_map(|id| body(&client.get(&format!("/api/v2/conversations/{id}/recordingmetadata"))).get(0).cloned())
        .unwrap();
    let (conversation, recording) = (row["conversationId"].as_str().unwrap(), row["id"].as_str().unwrap());
    let put = format!("/api/v2/conversations/{conversation}/recordings/{recording}");
    let list = format!("/api/v2/conversations/{conversation}/recordingmetadata");
    let dated = client.put(&put, &json!({ "deleteDate": "2024-06-02T00:00:00Z" }));
    assert_eq!(body(&dated)["deleteDate"], "2024-06-02T00:00:00.000Z");
    assert_eq!(client.put(&put, &json!({ "deleteDate": null })).status, 200);
    client.wait(80_000);
    assert_eq!(body(&client.get(&list))[0], row, "as if nothing had happened");
    assert_eq!(client.put(&put, &json!({ "deleteDate": "2024-06-02T00:00:00Z" })).status, 200);
    client.wait(86_000);
    client.login();
    assert_eq!(body(&client.get(&list))[0]["fileState"], "DELETED");
    assert_eq!(client.put(&put, &json!({ "deleteDate": null })).status, 404, "it is gone");
}

#[test]
fn unknown_conversations_have_no_metadata() {
    let mut client = Client::new(json!({}));
    let unknown = "00000000-0000-4000-8000-000000000000";
    assert_eq!(client.get(&format!("/api/v2/conversations/{unknown}/recordingmetadata")).status, 404);
    assert_eq!(client.get("/api/v2/conversations/x/recordingmetadata").status, 404);
}
