//! Writes the evidence folder as a whole: beside its place first, then renamed. The previous folder is put aside before that and
//! removed last, so that a process that is killed in between leaves one of the two ([`current_folder`]).

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use purge_core::evidence::{Evidence, FILES, LITTER, MANIFEST, Manifest, Material};
use purge_core::json::{FromJson as _, parse};
use purge_core::report::Report;

use super::verify::read;
use crate::carry::stored::Stored;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{private, whole_file};

/// The ledger's own folders inside its folder: locks, the tenants of rehearsals, and evidence, which has one folder for each run.
const LEDGER_FOLDERS: [&str; 3] = ["locks", "simulated", "evidence"];

const HELP_OTHER_FOLDER: &str =
    "give `--evidence` a folder of its own; it is remembered in place of any that was named before";

/// The evidence of a run. The digest of its manifest identifies the whole.
pub(crate) fn assemble(stored: &Stored, report: &Report) -> Result<Evidence, Failure> {
    let evidence = Evidence::of(&Material {
        order: &stored.row.order,
        plan_file: &stored.row.plan_file,
        records: &stored.records,
        report,
        messages: &stored.outbox,
        policies: &stored.policies,
    });
    evidence.map_err(|why| Failure::machine("put the evidence together", why))
}

/// Writes the evidence of that run to the folder.
pub(crate) fn write(folder: &Path, run_id: &str, evidence: &Evidence) -> Result<(), Failure> {
    let failed = |why: io::Error| Failure::machine(&format!("write the evidence to `{}`", folder.display()), why);
    // Something may have been deleted by now, so this is no longer bad input.
    refuse_foreign(folder, run_id).map_err(|failure| Failure { exit: Exit::Internal, ..failure })?;
    let new = sibling(folder, "new");
    let old = sibling(folder, "old");
    remove(&new).map_err(failed)?;
    private::create_dir_all(&new).map_err(failed)?;
    write_files(&new, evidence).map_err(failed)?;
    let before = current_folder(folder);
    if before.exists() {
        // Keep the permissions of the previous folder.
        let permissions = fs::metadata(&before).map_err(failed)?.permissions();
        fs::set_permissions(&new, permissions).map_err(failed)?;
        if before != old {
            remove(&old).map_err(failed)?;
            fs::rename(folder, &old).map_err(failed)?;
        }
    }
    fs::rename(&new, folder).map_err(failed)?;
    whole_file::sync_parent(folder).map_err(failed)?;
    remove(&old).map_err(failed)
}

/// The folder that has the evidence: `folder`, or the one beside it into which a process put the previous evidence before it was
/// killed.
pub(super) fn current_folder(folder: &Path) -> PathBuf {
    let old = sibling(folder, "old");
    let put_aside = !folder.join(MANIFEST).exists() && old.join(MANIFEST).exists();
    if put_aside { old } else { folder.to_owned() }
}

/// Removes the folder if it exists.
fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The manifest in a folder, if it is there and can be read.
pub(super) fn manifest(folder: &Path) -> Option<Manifest> {
    let bytes = read(&folder.join(MANIFEST)).ok()?;
    let value = parse(str::from_utf8(&bytes).ok()?, usize::MAX).ok()?;
    Manifest::from_json(&value).ok()
}

/// The folder that a link at that path leads to, or the path itself if it is no link or leads nowhere. Evidence written there must
/// not replace the link.
pub(crate) fn follow_link(folder: &Path) -> PathBuf {
    // Drop a trailing slash, which would look through the link.
    let folder: PathBuf = folder.components().collect();
    if folder.is_symlink() { fs::canonicalize(&folder).unwrap_or(folder) } else { folder }
}

/// Refuses a folder in which the ledger keeps something else.
pub(crate) fn refuse_inner(folder: &Path, ledger: &Path) -> Result<(), Failure> {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else { return Ok(()) };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let same = fs::canonicalize(parent).is_ok_and(|parent| fs::canonicalize(ledger).is_ok_and(|it| it == parent));
    if !same || LEDGER_FOLDERS.iter().all(|inner| name != *inner) {
        return Ok(());
    }
    Err(refused(folder, format!("`{}` is a folder of the ledger", folder.display()), HELP_OTHER_FOLDER))
}

/// Checks, before there is any evidence, that the evidence of that run can be put there. A folder that has anything else in it, or
/// the evidence of another run, belongs to somebody and is not replaced.
pub(crate) fn refuse_foreign(folder: &Path, run_id: &str) -> Result<(), Failure> {
    let refused = |message: String| refused(folder, message, HELP_OTHER_FOLDER);
    let (Some(parent), Some(_)) = (folder.parent(), folder.file_name()) else {
        return Err(refused(format!("`{}` cannot be replaced as a whole", folder.display())));
    };
    if folder.is_symlink() {
        return Err(refused(format!("`{}` is a link that leads nowhere", folder.display())));
    }
    private::create_dir_all(parent).map_err(|why| refused(format!("cannot make `{}`: {why}", parent.display())))?;
    try_replacing(folder, run_id)?;
    let entries = match fs::read_dir(folder) {
        Ok(entries) => Some(entries),
        Err(why) if why.kind() == io::ErrorKind::NotFound => None,
        Err(why) => return Err(refused(format!("cannot read `{}`: {why}", folder.display()))),
    };
    for entry in entries.into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != MANIFEST && !FILES.contains(&name.as_str()) && !LITTER.contains(&name.as_str()) {
            return Err(refused(format!("`{}` holds `{name}`, which is not evidence", folder.display())));
        }
    }
    let current_folder = current_folder(folder);
    match manifest(&current_folder) {
        Some(other) if other.run_id != run_id => {
            Err(refused(format!("`{}` holds the evidence of run `{}`", current_folder.display(), other.run_id)))
        }
        Some(_) | None => Ok(()),
    }
}

/// Tries what writing will do, as far as it does no harm: makes a folder beside the place, and renames it to the place if that is
/// an empty folder. That fails where something is mounted, and on a folder that is not empty, which is fine.
fn try_replacing(folder: &Path, run_id: &str) -> Result<(), Failure> {
    let is_there = folder.is_dir();
    let refused = |message: String| {
        // A user who may not replace a folder can still make one inside it.
        let within = format!("give `--evidence {}`, a folder of its own", folder.join(run_id).display());
        refused(folder, message, if is_there { &within } else { HELP_OTHER_FOLDER })
    };
    let beside = |why: io::Error| {
        let parent = folder.parent().unwrap_or(folder);
        refused(format!("nothing can be written to `{}`: {why}", parent.display()))
    };
    let probe = sibling(folder, &format!("{}.try", std::process::id()));
    private::create_dir_all(&probe).map_err(beside)?;
    if let Ok(there) = fs::metadata(folder) {
        // It may come to lie in the folder's place.
        fs::set_permissions(&probe, there.permissions()).map_err(beside)?;
    }
    let replaced = if is_there { fs::rename(&probe, folder) } else { Ok(()) };
    match fs::remove_dir(&probe) {
        Ok(()) => {}
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        Err(why) => return Err(beside(why)),
    }
    match replaced.map_err(|why| (why.kind(), why)) {
        Ok(()) | Err((io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists, _)) => Ok(()),
        Err((io::ErrorKind::ResourceBusy, _)) => Err(refused(format!(
            "something is mounted at `{}`, so that it cannot be replaced as a whole",
            folder.display()
        ))),
        Err((_, why)) => Err(refused(format!("`{}` cannot be replaced as a whole: {why}", folder.display()))),
    }
}

fn refused(folder: &Path, message: String, help: &str) -> Failure {
    Failure::new(Exit::BadInput, "evidence.folder", folder.display().to_string(), message, help)
}

/// Refuses a new run if there is evidence already. Then the ledger that knew about it is lost, or it is evidence of another run. It
/// is the only proof of what was done and is not replaced.
pub(crate) fn refuse_earlier(folder: &Path) -> Result<(), Failure> {
    let folder = current_folder(folder);
    if !folder.join(MANIFEST).exists() {
        return Ok(());
    }
    let message = format!("`{}` holds evidence, but the ledger does not know the run", folder.display());
    let help =
        "restore the ledger from a copy, or keep the folder under another name and look at it before deleting again";
    Err(Failure::new(Exit::BadInput, "evidence.earlier", folder.display().to_string(), message, help))
}

/// Turns `DIR/run` into `DIR/.run.new`.
fn sibling(folder: &Path, suffix: &str) -> PathBuf {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    folder.with_file_name(format!(".{name}.{suffix}"))
}

fn write_files(folder: &Path, evidence: &Evidence) -> io::Result<()> {
    for (name, content) in &evidence.files {
        write_file(&folder.join(name), content.as_bytes())?;
    }
    write_file(&folder.join(MANIFEST), evidence.manifest.as_bytes())
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
