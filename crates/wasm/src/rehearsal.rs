//! The rehearsal: a whole run against the simulated tenant, as fast or as slowly as the page likes.

use purge_core::finding::Finding;
use purge_core::order::{Approval, Order};
use purge_core::plan::{CheckContext, reopen};
use purge_core::report::{Report, exit_code};
use purge_core::time::Timestamp;
use purge_core::window::Window;
use purge_sim::{DryRun, Fault, Scenario};
use serde::Serialize;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::call::{Wrong, answer, number, read};

/// A rehearsal in progress. Free it when it is over.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Rehearsal {
    dry_run: DryRun,
}

/// The report and the exit code that the command line would give.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reported<'a> {
    report: &'a Report,
    exit_code: u8,
}

#[wasm_bindgen]
impl Rehearsal {
    /// Of a plan file, from its beginning, on a tenant of this scenario (JSON, every field optional) that lies where the request
    /// says.
    ///
    /// # Errors
    /// When the plan file does not hold, the person may not approve it, or scenario or start cannot be read.
    #[wasm_bindgen(constructor)]
    pub fn new(plan_file: &str, approved_by: &str, scenario: &str, start: &str) -> Result<Rehearsal, Wrong> {
        let start = Timestamp::parse(start).map_err(|why| format!("`{start}` {why}"))?;
        let context = CheckContext { now: start, tenant_jurisdiction: None, default_jurisdiction: None };
        let plan = reopen(plan_file, &context).map_err(|findings| messages(&findings))?;
        let scenario: Scenario = read("scenario", scenario)?;
        let scenario = Scenario { jurisdiction: plan.request().jurisdiction.clone(), ..scenario };
        let approval =
            Approval { digest: plan.digest().to_owned(), approved_by: approved_by.to_owned(), approved_at: start };
        let order = Order::new(&plan, &approval, "SIMULATED tenant", true).map_err(|why| why.to_string())?;
        Ok(Self { dry_run: DryRun::new(&plan, order, scenario, start) })
    }

    /// Lets the next thing happen. `false` when nothing is left to happen.
    pub fn step(&mut self) -> bool {
        self.dry_run.step()
    }

    /// Lets everything happen until an instant (milliseconds since 1970), but at most `most` things. Whether all of it happened.
    #[wasm_bindgen(js_name = runUntil)]
    pub fn run_until(&mut self, at: f64, most: u32) -> bool {
        self.dry_run.run_until(instant(at), most)
    }

    /// When the next thing happens, milliseconds since 1970; nothing at the end.
    #[must_use]
    #[wasm_bindgen(js_name = nextAt)]
    pub fn next_at(&self) -> Option<f64> {
        self.dry_run.next_at().map(|at| number(at.millis()))
    }

    /// Somebody else protects every conversation that started in a window, now.
    ///
    /// # Errors
    /// When the window is empty or not readable.
    #[wasm_bindgen(js_name = placeHold)]
    pub fn place_hold(&mut self, window: &str) -> Result<(), Wrong> {
        self.dry_run.place_hold(read::<Window>("window", window)?);
        Ok(())
    }

    /// From now on this goes wrong, too: a fault as in a scenario, JSON.
    ///
    /// # Errors
    /// When it is no fault.
    #[wasm_bindgen(js_name = addFault)]
    pub fn add_fault(&mut self, fault: &str) -> Result<(), Wrong> {
        self.dry_run.add_fault(read::<Fault>("fault", fault)?);
        Ok(())
    }

    /// Somebody asks to stop the run, now.
    pub fn cancel(&mut self) {
        self.dry_run.cancel();
    }

    /// Where it stands: JSON.
    #[must_use]
    pub fn standing(&self) -> String {
        answer(&self.dry_run.standing())
    }

    /// What has happened since this was asked last: JSON, a list.
    #[wasm_bindgen(js_name = takeHappened)]
    pub fn take_happened(&mut self) -> String {
        answer(&self.dry_run.take_happened())
    }

    /// The report so far, with the exit code that the command line would give: JSON.
    #[must_use]
    pub fn report(&self) -> String {
        let report = self.dry_run.report();
        answer(&Reported { exit_code: exit_code(&report), report: &report })
    }

    /// The audit log so far, as the file would be.
    #[must_use]
    #[wasm_bindgen(js_name = auditLog)]
    pub fn audit_log(&self) -> String {
        let mut log = String::new();
        for record in self.dry_run.records() {
            log.push_str(&record.line());
            log.push('\n');
        }
        log
    }
}

/// The page's number as an instant; what is no instant becomes the nearest one.
#[expect(clippy::cast_possible_truncation, reason = "a cast from float saturates, and the instant is clamped")]
fn instant(millis: f64) -> Timestamp {
    Timestamp::from_millis(millis as i64)
}

fn messages(findings: &[Finding]) -> Wrong {
    findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; ")
}
