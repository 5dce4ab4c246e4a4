//! Reads an evidence folder to check it. Core knows what has to hold.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use purge_core::evidence::{AUDIT, Examination, FILES, Files, MANIFEST, Verdict};

use super::folder::current_folder;
use crate::exit::Exit;
use crate::failure::Failure;

/// Bytes of the log that are read at a time.
const PIECE: u64 = 1024 * 1024;

/// Checks the folder, and its manifest against the digest `kept` if there is one. Without a manifest nothing can be checked.
pub(crate) fn verify(folder: &Path, kept: Option<&str>) -> Result<Verdict, Failure> {
    let manifest = read(&folder.join(MANIFEST)).map_err(|why| unreadable(folder, &why.to_string()))?;
    let files = read_files(folder).map_err(|why| Failure::machine("list the evidence folder", why))?;
    let begun = Examination::new(&manifest, kept, files);
    let mut examination = begun.map_err(|why| unreadable(folder, &why))?;
    let log = feed(&mut examination, &folder.join(AUDIT)).map_err(|why| cannot_be_read(&why));
    Ok(examination.finish(log))
}

/// Everything that lies beside the manifest. The log is listed without its content.
fn read_files(folder: &Path) -> io::Result<Files> {
    let mut files = Files::default();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_read = FILES.contains(&name.as_str()) && name != AUDIT;
        let content = if is_read { read(&folder.join(&name)) } else { Ok(Vec::new()) };
        if name != MANIFEST {
            files.insert(name, content.map_err(|why| cannot_be_read(&why)));
        }
    }
    Ok(files)
}

/// The whole content of a file.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open(path)?.read_to_end(&mut content)?;
    Ok(content)
}

/// Opens a regular file. Opening a pipe would wait for a writer.
fn open(path: &Path) -> io::Result<File> {
    if fs::metadata(path)?.is_file() { File::open(path) } else { Err(io::Error::other("it is not a file")) }
}

/// Gives the log to the check piece by piece.
fn feed(examination: &mut Examination, log: &Path) -> io::Result<()> {
    let mut log = open(log)?;
    loop {
        let mut piece = Vec::new();
        if log.by_ref().take(PIECE).read_to_end(&mut piece)? == 0 {
            return Ok(());
        }
        examination.feed(&piece);
    }
}

fn cannot_be_read(why: &io::Error) -> String {
    if why.kind() == io::ErrorKind::NotFound { "is missing".to_owned() } else { format!("cannot be read: {why}") }
}

/// The manifest is missing, or is not one.
fn unreadable(folder: &Path, why: &str) -> Failure {
    let path = folder.join(MANIFEST);
    let is_evidence = path.exists() || FILES.iter().any(|name| folder.join(name).exists());
    if !is_evidence {
        let message = format!("`{}` is not an evidence folder: {why}", folder.display());
        let current_folder = current_folder(folder);
        let help = if current_folder == folder {
            "name the folder that `run` printed; `genesys-purge status RUN` shows it again".to_owned()
        } else {
            format!(
                "`{}` holds the evidence that was there: a process moved it aside and was killed before it had put newer evidence there; \
                 name that folder, or run the same `run` again, which writes the evidence anew",
                current_folder.display()
            )
        };
        return Failure::new(Exit::BadInput, "evidence.none", path.display().to_string(), message, help);
    }
    let message = format!("the evidence does not hold: `{MANIFEST}` is missing or damaged: {why}");
    let help = "restore the folder from a copy; while the ledger is there, the same `run` writes it anew";
    Failure::new(Exit::Doubtful, "evidence.manifest", path.display().to_string(), message, help)
}
