//! Writing the folder: whole, beside its place, then put there. What was there before is put aside first and goes last, so that a
//! process that is killed in between leaves one of the two ([`standing`]).

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
use crate::private;

/// What the ledger keeps in its folder: locks, the tenants of rehearsals, and the evidence of runs, each in a folder of its own.
const INNER: [&str; 3] = ["locks", "simulated", "evidence"];

const OTHER: &str = "give `--evidence` a folder of its own; it is remembered in place of any that was named before";

/// The evidence of a run; the digest of its manifest is that by which the whole can be recognised.
pub(crate) fn of(stored: &Stored, report: &Report) -> Result<Evidence, Failure> {
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

/// Writes the evidence of that run.
pub(crate) fn write(folder: &Path, run_id: &str, evidence: &Evidence) -> Result<(), Failure> {
    let failed = |why: io::Error| Failure::machine(&format!("write the evidence to `{}`", folder.display()), why);
    // By now something may have been deleted, so that it is no bad input any more.
    refuse_foreign(folder, run_id).map_err(|failure| Failure { exit: Exit::Internal, ..failure })?;
    let new = sibling(folder, "new");
    let old = sibling(folder, "old");
    remove(&new).map_err(failed)?;
    private::make(&new).map_err(failed)?;
    fill(&new, evidence).map_err(failed)?;
    let before = standing(folder);
    if before.exists() {
        // Whoever was let in stays in.
        let permissions = fs::metadata(&before).map_err(failed)?.permissions();
        fs::set_permissions(&new, permissions).map_err(failed)?;
        if before != old {
            remove(&old).map_err(failed)?;
            fs::rename(folder, &old).map_err(failed)?;
        }
    }
    fs::rename(&new, folder).map_err(failed)?;
    remove(&old).map_err(failed)
}

/// Where the evidence is: in the folder; or beside it, where a process put it aside to replace it and was killed.
pub(super) fn standing(folder: &Path) -> PathBuf {
    let old = sibling(folder, "old");
    let put_aside = !folder.join(MANIFEST).exists() && old.join(MANIFEST).exists();
    if put_aside { old } else { folder.to_owned() }
}

/// Removes the folder, if there is one.
fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The manifest of a folder, if there is one that can be read.
pub(super) fn manifest(folder: &Path) -> Option<Manifest> {
    let bytes = read(&folder.join(MANIFEST)).ok()?;
    let value = parse(str::from_utf8(&bytes).ok()?, usize::MAX).ok()?;
    Manifest::from_json(&value).ok()
}

/// The folder that a link at that place leads to; the place itself, if it is no link or leads nowhere. What is put there must not
/// replace the link.
pub(crate) fn followed(folder: &Path) -> PathBuf {
    // Without a slash at its end, which would ask what it leads to.
    let folder: PathBuf = folder.components().collect();
    if folder.is_symlink() { fs::canonicalize(&folder).unwrap_or(folder) } else { folder }
}

/// Refuses a folder in which the ledger keeps something else.
pub(crate) fn refuse_inner(folder: &Path, ledger: &Path) -> Result<(), Failure> {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else { return Ok(()) };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let same = fs::canonicalize(parent).is_ok_and(|parent| fs::canonicalize(ledger).is_ok_and(|it| it == parent));
    if !same || INNER.iter().all(|inner| name != *inner) {
        return Ok(());
    }
    Err(refused(folder, format!("`{}` is a folder of the ledger", folder.display()), OTHER))
}

/// Whether evidence of that run can be put there, found out before there is any. A folder with anything else in it, or with what
/// another run did, is somebody's, and is not replaced.
pub(crate) fn refuse_foreign(folder: &Path, run_id: &str) -> Result<(), Failure> {
    let refused = |message: String| refused(folder, message, OTHER);
    let (Some(parent), Some(_)) = (folder.parent(), folder.file_name()) else {
        return Err(refused(format!("`{}` cannot be replaced as a whole", folder.display())));
    };
    if folder.is_symlink() {
        return Err(refused(format!("`{}` is a link that leads nowhere", folder.display())));
    }
    private::make(parent).map_err(|why| refused(format!("cannot make `{}`: {why}", parent.display())))?;
    try_out(folder, run_id)?;
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
    let standing = standing(folder);
    match manifest(&standing) {
        Some(other) if other.run_id != run_id => {
            Err(refused(format!("`{}` holds the evidence of run `{}`", standing.display(), other.run_id)))
        }
        Some(_) | None => Ok(()),
    }
}

/// Does what writing will do, as far as it harms nothing: makes a folder beside the place, and puts it there if the place is an
/// empty folder. Where something is mounted that does not go, and neither does it with one that is not empty.
fn try_out(folder: &Path, run_id: &str) -> Result<(), Failure> {
    let is_there = folder.is_dir();
    let refused = |message: String| {
        // Whoever may not replace a folder can still make one in it.
        let within = format!("give `--evidence {}`, a folder of its own", folder.join(run_id).display());
        refused(folder, message, if is_there { &within } else { OTHER })
    };
    let beside = |why: io::Error| {
        let parent = folder.parent().unwrap_or(folder);
        refused(format!("nothing can be written to `{}`: {why}", parent.display()))
    };
    let probe = sibling(folder, &format!("{}.try", std::process::id()));
    fs::create_dir_all(&probe).map_err(beside)?;
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

/// Whether evidence is there already when a run begins: then the ledger that knew about it is lost, or it is of another run. It
/// is the only proof of what was done, and is not replaced.
pub(crate) fn refuse_earlier(folder: &Path) -> Result<(), Failure> {
    let folder = standing(folder);
    if !folder.join(MANIFEST).exists() {
        return Ok(());
    }
    let message = format!("`{}` holds evidence, but the ledger does not know the run", folder.display());
    let help =
        "restore the ledger from a copy, or keep the folder under another name and look at it before deleting again";
    Err(Failure::new(Exit::BadInput, "evidence.earlier", folder.display().to_string(), message, help))
}

/// `DIR/run` becomes `DIR/.run.new`.
fn sibling(folder: &Path, suffix: &str) -> PathBuf {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    folder.with_file_name(format!(".{name}.{suffix}"))
}

fn fill(folder: &Path, evidence: &Evidence) -> io::Result<()> {
    for (name, content) in &evidence.files {
        put(&folder.join(name), content.as_bytes())?;
    }
    put(&folder.join(MANIFEST), evidence.manifest.as_bytes())
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
