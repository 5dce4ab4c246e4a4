//! Faults in the form of the command line: `CALL:WHEN:WHAT[:OPTION…]`.

use purge_sim::{Act, Call, Fault};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

/// What a fault can do, in words.
const ACTS: &str = "an HTTP status (200 to 599), drop-before, drop-after, slow=MS, garbage, truncated, missing-id, stuck, \
                    status=WORD, revoke-token, fail-job, leave=RECORDS";

/// Reads one fault.
pub(crate) fn parse(text: &str) -> Result<Fault, String> {
    let mut parts = text.split(':');
    let (Some(call), Some(when), Some(what)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(format!("`{text}` is not CALL:WHEN:WHAT"));
    };
    let call: StrDeserializer<'_, Error> = call.into_deserializer();
    let on = Call::deserialize(call).map_err(|why| why.to_string())?;
    let mut fault = Fault { on, every: None, nth: Vec::new(), per_mille: None, limit: None, act: act(what)? };
    set_when(&mut fault, when)?;
    for option in parts {
        set_option(&mut fault, option)?;
    }
    Ok(fault)
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number that fits"))
}

fn set_when(fault: &mut Fault, when: &str) -> Result<(), String> {
    match when.split_once('=').unwrap_or((when, "")) {
        ("always", "") => {}
        ("every", n) => fault.every = Some(number(n)?),
        ("nth", list) => fault.nth = list.split(',').map(number).collect::<Result<_, _>>()?,
        ("permille", n) => match number(n)? {
            per_mille @ 0..=1000 => fault.per_mille = Some(per_mille),
            _ => return Err(format!("`{when}` is more than 1000 of a thousand")),
        },
        _ => return Err(format!("`{when}` is not always, every=N, nth=N[,N…] or permille=N")),
    }
    Ok(())
}

fn act(what: &str) -> Result<Act, String> {
    Ok(match what.split_once('=').unwrap_or((what, "")) {
        ("429", "") => Act::RateLimited { retry_after: None, code: None },
        ("drop-before", "") => Act::DropBefore,
        ("drop-after", "") => Act::DropAfter,
        ("slow", ms) => Act::Slow { ms: number(ms)? },
        ("garbage", "") => Act::Garbage,
        ("truncated", "") => Act::Truncated,
        ("missing-id", "") => Act::MissingId,
        ("stuck", "") => Act::Stuck,
        ("fail-job", "") => Act::FailJob,
        ("leave", records) => Act::Leave { records: number(records)? },
        ("status", word) if !word.is_empty() => Act::UnknownStatus { status: word.to_owned() },
        ("revoke-token", "") => Act::RevokeToken,
        (status, "") => match status.parse() {
            Ok(status @ 200..=599) => Act::Error { status, body: None, retry_after: None },
            Ok(_) | Err(_) => return Err(unknown_act(what)),
        },
        _ => return Err(unknown_act(what)),
    })
}

fn unknown_act(what: &str) -> String {
    format!("`{what}` is not what a fault can do: {ACTS}")
}

fn set_option(fault: &mut Fault, option: &str) -> Result<(), String> {
    let refused = Err(format!("`{option}` does not belong to this fault"));
    match option.split_once('=') {
        Some(("limit", n)) => fault.limit = Some(number(n)?),
        Some(("retry-after", value)) => match &mut fault.act {
            Act::RateLimited { retry_after, .. } | Act::Error { retry_after, .. } => {
                *retry_after = Some(value.to_owned());
            }
            Act::DropBefore
            | Act::DropAfter
            | Act::Slow { .. }
            | Act::Garbage
            | Act::Truncated
            | Act::MissingId
            | Act::Stuck
            | Act::FailJob
            | Act::Leave { .. }
            | Act::UnknownStatus { .. }
            | Act::RevokeToken => return refused,
        },
        Some(_) | None => return refused,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Cli;

    /// The refusals name all calls and acts, and send people to the help.
    #[test]
    fn the_help_lists_every_call_and_every_act() {
        let command = Cli::command();
        let help = command.find_subcommand("tenant").unwrap().get_after_help().unwrap().to_string();
        let (_, help) = help.split_once("Faults: ").unwrap();
        let words: Vec<&str> = help.split([' ', ',', '\n']).collect();
        let unknown_call = parse("nobody:always:503").unwrap_err();
        let calls: Vec<&str> = unknown_call.split('`').skip(3).step_by(2).collect();
        assert!(calls.contains(&"any") && calls.contains(&"organization"), "{unknown_call}");
        let unknown_act = parse("submit:always:explode").unwrap_err();
        let acts = ACTS.split(", ").skip(1);
        for word in calls.into_iter().chain(acts) {
            assert!(words.contains(&word), "{word}");
        }
        assert!(unknown_act.contains("`explode`") && unknown_act.contains(ACTS), "{unknown_act}");
    }

    #[test]
    fn reads_what_the_help_promises() {
        let json = |text: &str| parse(text).map(|fault| serde_json::to_string(&fault).unwrap());
        assert_eq!(
            json("submit:every=4:429:retry-after=1").unwrap(),
            r#"{"on":"submit","every":4,"do":{"kind":"rateLimited","retryAfter":"1","code":null}}"#
        );
        assert_eq!(
            json("job.create:nth=1,3:drop-after:limit=2").unwrap(),
            r#"{"on":"job.create","nth":[1,3],"limit":2,"do":{"kind":"dropAfter"}}"#
        );
        for wrong in [
            "",
            "submit",
            "submit:every=4",
            "nobody:every=4:503",
            "submit:every=0:503",
            "submit:permille=1001:503",
            "submit:sometimes:503",
            "submit:always:99",
            "submit:always:explode",
            "submit:always:slow=x",
            "submit:always:garbage:retry-after=1",
            "submit:always:503:whatever",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
