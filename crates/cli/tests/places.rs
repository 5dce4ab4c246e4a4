//! Where files are read from and written to, and what is printed if that fails.

#![cfg(test)]

mod common;

use std::fs::{self, File, Permissions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use common::{Bench, Ran, request};
use serde_json::Value;

/// Runs the command as a user who may read the bench but not write to it.
fn run_as_onlooker(bench: &Bench, args: &[&str]) -> Ran {
    let mode = |path: &std::path::Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let program = bench.path("program");
    // Copied by a process of its own. A file that this process had open for writing could be inherited by the child of another
    // test, and could then not be executed.
    let copied = Command::new("cp").args([env!("CARGO_BIN_EXE_genesys-purge").as_ref(), program.as_os_str()]).status();
    assert!(copied.unwrap().success());
    mode(&program, 0o755);
    mode(bench.folder.path(), 0o555);
    mode(&bench.path("genesys-purge-data"), 0o555);
    let mut command = Command::new(&program);
    command.args(args).current_dir(bench.folder.path()).env_clear().stdin(Stdio::null());
    // Permissions do not stop root.
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(65_534).gid(65_534);
    }
    let ran = Ran::of(command.output().unwrap());
    mode(bench.folder.path(), 0o755);
    mode(&bench.path("genesys-purge-data"), 0o755);
    ran
}

#[test]
fn output_that_cannot_be_written_is_a_failure_and_a_reader_who_has_gone_is_none() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    bench.run(&["run", "request.json"]).exits(0);
    let evidence = bench.evidence();
    let verify = ["verify", evidence.to_str().unwrap()];
    let verbs: [&[&str]; 8] = [
        &["--help"],
        &["--version"],
        &["plan", "request.json"],
        &["plan", "request.json", "--json"],
        &["schema", "request"],
        &["status"],
        &["run", "request.json", "--json"],
        &verify,
    ];
    for args in verbs {
        let full = bench.command(args).stdout(File::create("/dev/full").unwrap()).output().unwrap();
        let ran = Ran::of(full).exits(1);
        assert!(ran.stderr.contains("cannot write the output"), "{args:?}: {}", ran.stderr);

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let gone = Ran::of(bench.command(args).stdout(writer).output().unwrap()).exits(0);
        assert!(!gone.stderr.contains("error"), "{args:?}: {}", gone.stderr);
    }
}

#[test]
fn a_plan_file_replaces_nothing_but_a_plan_file() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    bench.file("policy.json", &serde_json::json!({ "version": 1 }));
    let plan = |from: &str, out: &str| bench.run(&["plan", from, "--policy", "policy.json", "--out", out]);
    let before = fs::read(bench.path("request.json")).unwrap();
    for taken in ["request.json", "./request.json", "policy.json", "/dev/null", "."] {
        assert!(plan("request.json", taken).exits(2).stderr.contains("out.taken"), "{taken}");
    }
    assert_eq!(fs::read(bench.path("request.json")).unwrap(), before);
    assert!(plan("request.json", "-").exits(2).stderr.contains("is not a name for a file"));
    assert!(plan("request.json", "nowhere/p.json").exits(2).stderr.contains("file.unwritable"));
    plan("request.json", "p.json").exits(0);
    plan("request.json", "p.json").exits(0);
    assert!(plan("p.json", "p.json").exits(2).stderr.contains("out.taken"));
    bench.run(&["run", "request.json", "--policy", "policy.json"]).exits(0);
    let evidence = bench.evidence();
    let kept = evidence.join("plan.json");
    assert!(plan("request.json", kept.to_str().unwrap()).exits(2).stderr.contains("part of a run's evidence"));
    bench.run(&["verify", evidence.to_str().unwrap()]).exits(0);
}

#[test]
fn a_ledger_that_cannot_be_used_is_bad_input() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    for ledger in ["request.json", "/proc", "request.json/below"] {
        for args in [&["run", "request.json", "--ledger", ledger][..], &["status", "--ledger", ledger]] {
            if args[0] == "status" && ledger == "/proc" {
                continue;
            }
            let ran = bench.run(args).exits(2);
            assert!(
                ran.stderr.contains("ledger.folder") && ran.stderr.contains("permissions"),
                "{args:?}: {}",
                ran.stderr
            );
        }
    }
}

#[test]
fn a_ledger_of_a_newer_program_is_not_damaged() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    bench.run(&["run", "request.json"]).exits(0);
    let file = rusqlite::Connection::open(bench.path("genesys-purge-data/ledger.sqlite3")).unwrap();
    file.pragma_update(None, "user_version", 99).unwrap();
    drop(file);
    for args in [&["run", "request.json"][..], &["status"], &["retry", "run-"]] {
        let said = bench.run(args).exits(2).stderr;
        assert!(said.contains("ledger.newer") && said.contains("use the program that wrote it"), "{said}");
        assert!(!said.contains("restore"), "{said}");
    }
    assert!(run_as_onlooker(&bench, &["status"]).exits(2).stderr.contains("ledger.newer"));
}

#[test]
fn a_ledger_that_may_only_be_read_is_shown_and_not_used() {
    let bench = Bench::new();
    bench.file("request.json", &request(2));
    bench.run(&["run", "request.json"]).exits(0);
    bench.file("other.json", &request(1));
    let shown = bench.run(&["status"]).exits(0).stdout;
    assert!(shown.contains("2 verified"), "{shown}");
    assert_eq!(run_as_onlooker(&bench, &["status"]).exits(0).stdout, shown);
    assert!(run_as_onlooker(&bench, &["status", "run-"]).exits(0).stdout.contains("verified"));
    let ran = run_as_onlooker(&bench, &["run", "other.json"]).exits(2);
    assert!(ran.stderr.contains("ledger.folder"), "{}", ran.stderr);
}

#[test]
fn what_a_run_leaves_is_for_nobody_else_to_look_into_unless_somebody_opens_it() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    let mode = |name: &str| fs::metadata(bench.path(name)).unwrap().mode() & 0o777;
    let run = || bench.run(&["run", "request.json", "--ledger", "a/ledger", "--evidence", "b/proof"]).exits(0);
    run();
    for made in ["a", "a/ledger", "b", "b/proof"] {
        assert_eq!(mode(made), 0o700, "{made}");
    }
    for opened in ["a/ledger", "b/proof"] {
        fs::set_permissions(bench.path(opened), Permissions::from_mode(0o750)).unwrap();
    }
    // Write the evidence anew.
    run();
    assert_eq!((mode("a/ledger"), mode("b/proof")), (0o750, 0o750));
    // A folder that was prepared for the evidence stays as open as it was.
    for (name, open) in [("closed", 0o700), ("shared", 0o770)] {
        fs::create_dir(bench.path(name)).unwrap();
        fs::set_permissions(bench.path(name), Permissions::from_mode(open)).unwrap();
        bench.run(&["run", "request.json", "--ledger", &format!("{name}-ledger"), "--evidence", name]).exits(0);
        assert_eq!(mode(name), open, "{name}");
    }
}

#[test]
fn a_place_for_evidence_that_cannot_be_written_is_noticed_before_anything_is_deleted() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    fs::create_dir(bench.path("genesys-purge-data")).unwrap();
    fs::create_dir(bench.path("mine")).unwrap();
    fs::set_permissions(bench.path("mine"), Permissions::from_mode(0o777)).unwrap();
    let ran =
        run_as_onlooker(&bench, &["run", "request.json", "--ledger", "mine", "--evidence", "genesys-purge-data/proof"]);
    let ran = ran.exits(2);
    assert!(ran.stderr.contains("evidence.folder"), "{}", ran.stderr);
    assert!(!bench.path("mine/simulated").exists(), "something was sent");
}

/// Who may put something into a folder need not be allowed to read it, and what cannot be read cannot be made durable.
#[test]
fn evidence_is_put_into_a_folder_that_may_only_be_written_to() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    fs::create_dir(bench.path("genesys-purge-data")).unwrap();
    for (name, open) in [("mine", 0o777), ("inbox", 0o333)] {
        fs::create_dir(bench.path(name)).unwrap();
        fs::set_permissions(bench.path(name), Permissions::from_mode(open)).unwrap();
    }
    let args = ["run", "request.json", "--ledger", "mine", "--evidence", "inbox/proof"];
    // The second time it replaces what is there.
    for _ in 0..2 {
        run_as_onlooker(&bench, &args).exits(0);
        fs::set_permissions(bench.path("inbox"), Permissions::from_mode(0o777)).unwrap();
        bench.run(&["verify", "inbox/proof"]).exits(0);
        fs::set_permissions(bench.path("inbox"), Permissions::from_mode(0o333)).unwrap();
    }
}

#[test]
fn a_result_whose_evidence_could_not_be_written_is_said_all_the_same() {
    let bench = Bench::new();
    bench.file("request.json", &request(2));
    let args = ["run", "request.json", "--evidence", "there/proof"];
    let mut child = bench.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("chunk 1/2") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0);
    }
    fs::rename(bench.path("there"), bench.path("gone")).unwrap();
    fs::write(bench.path("there"), "").unwrap();
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap()).exits(1);
    assert!(ran.stdout.contains("2 verified") && ran.stdout.contains("could not be written"), "{}", ran.stdout);
    assert!(ran.stdout.contains("sha256:") && rest.contains("evidence.folder"), "{}\n{rest}", ran.stdout);
    // Once it can be written, the same command writes the evidence that was announced.
    fs::remove_file(bench.path("there")).unwrap();
    bench.run(&args).exits(0);
    let verdict = bench.run(&["verify", "there/proof", "--json"]).exits(0);
    let verdict: Value = serde_json::from_str(&verdict.stdout).unwrap();
    assert!(ran.stdout.contains(verdict["evidenceDigest"].as_str().unwrap()));
}

#[test]
fn evidence_goes_where_a_link_leads_and_the_link_stays() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    fs::create_dir_all(bench.path("disk/proof")).unwrap();
    symlink("disk/proof", bench.path("link")).unwrap();
    for named in ["link", "link/"] {
        bench.run(&["run", "request.json", "--evidence", named]).exits(0);
        assert!(bench.path("link").is_symlink());
        bench.run(&["verify", "disk/proof"]).exits(0);
        fs::remove_dir_all(bench.path("disk/proof")).unwrap();
        fs::create_dir(bench.path("disk/proof")).unwrap();
    }
    // It goes to the folder that was given before, even if that is not given again.
    bench.run(&["run", "request.json"]).exits(0);
    assert!(bench.path("link").is_symlink());
    bench.run(&["verify", "disk/proof"]).exits(0);
}

#[test]
fn a_place_in_which_evidence_could_never_be_put_is_refused_before_anything_is_deleted() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    symlink("nowhere/at/all", bench.path("dangling")).unwrap();
    let inner = ["genesys-purge-data/locks", "./genesys-purge-data/simulated/", "genesys-purge-data/evidence"];
    for folder in [&["dangling"], &inner[..]].concat() {
        let ran = bench.run(&["run", "request.json", "--evidence", folder]).exits(2);
        assert!(ran.stderr.contains("evidence.folder"), "{folder}: {}", ran.stderr);
    }
    // A mount cannot be replaced. A folder beside it is on another file system or may not be made; one inside it can.
    let ran = bench.run(&["run", "request.json", "--evidence", "/dev/shm"]).exits(2);
    assert!(ran.stderr.contains("give `--evidence /dev/shm/run-"), "{}", ran.stderr);
    assert!(!bench.path("genesys-purge-data/simulated").exists(), "something was sent");
    assert_eq!(bench.run(&["status"]).exits(0).stdout.lines().count(), 1, "nothing was noted");
}

#[test]
fn a_place_that_is_remembered_and_cannot_be_written_any_more_gives_way_to_another() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    bench.run(&["run", "request.json", "--evidence", "there/proof"]).exits(0);
    fs::remove_dir_all(bench.path("there")).unwrap();
    fs::write(bench.path("there"), "").unwrap();
    let ran = bench.run(&["run", "request.json"]).exits(2);
    assert!(ran.stderr.contains("give `--evidence` a folder of its own; it is remembered"), "{}", ran.stderr);
    bench.run(&["run", "request.json", "--evidence", "elsewhere"]).exits(0);
    bench.run(&["run", "request.json"]).exits(0);
    bench.run(&["verify", "elsewhere"]).exits(0);
}
