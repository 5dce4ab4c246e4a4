//! The single checks. Every one of them can fail, and says what does not hold.

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

/// Files that are named one by one.
const NAMED: usize = 10;

/// How the simulated tenant's name begins.
const SIMULATED: &str = "SIMULATED";

fn held(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, holds: true, detail: detail.into() }
}

fn broken(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, holds: false, detail: detail.into() }
}

fn of(name: &'static str, found: Result<String, String>) -> Check {
    match found {
        Ok(detail) => held(name, detail),
        Err(detail) => broken(name, detail),
    }
}

/// The text of a file.
pub(super) fn text<'a>(files: &'a Files, name: &str) -> Result<&'a str, String> {
    match files.get(name) {
        Some(Ok(bytes)) => str::from_utf8(bytes).map_err(|why| format!("`{name}` is no text: {why}")),
        Some(Err(why)) => Err(format!("`{name}` {why}")),
        None => Err(format!("`{name}` is missing")),
    }
}

/// Whoever replaces a folder as a whole can make everything in it fit, but not the digest that is kept elsewhere.
pub(super) fn manifest(found: &str, kept: &str) -> Check {
    match typed_digest(kept) {
        Some(kept) if found == kept => held("manifest", "it is the one that `run` printed the digest of"),
        Some(kept) => broken("manifest", format!("its digest is `{found}`, not `{kept}`")),
        None => broken("manifest", format!("{} is no digest: it has 64 hexadecimal digits", quoted(kept))),
    }
}

/// Every file that belongs here is here with its hash, and nothing else is.
pub(super) fn files(manifest: &Manifest, files: &Files, log: &Result<String, String>) -> Check {
    if manifest.version != EVIDENCE_VERSION {
        let message = format!("the manifest is of version {}, which this program does not know", manifest.version);
        return broken("files", message);
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
        return held("files", format!("{} files have the hashes in the manifest", manifest.files.len()));
    }
    let more = wrong.len().saturating_sub(NAMED);
    wrong.truncate(NAMED);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    broken("files", wrong.join("; ") + &rest)
}

/// What was approved, made again from the plan file.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) plan: plan::Plan,
    pub(super) order: Order,
}

impl Plan {
    /// The plan file gives a plan of its digest, and its approval makes this very run, on a tenant that it fits.
    pub(super) fn of(text: &str, manifest: &Manifest) -> Result<Self, String> {
        if manifest.tenant.starts_with(SIMULATED) && !manifest.simulated {
            return Err("the tenant is a simulated one, and the manifest says that it is not".to_owned());
        }
        // Whoever approved it had it before them: the day of the approval is the last on which it can have been made.
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
        // What may be left out or written in several ways is written down whole and in one, so that others can calculate the digest.
        let written = parse(text, usize::MAX).unwrap_or_default();
        let should = serde_json::to_value(PlanFile::new(&plan, reopened.planned_at)).unwrap_or_default();
        if let Some(place) = difference(&written, &should, "") {
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

    /// The chunk of a number.
    pub(super) fn chunk(&self, index: u32) -> Option<Chunk> {
        let place = usize::try_from(index.checked_sub(1)?).ok()?;
        self.plan.chunks().get(place).copied()
    }
}

/// The region of a tenant by its name, where its address is one of Genesys Cloud's.
fn region_of(tenant: &str) -> Option<Region> {
    let host_on = address_of(tenant).strip_prefix("https://")?;
    host_on.split(['/', ':']).next().and_then(region_of_host)
}

pub(super) fn plan(plan: Result<&Plan, &String>) -> Check {
    let found = |plan: &Plan| format!("its {} chunks have the digest that was approved", plan.plan.chunks().len());
    of("plan", plan.map(found).map_err(Clone::clone))
}

/// Every chain is whole, as long as the manifest says, and of this run.
pub(super) fn chains(manifest: &Manifest, log: &Result<String, String>, verdict: &audit::Verdict) -> Check {
    match (log, &verdict.bad) {
        (Err(why), _) => broken("chains", why),
        (Ok(_), Some(bad)) => broken("chains", format!("first bad record: {bad}")),
        (Ok(_), None) => {
            let chains = manifest.chains.heads.len();
            held("chains", format!("{} records in {chains} unbroken chains", verdict.records))
        }
    }
}

/// The records say inside their chains who approved and when, every time a chunk is taken up. Clocks are not compared: whoever notes
/// the approval and whoever works on a chunk may be two machines, and one that is wrong is set right.
pub(super) fn approval(manifest: &Manifest, seen: &Seen) -> Check {
    let approval = &manifest.approval;
    match &seen.stranger {
        Some(stranger) => {
            let (by, at) = (&approval.approved_by, approval.approved_at);
            broken("approval", format!("the manifest names {} at {at}, but {stranger}", quoted(by)))
        }
        None => {
            held("approval", format!("{} starts name the approver of the manifest, and when that was", seen.starts))
        }
    }
}

/// The report is what the records amount to.
pub(super) fn report(files: &Files, report: &Report) -> Check {
    let found = || -> Result<String, String> {
        let should = serde_json::to_value(report).map_err(|why| why.to_string())?;
        let written = parse(text(files, REPORT)?, usize::MAX).map_err(|why| format!("`{REPORT}`: {why}"))?;
        if let Some(place) = difference(&written, &should, "") {
            return Err(format!("`{REPORT}` is not what the records amount to: {place}"));
        }
        match report.problems.first() {
            Some(problem) => Err(format!("it does not add up: {}", problem.message)),
            None => Ok("it is what the records amount to, and it adds up".to_owned()),
        }
    };
    of("report", found())
}

/// A file that follows from the report and from nothing else.
pub(super) fn same(name: &'static str, holds: &str, files: &Files, file: &str, should: &str) -> Check {
    match text(files, file) {
        Ok(text) if text == should => held(name, holds),
        Ok(_) => broken(name, format!("`{file}` is not what follows from the report")),
        Err(why) => broken(name, why),
    }
}

/// What the governance system was told is what the records say. Whether it took it only the file itself says.
pub(super) fn webhooks(files: &Files, order: &Order, mut ends: Vec<ChunkEnd>) -> Check {
    sort_by(&mut ends, |one, other| attempt(one).cmp(&attempt(other)));
    let mut told = vec![false; ends.len()];
    let mut message = |line: &str| -> Result<(), &'static str> {
        let value = parse(line, usize::MAX).map_err(|_| "is not a message")?;
        let message = OutboxRow::from_json(&value).map_err(|_| "is not a message")?;
        let body = parse(&message.body, usize::MAX).map_err(|_| "has a body that is not JSON")?;
        let about = about(&body).ok_or("does not say which attempt it is about")?;
        let place = ends.binary_search_by(|end| attempt(end).cmp(&about));
        let of_end = place.ok().and_then(|place| Some((ends.get(place)?, told.get_mut(place)?)));
        let (end, told) = of_end.ok_or("is about an attempt of which no record tells the end")?;
        let event = WebhookEvent::of(order, end.clone());
        if message.id != event.id || serde_json::to_value(event).ok().as_ref() != Some(&body) {
            return Err("does not say what the records say");
        }
        if std::mem::replace(told, true) { Err("has been there before") } else { Ok(()) }
    };
    let found = text(files, WEBHOOKS).and_then(|text| {
        text.lines().zip(1_u64..).try_for_each(|(text, number)| {
            message(text).map_err(|what| format!("line {number} of `{WEBHOOKS}` {what}"))
        })
    });
    let (told, ends) = (told.iter().filter(|told| **told).count(), ends.len());
    let holds = || {
        format!(
            "ends: {ends}, messages: {told}, all as the records say; whether they were delivered is in the file alone"
        )
    };
    of("webhooks", found.map(|()| holds()))
}

/// Every policy that a record names is there, unless it is that of the plan, and no other.
pub(super) fn policies(files: &Files, mut named: SortedSet<String>) -> Check {
    let found = text(files, POLICIES).and_then(|text| {
        for (line, number) in text.split_inclusive('\n').zip(1_u64..) {
            // Whoever writes it ends every line; one without its end was cut.
            if !line.strip_suffix('\n').is_some_and(|text| named.remove(&digest(text.as_bytes()))) {
                return Err(format!(
                    "line {number} of `{POLICIES}` is no policy that a record names, or was there before"
                ));
            }
        }
        match named.iter().next() {
            Some(missing) => Err(format!("`{POLICIES}` does not have the policy `{missing}`, which a record names")),
            None => Ok("every policy that a record names is here".to_owned()),
        }
    });
    of("policies", found)
}

/// Which attempt at which chunk ended so.
fn attempt(end: &ChunkEnd) -> (u32, u32) {
    (end.chunk.index, end.attempt)
}

/// Which attempt at which chunk a message is about.
fn about(body: &Value) -> Option<(u32, u32)> {
    let whole = |value: &Value| u32::from_json(value).ok();
    Some((whole(body.get("chunk")?.get("index")?)?, whole(body.get("attempt")?)?))
}
