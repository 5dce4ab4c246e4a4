"""Genesys's own client against the simulated tenant: whatever it can be asked for here, it can be asked for there.

The client sends what its models say and reads the answers into them, so a name, a type or a shape that is not Genesys's shows
here. What the purge does with the answers is tested elsewhere.
"""

import datetime
import json
import sys
import time

import PureCloudPlatformClientV2 as genesys
from PureCloudPlatformClientV2.rest import ApiException

DAY = "2023-01-10T00:00:00.000Z/2023-01-11T00:00:00.000Z"
TIMES_OVER = 30


def refusal(call, *arguments, **named):
    try:
        call(*arguments, **named)
    except ApiException as refused:
        return refused.status, json.loads(refused.body)
    raise AssertionError(f"{call.__name__} was not refused")


def until(ask, state):
    for _ in range(TIMES_OVER):
        found = ask()
        if found.state == state:
            return found
        time.sleep(1)
    raise AssertionError(f"it is {found.state} and not {state}")


client = genesys.api_client.ApiClient(host=sys.argv[1])
client.get_client_credentials_token("sim", "sim")
analytics, recording = genesys.AnalyticsApi(client), genesys.RecordingApi(client)

# Who we are.
organization = genesys.OrganizationApi(client).get_organizations_me()
assert organization.id and organization.name, organization

# What there is: by interval, by id, and in the background.
paging = genesys.PagingSpec()
paging.page_size, paging.page_number = 25, 1
query = genesys.ConversationQuery()
query.interval, query.order, query.order_by, query.paging = DAY, "asc", "conversationStart", paging
page = analytics.post_analytics_conversations_details_query(query)
assert page.total_hits > 25 and len(page.conversations) == 25, page.total_hits
first = page.conversations[0]
assert isinstance(first.conversation_start, datetime.datetime) and first.participants[0].sessions[0].media_type, first
assert all(one.conversation_start <= other.conversation_start for one, other in zip(page.conversations, page.conversations[1:]))
by_id = analytics.get_analytics_conversations_details(id=first.conversation_id)
assert [one.conversation_id for one in by_id.conversations] == [first.conversation_id]

asked = genesys.AsyncConversationQuery()
asked.interval, asked.start_of_day_interval_matching, asked.limit = "2023-01-10T00:00:00.000Z/2023-01-10T23:59:59.999Z", True, 40
inquiry = analytics.post_analytics_conversations_details_jobs(asked).job_id
until(lambda: analytics.get_analytics_conversations_details_job(inquiry), "FULFILLED")
found, cursor = [], {}
while True:
    result = analytics.get_analytics_conversations_details_job_results(inquiry, page_size=30, **cursor)
    found += [one.conversation_id for one in result.conversations]
    if result.cursor is None:
        break
    cursor = {"cursor": result.cursor}
assert len(found) == len(set(found)) == 40, len(found)

# Recordings of a conversation, and what the platform protects.
recorded = next(one for one in page.conversations if one.participants[0].sessions[0].recording)
metadata = recording.get_conversation_recordingmetadata(recorded.conversation_id)
assert {one.conversation_id for one in metadata} == {recorded.conversation_id} and metadata[0].file_state == "AVAILABLE", metadata
asks = genesys.ConversationDeletionProtectionQuery()
asks.conversation_ids = [recorded.conversation_id]
assert recording.post_recordings_deletionprotection(body=asks) == []
recording.put_recordings_deletionprotection(protect=True, body=asks)
assert [one.id for one in recording.post_recordings_deletionprotection(body=asks)] == [recorded.conversation_id]
status, why = refusal(recording.get_conversation_recordingmetadata, "00000000-0000-4000-8000-000000000000")
assert status == 404 and why["code"] and why["contextId"], why


def job():
    body = genesys.RecordingJobsQuery()
    body.action, body.action_date = "DELETE", datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    body.include_recordings_with_sensitive_data, body.include_screen_recordings = True, False
    body.conversation_query = genesys.AsyncConversationQuery()
    body.conversation_query.interval, body.conversation_query.start_of_day_interval_matching = DAY, True
    return recording.post_recording_jobs(body)


# A job is created, counted and called off; another is carried out, and leaves what is protected.
called_off = job()
assert called_off.state == "PENDING" and called_off.recording_jobs_query.action == "DELETE", called_off
ready = until(lambda: recording.get_recording_job(called_off.id), "READY")
assert ready.total_recordings > 0 and ready.total_conversations > 0, ready
recording.delete_recording_job(called_off.id)
assert recording.get_recording_job(called_off.id).state == "CANCELLED"
executed = job()
until(lambda: recording.get_recording_job(executed.id), "READY")
order = genesys.ExecuteRecordingJobsQuery()
order.state = "PROCESSING"
recording.put_recording_job(executed.id, order)
done = until(lambda: recording.get_recording_job(executed.id), "FULFILLED")
assert done.total_processed_recordings + done.total_skipped_recordings == done.total_recordings, done
assert done.total_skipped_recordings > 0 and done.total_failed_recordings == 0, done
listed = recording.get_recording_jobs(show_only_my_jobs=True, job_type="DELETE", include_total=True)
assert {executed.id, called_off.id} <= {one.id for one in listed.entities} and listed.total >= 2, listed
assert recording.get_recording_job_failedrecordings(executed.id).entities == []
kept = recording.get_conversation_recordingmetadata(recorded.conversation_id)
assert [one.file_state for one in kept] == [one.file_state for one in metadata], kept

# What is wrong is said as Genesys says it.
query.interval = "yesterday"
status, why = refusal(analytics.post_analytics_conversations_details_query, query)
assert status == 400 and {"code", "message", "status", "contextId"} <= why.keys(), why
client.access_token = "nobody"
status, why = refusal(recording.get_recording_job, executed.id)
assert status == 401, (status, why)
print("all as Genesys's own client reads it")
