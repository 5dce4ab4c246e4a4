//! The rehearsal: a whole run against the simulated tenant, as fast or as slowly as the page likes.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Function;
use purge_core::finding::Finding;
use purge_core::order::{Approval, Order};
use purge_core::plan::{CheckContext, reopen};
use purge_core::report::{Report, exit_code};
use purge_core::time::Timestamp;
use purge_core::window::Window;
use purge_sim::{DryRun, Fault, Scenario};
use serde::Serialize;
use serde_json::Value;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use web_sys::AbortSignal;

use crate::call::{CallError, breathe, number, object, read, value};

/// How many things happen between two turns of the page.
const AT_ONCE: u32 = 1_000;

/// A rehearsal in progress. Free it when it is over.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Rehearsal {
    /// Shared with [`Self::run_to_end`], which gives the page its turn in between. The page may then ask, place a hold and cancel.
    dry_run: Rc<RefCell<DryRun>>,
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
    /// Begins a rehearsal of a plan file, on a tenant of this scenario (JSON, all fields optional) in the jurisdiction that the
    /// request names.
    ///
    /// # Errors
    /// The plan file does not hold, the person may not approve it, or the scenario or the start cannot be read.
    #[wasm_bindgen(constructor)]
    pub fn new(plan_file: &str, approved_by: &str, scenario: &str, start: &str) -> Result<Rehearsal, CallError> {
        let start = instant_of(start)?;
        let context = CheckContext::at(start);
        let plan = reopen(plan_file, &context).map_err(|findings| messages(&findings))?.plan;
        let scenario: Scenario = read("scenario", scenario)?;
        let scenario = Scenario { jurisdiction: plan.request().jurisdiction.clone(), ..scenario };
        let approval =
            Approval { digest: plan.digest().to_owned(), approved_by: approved_by.to_owned(), approved_at: start };
        let order = Order::new(&plan, &approval, "SIMULATED tenant", true).map_err(|why| why.to_string())?;
        Ok(Self { dry_run: Rc::new(RefCell::new(DryRun::new(&plan, order, scenario, start))) })
    }

    /// Lets the next thing happen. Returns `false` when nothing is left to happen.
    pub fn step(&mut self) -> bool {
        self.dry_run.borrow_mut().step()
    }

    /// Lets everything happen until an instant (milliseconds since 1970), but at most `most` things. Returns whether all of it
    /// happened.
    #[wasm_bindgen(js_name = runUntil)]
    pub fn run_until(&mut self, at: f64, most: u32) -> bool {
        self.dry_run.borrow_mut().run_until(instant(at), most)
    }

    /// Lets everything happen that is left, giving the page its turn in between. `each` is called before every turn.
    ///
    /// # Errors
    /// `each` throws, or the signal is aborted (its reason). The rehearsal can then go on.
    #[wasm_bindgen(js_name = runToEnd, unchecked_return_type = "Promise<void>")]
    pub fn run_to_end(
        &self,
        #[wasm_bindgen(unchecked_param_type = "(standing: Standing) => void")] each: Function,
        signal: Option<AbortSignal>,
    ) -> js_sys::Promise {
        let dry_run = Rc::clone(&self.dry_run);
        wasm_bindgen_futures::future_to_promise(async move {
            loop {
                let over = dry_run.borrow_mut().run_until(Timestamp::LATEST, AT_ONCE);
                let standing = value(&dry_run.borrow().standing());
                each.call1(&JsValue::UNDEFINED, &object(&standing))?;
                if over {
                    return Ok(JsValue::UNDEFINED);
                }
                breathe(signal.as_ref()).await?;
            }
        })
    }

    /// The time of the next happening, in milliseconds since 1970; nothing at the end.
    #[must_use]
    #[wasm_bindgen(js_name = nextAt)]
    pub fn next_at(&self) -> Option<f64> {
        self.dry_run.borrow().next_at().map(|at| number(at.millis()))
    }

    /// Protects, as somebody else would, every conversation that started in a window, from now on.
    ///
    /// # Errors
    /// The start or the end is not an instant, or the end does not lie after the start.
    #[wasm_bindgen(js_name = placeHold)]
    pub fn place_hold(&mut self, start: &str, end: &str) -> Result<(), CallError> {
        let window = Window::new(instant_of(start)?, instant_of(end)?);
        self.dry_run.borrow_mut().place_hold(window.ok_or("the end of a window must lie after its start")?);
        Ok(())
    }

    /// Adds a fault that applies from now on. JSON, as in a scenario.
    ///
    /// # Errors
    /// The text is not a fault.
    #[wasm_bindgen(js_name = addFault)]
    pub fn add_fault(&mut self, fault: &str) -> Result<(), CallError> {
        self.dry_run.borrow_mut().add_fault(read::<Fault>("fault", fault)?);
        Ok(())
    }

    /// Asks to stop the run, now.
    pub fn cancel(&mut self) {
        self.dry_run.borrow_mut().cancel();
    }

    /// The progress so far.
    #[must_use]
    #[wasm_bindgen(js_name = standing, unchecked_return_type = "Standing")]
    pub fn standing_object(&self) -> JsValue {
        object(&self.standing())
    }

    /// Takes what has happened since the last call.
    #[wasm_bindgen(js_name = takeHappened, unchecked_return_type = "Happened[]")]
    pub fn take_happened_object(&mut self) -> JsValue {
        object(&self.take_happened())
    }

    /// The report so far, with the exit code that the command line would give.
    #[must_use]
    #[wasm_bindgen(js_name = report, unchecked_return_type = "Reported")]
    pub fn report_object(&self) -> JsValue {
        object(&self.report())
    }

    /// The report so far without its chunks, of which there may be a hundred thousand: `chunks` is empty.
    #[must_use]
    #[wasm_bindgen(unchecked_return_type = "Reported")]
    pub fn sums(&self) -> JsValue {
        let mut report = self.dry_run.borrow().report();
        let exit_code = exit_code(&report);
        report.chunks.clear();
        object(&value(&Reported { report: &report, exit_code }))
    }

    /// The audit log so far, as in the file. `from` (counted from 0) and `to` (not included) select records, for a log that is too
    /// long for one text.
    #[must_use]
    #[wasm_bindgen(js_name = auditLog)]
    pub fn audit_log(&self, from: Option<u32>, to: Option<u32>) -> String {
        let place = |at: Option<u32>| at.and_then(|at| usize::try_from(at).ok());
        let (from, to) = (place(from).unwrap_or(0), place(to).unwrap_or(usize::MAX));
        let mut log = String::new();
        for record in self.dry_run.borrow().records().iter().take(to).skip(from) {
            log.push_str(&record.line());
            log.push('\n');
        }
        log
    }
}

impl Rehearsal {
    /// The progress so far.
    #[must_use]
    pub fn standing(&self) -> Value {
        value(&self.dry_run.borrow().standing())
    }

    /// Takes what has happened since the last call.
    pub fn take_happened(&mut self) -> Value {
        value(&self.dry_run.borrow_mut().take_happened())
    }

    /// The report so far, with the exit code that the command line would give.
    #[must_use]
    pub fn report(&self) -> Value {
        let report = self.dry_run.borrow().report();
        value(&Reported { exit_code: exit_code(&report), report: &report })
    }
}

/// Reads an instant.
fn instant_of(text: &str) -> Result<Timestamp, CallError> {
    Timestamp::parse(text).map_err(|why| format!("`{text}` {why}"))
}

/// Reads the page's number as an instant. A number that is out of range becomes the nearest instant.
#[expect(clippy::cast_possible_truncation, reason = "a cast from float saturates, and the instant is clamped")]
fn instant(millis: f64) -> Timestamp {
    Timestamp::from_millis(millis as i64)
}

fn messages(findings: &[Finding]) -> CallError {
    findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; ")
}
