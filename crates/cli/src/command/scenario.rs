//! Reads scenario files.

use std::path::Path;

use purge_core::json::{FromJson as _, parse};
use purge_sim::Scenario;

use crate::documents::read_text;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;

/// The scenario in the file; without a file, the default one, in which nothing goes wrong.
pub(crate) fn read(path: Option<&Path>) -> Result<Scenario, Failure> {
    let Some(path) = path else { return Ok(Scenario::default()) };
    let text = read_text(path)?;
    let value = parse(&text, usize::MAX).map_err(|why| why.to_string());
    value.and_then(|value| Scenario::from_json(&value)).map_err(|why| {
        Failure::new(
            Exit::BadInput,
            "scenario.invalid",
            path.display().to_string(),
            format!("`{}` is not a scenario: {why}", path.display()),
            "`genesys-purge schema scenario` prints what it may contain",
        )
    })
}

/// The scenario of the simulated tenant; `None` for a real tenant, with which `--scenario` is refused.
pub(crate) fn for_settings(settings: &Settings, path: Option<&Path>) -> Result<Option<Scenario>, Failure> {
    match (&settings.tenant, path) {
        (None, path) => Ok(Some(read(path)?)),
        (Some(_), None) => Ok(None),
        (Some(_), Some(path)) => Err(on_real_tenant(path)),
    }
}

fn on_real_tenant(path: &Path) -> Failure {
    Failure::new(
        Exit::BadInput,
        "scenario.realTenant",
        "--scenario",
        format!("`{}` is a scenario of the simulated tenant, but the settings name a real one", path.display()),
        "omit `--scenario`, or unset the GENESYS_ settings",
    )
}
