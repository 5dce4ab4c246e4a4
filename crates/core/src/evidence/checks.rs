//! The individual checks. Each can fail, and then says what does not hold.

use serde_json::Value;

use super::difference::difference;
use super::examine::{Check, Files, Seen};
use super::{AUDIT, EVIDENCE_VERSION, FILES, LITTER, Manifest, PLAN, POLICIES, REPORT, WEBHOOKS};
use crate::audit;
use crate::chunk::Chunk;
use crate::json::{FromJson as _, digest, parse, quoted, typed_digest};
use crate::order::{Order, address_of};
use crate::plan::{self, CheckContext, PlanFile, reopen};
use crate::region::{Region, region_of_host};
use crate::report::{Ordered, Report};
use crate::sorted::{SortedSet, sort_by};
use crate::webhook::{ChunkEnd, OutboxRow, WebhookEvent};

/// The most files that are named one by one.
const NAMED: usize = 10;

/// The start of the simulated tenant's name.
const SIMULATED: &str = "SIMULATED";

fn passed(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, holds: true, detail: detail.into() }
}

fn failed(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, holds: false, detail: detail.into() }
}

fn from_result(name: &'static str, found: Result<String, String>) -> Check {
    match found {
        Ok(detail) => passed(name, detail),
        Err(detail) => failed(name, detail),
    }
}

/// The text of a file, or why there is none.
pub(super) fn text<'a>(files: &'a Files, name: &str) -> Result<&'a str, String> {
    match files.get(name) {
        Some(Ok(bytes)) => str::from_utf8(bytes).map_err(|why| format!("`{name}` is not UTF-8 text: {why}")),
        Some(Err(why)) => Err(format!("`{name}` {why}")),
        None => Err(format!("`{name}` is missing")),
    }
}

/// Compares the digest of the manifest with the one that was kept elsewhere. A forger who replaces a folder as a whole can make
/// everything in it fit, but not that digest.
pub(super) fn manifest(found: &str, kept: &str) -> Check {
    match typed_digest(kept) {
        Some(kept) if found == kept => passed("manifest", "its digest is the one that was kept"),
        Some(kept) => failed("manifest", format!("its digest is `{found}`, not `{kept}`")),
        None => failed("manifest", format!("{} is not a digest, which has 64 hexadecimal digits", quoted(kept))),
    }
}

/// Checks that every file that belongs to the evidence is there with its hash, and no other file.
pub(super) fn files(manifest: &Manifest, files: &Files, log: &Result<String, String>) -> Check {
    if manifest.version != EVIDENCE_VERSION {
        let message = format!("the manifest is of version {}, which this program does not know", manifest.version);
        return failed("files", message);
    }
    let mut wrong = Vec::new();
    for name in FILES {
        let found = match files.get(name) {
            None => Err(format!("`{name}` is missing")),
            Some(_) if name == AUDIT => log.clone(),
            Some(Ok(bytes)) => Ok(digest(bytes)),
            Some(Err(why)) => Err(format!("`{name}` {why}")),
        };
        match (found, manifest.files.get(name)) {
            (Err(why), _) => wrong.push(why),
            (Ok(_), None) => wrong.push(format!("`{name}` is not listed in the manifest")),
            (Ok(found), Some(listed)) if found != *listed => {
                wrong.push(format!("`{name}` was changed: it does not have the hash in the manifest"));
            }
            (Ok(_), Some(_)) => {}
        }
    }
    let is_foreign = |name: &str| !FILES.contains(&name);
    for (name, _) in manifest.files.iter().filter(|(name, _)| is_foreign(name)) {
        wrong.push(format!("the manifest lists {}, which does not belong to the evidence", quoted(name)));
    }
    for (name, _) in files.iter().filter(|(name, _)| is_foreign(name) && !LITTER.contains(&name.as_str())) {
        wrong.push(format!("{} does not belong to the evidence", quoted(name)));
    }
    if wrong.is_empty() {
        return passed("files", format!("{} files have the hashes in the manifest", manifest.files.len()));
    }
    let more = wrong.len().saturating_sub(NAMED);
    wrong.truncate(NAMED);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    failed("files", wrong.join("; ") + &rest)
}

/// The approved plan and its order, made again from the plan file.
#[derive(Debug)]
pub(super) struct RebuiltPlan {
    pub(super) plan: plan::Plan,
    pub(super) order: Order,
}

impl RebuiltPlan {
    /// Makes the plan again and checks it: the plan file must give a plan with its digest, and the approval must make this very
    /// run, on a tenant that fits it.
    pub(super) fn of(text: &str, manifest: &Manifest) -> Result<Self, String> {
        if manifest.tenant.starts_with(SIMULATED) && !manifest.simulated {
            return Err("the tenant is a simulated one, and the manifest says that it is not".to_owned());
        }
        // The approver had the plan file, so the day of the approval is the last on which the plan can have been made.
        let approved_at = manifest.approval.approved_at;
        let region = region_of(&manifest.tenant);
        if manifest.simulated && region.is_some() {
            return Err("the tenant is one of Genesys Cloud's, and the manifest says that it is simulated".to_owned());
        }
        let tenant_jurisdiction = region.map(|region| region.name.to_owned());
        let context = CheckContext { tenant_jurisdiction, ..CheckContext::at(approved_at) };
        let reopened = reopen(text, &context).map_err(|findings| match findings.first() {
            Some(first) if first.code == "planFile.future" => {
                format!("`{PLAN}` says that it was made after it was approved at {approved_at}")
            }
            Some(first) => format!("`{PLAN}` does not hold: {}", first.message),
            None => format!("`{PLAN}` does not hold"),
        })?;
        let plan = reopened.plan;
        if plan.digest() != manifest.chains.plan_digest {
            return Err(format!("`{PLAN}` is of another plan than the manifest: `{}`", plan.digest()));
        }
        // Members that may be left out, or written in several ways, must be written in full and in one way, so that others can
        // calculate the digest.
        let written = parse(text, usize::MAX).unwrap_or_default();
        let expected = serde_json::to_value(PlanFile::new(&plan, reopened.planned_at)).unwrap_or_default();
        if let Some(place) = difference(&written, &expected, "") {
            return Err(format!("`{PLAN}` is not as it was written: {place}"));
        }
        let order = Order::new(&plan, &manifest.approval, &manifest.tenant, manifest.simulated)
            .map_err(|why| format!("the approval does not hold: {why}"))?;
        if order.run_id != manifest.run_id || order.run_id != manifest.chains.run_id {
            return Err(format!("plan and tenant make the run `{}`, not {}", order.run_id, quoted(&manifest.run_id)));
        }
        Ok(Self { plan, order })
    }

    pub(super) fn ordered(&self) -> Ordered<'_> {
        Ordered::of(&self.order, &self.plan)
    }

    /// The chunk with this number.
    pub(super) fn chunk(&self, index: u32) -> Option<Chunk> {
        let place = usize::try_from(index.checked_sub(1)?).ok()?;
        self.plan.chunks().get(place).copied()
    }
}

/// The region of a tenant, if its address is one of Genesys Cloud.
fn region_of(tenant: &str) -> Option<Region> {
    let host_and_path = address_of(tenant).strip_prefix("https://")?;
    host_and_path.split(['/', ':']).next().and_then(region_of_host)
}

pub(super) fn plan(plan: Result<&RebuiltPlan, &String>) -> Check {
    let found =
        |plan: &RebuiltPlan| format!("its {} chunks have the digest that was approved", plan.plan.chunks().len());
    from_result("plan", plan.map(found).map_err(Clone::clone))
}

/// Checks that every chain is whole, belongs to this run and is as long as the manifest says.
pub(super) fn chains(manifest: &Manifest, log: &Result<String, String>, verdict: &audit::Verdict) -> Check {
    match (log, &verdict.bad) {
        (Err(why), _) => failed("chains", why),
        (Ok(_), Some(bad)) => failed("chains", format!("first bad record: {bad}")),
        (Ok(_), None) => {
            let chains = manifest.chains.heads.len();
            passed("chains", format!("{} records in {chains} unbroken chains", verdict.records))
        }
    }
}

/// Checks that the records, inside their chains, name the approver and the time of the manifest every time a chunk is begun. Clocks
/// are not compared: one machine may note the approval and another work on a chunk, and a wrong clock may be set right.
pub(super) fn approval(manifest: &Manifest, seen: &Seen) -> Check {
    let approval = &manifest.approval;
    match &seen.other_approval {
        Some(other_approval) => {
            let (by, at) = (&approval.approved_by, approval.approved_at);
            failed("approval", format!("the manifest names {} at {at}, but {other_approval}", quoted(by)))
        }
        None => passed("approval", format!("{} starts name the approver and the time of the manifest", seen.starts)),
    }
}

/// Checks that the report is what the records amount to.
pub(super) fn report(files: &Files, report: &Report) -> Check {
    let found = || -> Result<String, String> {
        let expected = serde_json::to_value(report).map_err(|why| why.to_string())?;
        let written = parse(text(files, REPORT)?, usize::MAX).map_err(|why| format!("`{REPORT}`: {why}"))?;
        if let Some(place) = difference(&written, &expected, "") {
            return Err(format!("`{REPORT}` is not what the records amount to: {place}"));
        }
        match report.problems.first() {
            Some(problem) => Err(format!("it does not add up: {}", problem.message)),
            None => Ok("it is what the records amount to, and it adds up".to_owned()),
        }
    };
    from_result("report", found())
}

/// Checks a file that follows from the report and from nothing else.
pub(super) fn follows_from_report(name: &'static str, holds: &str, files: &Files, file: &str, expected: &str) -> Check {
    match text(files, file) {
        Ok(text) if text == expected => passed(name, holds),
        Ok(_) => failed(name, format!("`{file}` is not what follows from the report")),
        Err(why) => failed(name, why),
    }
}

/// Checks that the governance system was told what the records say. Only the file itself says whether a message was delivered.
pub(super) fn webhooks(files: &Files, order: &Order, mut ends: Vec<ChunkEnd>) -> Check {
    sort_by(&mut ends, |one, other| attempt_key(one).cmp(&attempt_key(other)));
    let mut has_message = vec![false; ends.len()];
    let mut message = |line: &str| -> Result<(), &'static str> {
        let value = parse(line, usize::MAX).map_err(|_| "is not a message")?;
        let message = OutboxRow::from_json(&value).map_err(|_| "is not a message")?;
        let body = parse(&message.body, usize::MAX).map_err(|_| "has a body that is not JSON")?;
        let about = attempt_named_by(&body).ok_or("does not say which attempt it is about")?;
        let place = ends.binary_search_by(|end| attempt_key(end).cmp(&about));
        let of_end = place.ok().and_then(|place| Some((ends.get(place)?, has_message.get_mut(place)?)));
        let (end, has_message) = of_end.ok_or("is about an attempt whose end is not on record")?;
        let event = WebhookEvent::of(order, end.clone());
        if message.id != event.id || serde_json::to_value(event).ok().as_ref() != Some(&body) {
            return Err("does not say what the records say");
        }
        if std::mem::replace(has_message, true) { Err("repeats an earlier message") } else { Ok(()) }
    };
    let found = text(files, WEBHOOKS).and_then(|text| {
        text.lines().zip(1_u64..).try_for_each(|(text, number)| {
            message(text).map_err(|what| format!("line {number} of `{WEBHOOKS}` {what}"))
        })
    });
    let (told, ends) = (has_message.iter().filter(|has_message| **has_message).count(), ends.len());
    let holds = || {
        format!(
            "ends: {ends}, messages: {told}, all as the records say; only the file says whether they were delivered"
        )
    };
    from_result("webhooks", found.map(|()| holds()))
}

/// Checks that every policy that a record names is there, except the plan's own, and no other.
pub(super) fn policies(files: &Files, mut named: SortedSet<String>) -> Check {
    let found = text(files, POLICIES).and_then(|text| {
        for (line, number) in text.split_inclusive('\n').zip(1_u64..) {
            // The writer ends every line, so a line without its end was cut.
            if !line.strip_suffix('\n').is_some_and(|text| named.remove(&digest(text.as_bytes()))) {
                return Err(format!(
                    "line {number} of `{POLICIES}` is not a policy that a record names, or repeats an earlier line"
                ));
            }
        }
        match named.iter().next() {
            Some(missing) => Err(format!("`{POLICIES}` does not have the policy `{missing}`, which a record names")),
            None => Ok("every policy that a record names is here".to_owned()),
        }
    });
    from_result("policies", found)
}

/// The chunk and the attempt that ended.
fn attempt_key(end: &ChunkEnd) -> (u32, u32) {
    (end.chunk.index, end.attempt)
}

/// The chunk and the attempt that a message is about.
fn attempt_named_by(body: &Value) -> Option<(u32, u32)> {
    let whole = |value: &Value| u32::from_json(value).ok();
    Some((whole(body.get("chunk")?.get("index")?)?, whole(body.get("attempt")?)?))
}
