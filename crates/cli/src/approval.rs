//! Who approves a plan, and how they say so.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use purge_core::plan::Plan;
use purge_core::run::Approval;
use purge_core::time::Timestamp;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::{STRONG, paint};

/// What the command line says about approval, and whether to ask for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ApprovalInput<'a> {
    /// `--approve`.
    pub(crate) digest: Option<&'a str>,
    /// `--approver`.
    pub(crate) approver: Option<&'a str>,
    /// Whether approval is needed at all. It is not on the simulated tenant, where nothing real is deleted, nor for a plan that has
    /// already been approved.
    pub(crate) needed: bool,
    /// Whether there is a person to ask.
    pub(crate) may_ask: bool,
}

impl ApprovalInput<'_> {
    /// Whether a person sits at the terminal.
    pub(crate) fn at_terminal() -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }
}

/// The approval of the plan, or why it has none.
pub(crate) fn obtain(plan: &Plan, input: ApprovalInput<'_>, now: Timestamp) -> Result<Approval, Failure> {
    let second_person = plan.policy().limits.second_person;
    let requester = plan.request().requested_by.as_str();
    if second_person && input.approver.is_none() {
        return Err(refused(
            "approval.nobody",
            "the policy asks for an approver other than the requester".to_owned(),
            "name them with `--approver`",
        ));
    }
    match input.digest {
        Some(digest) if digest == plan.digest() => {}
        Some(digest) => {
            let message = format!("the approval is for `{digest}`, but the plan is `{}`", plan.digest());
            let help = "look at the plan with `genesys-purge plan` and pass its whole digest";
            return Err(refused("approval.mismatch", message, help));
        }
        None if !input.needed => {}
        None if input.may_ask => ask(plan)?,
        None => {
            let message = format!("the plan `{}` is not approved", plan.digest());
            return Err(refused(
                "approval.missing",
                message,
                "pass `--approve` with this digest after looking at the plan",
            ));
        }
    }
    Ok(Approval {
        digest: plan.digest().to_owned(),
        approved_by: input.approver.unwrap_or(requester).to_owned(),
        approved_at: now,
    })
}

/// Why an approval is not accepted. Nothing was sent.
pub(crate) fn refused(code: &str, message: String, help: &str) -> Failure {
    Failure::new(Exit::NotApproved, code, "", message, help)
}

/// Asks for the plan's short code, once: whoever mistypes it should look at the plan again.
fn ask(plan: &Plan) -> Result<(), Failure> {
    let code = plan.short_code();
    let mut stderr = anstream::stderr();
    let question = "this cannot be undone; to delete, type the plan's code exactly as shown; anything else stops: ";
    let asked = write!(stderr, "\n{}", paint(STRONG, question)).and_then(|()| stderr.flush());
    let mut answer = String::new();
    let read = asked.and_then(|()| io::stdin().lock().read_line(&mut answer));
    match read {
        Ok(_) if answer.trim() == code => Ok(()),
        Ok(_) => Err(refused("approval.mismatch", "that is not the plan's code; nothing was sent".to_owned(), "")),
        Err(why) => Err(refused("approval.missing", format!("could not ask for approval: {why}"), "pass `--approve`")),
    }
}
