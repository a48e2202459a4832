//! The rules of MKT510 and MKT600, and when they run.

use rialto_sandbox::{Frequency, JobError, JobRun, NewJob, Outcome, Pattern, Process, Sandbox, Selection, Who};
use serde_json::{Value, json};

use crate::clock::{at, watched};
use crate::support::Client;

fn mkt600(setup_code: Frequency) -> Process {
    Process::Mkt600 { setup_code, list_code: None }
}

fn only(setup_code: Frequency, list: &str) -> Process {
    Process::Mkt600 { setup_code, list_code: Some(list.into()) }
}

fn mkt510(list: &str) -> Process {
    Process::Mkt510 { list_code: list.into() }
}

fn job(process: Process, pattern: Pattern) -> NewJob {
    NewJob { process, pattern, begin: None, end: None }
}

/// The lists of a run with this outcome, in the order of its log.
fn of(run: &JobRun, outcome: Outcome) -> Vec<&str> {
    run.log.iter().filter(|line| line.outcome == outcome).filter_map(|line| line.list.as_deref()).collect()
}

/// A process, and the lists that it regenerates, skips and refuses.
type OfRun = (Process, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

/// Pattern, begin, end, how long the clock runs, and the occurrences until then.
type Schedule = (Pattern, &'static str, Option<&'static str>, &'static str, &'static [&'static str]);

fn starts(sandbox: &Sandbox) -> Vec<String> {
    let mut starts: Vec<String> = sandbox.job_runs().iter().map(|run| run.started.to_string()).collect();
    starts.reverse();
    starts
}

#[test]
fn a_set_up_code_takes_its_lists_and_those_with_always() {
    let cases: &[OfRun] = &[
        (mkt600(Frequency::Daily), &["ALL_MEMBERS", "BOARD", "LAPSED", "NEWSLETTER", "REGION_WEST"], &["EMPTY_LIST"], &[]),
        (mkt600(Frequency::Weekly), &["BOARD", "CONFERENCE"], &[], &[]),
        (mkt600(Frequency::Quarterly), &["BOARD"], &[], &[]),
        (mkt600(Frequency::Always), &["BOARD"], &[], &[]),
        (only(Frequency::Daily, "NEWSLETTER"), &["BOARD", "NEWSLETTER"], &[], &[]),
        (only(Frequency::Weekly, "NEWSLETTER"), &["BOARD"], &[], &["NEWSLETTER"]),
        (only(Frequency::Never, "OLD_APPEAL"), &[], &[], &["OLD_APPEAL"]),
        (only(Frequency::Weekly, "BOARD"), &["BOARD"], &[], &[]),
        (only(Frequency::Daily, "EMPTY_LIST"), &["BOARD"], &["EMPTY_LIST"], &[]),
        (only(Frequency::Daily, "NO_SUCH"), &["BOARD"], &[], &["NO_SUCH"]),
    ];
    for (process, regenerated, skipped, refused) in cases {
        let (sandbox, watch) = watched(400);
        let before = sandbox.lists();
        let run = sandbox.run_process(process.clone());
        assert_eq!(of(&run, Outcome::Regenerated), *regenerated, "{process:?}");
        assert_eq!(of(&run, Outcome::Skipped), *skipped, "{process:?}");
        assert_eq!(of(&run, Outcome::Refused), *refused, "{process:?}");
        assert_eq!((run.regenerated, run.left), (regenerated.len() as u64, (skipped.len() + refused.len()) as u64));
        for (was, is) in before.iter().zip(sandbox.lists()) {
            let touched = regenerated.contains(&is.code.as_str());
            let expected = if touched { watch.now() } else { was.last_refreshed };
            assert_eq!((is.last_refreshed, is.member_count), (expected, was.member_count), "{}: {process:?}", is.code);
        }
        for line in run.log.iter().filter(|line| line.outcome == Outcome::Regenerated) {
            assert_eq!(line.members, sandbox.list(line.list.as_deref().unwrap()).map(|list| list.member_count));
        }
    }
}

#[test]
fn mkt510_comes_first_and_once() {
    let (sandbox, watch) = watched(400);
    assert!(sandbox.define_list("WEST_NEW", "West, new", Selection::West, Frequency::Weekly));
    assert!(sandbox.define_list("INVITED", "Invited", Selection::Nobody, Frequency::Weekly));
    let run = sandbox.run_process(mkt600(Frequency::Weekly));
    assert_eq!(of(&run, Outcome::Skipped), ["INVITED", "WEST_NEW"]);
    assert!(run.log.iter().any(|line| line.text.contains("MKT510 has not created")), "{run:?}");
    let status = sandbox.list_status("WEST_NEW").unwrap();
    assert_eq!((status.created, status.last_regenerated, status.members), (false, None, 0));
    watch.pass(1);
    let run = sandbox.run_process(mkt510("WEST_NEW"));
    assert_eq!(of(&run, Outcome::Created), ["WEST_NEW"]);
    let status = sandbox.list_status("WEST_NEW").unwrap();
    assert_eq!((status.created, status.last_regenerated), (true, Some(watch.now())));
    assert_eq!(status.members, sandbox.list("REGION_WEST").unwrap().member_count);
    // No rows: not created, and MKT600 still leaves it.
    let run = sandbox.run_process(mkt510("INVITED"));
    assert_eq!((of(&run, Outcome::Skipped), run.regenerated), (vec!["INVITED"], 0));
    assert!(!sandbox.list_status("INVITED").unwrap().created);
    sandbox.qualify("INVITED", &Who::First(4), true);
    assert_eq!(of(&sandbox.run_process(mkt600(Frequency::Weekly)), Outcome::Skipped), ["INVITED"]);
    assert_eq!(sandbox.list("INVITED").unwrap().member_count, 0);
    assert_eq!(of(&sandbox.run_process(mkt510("INVITED")), Outcome::Created), ["INVITED"]);
    assert_eq!(sandbox.list("INVITED").unwrap().member_count, 4);
    // The second time changes nothing.
    watch.pass(1);
    sandbox.qualify("INVITED", &Who::First(2), true);
    assert_eq!(of(&sandbox.run_process(mkt510("INVITED")), Outcome::Skipped), ["INVITED"]);
    assert_eq!(sandbox.list("INVITED").unwrap().member_count, 4);
    assert_eq!(of(&sandbox.run_process(mkt510("NO_SUCH")), Outcome::Refused), ["NO_SUCH"]);
    let run = sandbox.run_process(mkt600(Frequency::Weekly));
    assert_eq!(of(&run, Outcome::Regenerated), ["BOARD", "CONFERENCE", "INVITED", "WEST_NEW"]);
    assert_eq!(sandbox.list("INVITED").unwrap().member_count, 6);
}

#[test]
fn occurrences_by_pattern() {
    let cases: &[Schedule] = &[
        // Defined on 2 March at 08:00.
        (Pattern::Once, "2026-03-02T09:00:00Z", None, "2026-04-01T00:00:00Z", &["2026-03-02T09:00:00Z"]),
        (Pattern::Once, "2026-03-01T09:00:00Z", None, "2026-04-01T00:00:00Z", &["2026-03-02T08:00:00Z"]),
        (
            Pattern::Minutes(30),
            "2026-03-02T08:10:00Z",
            None,
            "2026-03-02T09:10:00Z",
            &["2026-03-02T08:10:00Z", "2026-03-02T08:40:00Z", "2026-03-02T09:10:00Z"],
        ),
        (Pattern::Minutes(30), "2026-03-02T07:50:00Z", Some("2026-03-02T08:20:00Z"), "2026-03-05T00:00:00Z", &["2026-03-02T08:20:00Z"]),
        (Pattern::Daily, "2026-03-02T07:00:00Z", Some("2026-03-04T06:59:59Z"), "2026-03-20T00:00:00Z", &["2026-03-03T07:00:00Z"]),
        (
            Pattern::Weekly,
            "2026-03-04T01:00:00Z",
            None,
            "2026-03-18T01:00:00Z",
            &["2026-03-04T01:00:00Z", "2026-03-11T01:00:00Z", "2026-03-18T01:00:00Z"],
        ),
        (
            Pattern::Monthly,
            "2026-01-31T12:00:00Z",
            Some("2026-05-30T12:00:00Z"),
            "2026-12-01T00:00:00Z",
            &["2026-03-31T12:00:00Z", "2026-04-30T12:00:00Z"],
        ),
        (Pattern::Daily, "2026-03-10T07:00:00Z", None, "2026-03-10T06:59:59Z", &[]),
        (Pattern::Daily, "2026-02-01T07:00:00Z", Some("2026-03-01T07:00:00Z"), "2026-03-10T00:00:00Z", &[]),
    ];
    for (pattern, begin, end, until, expected) in cases {
        let (sandbox, watch) = watched(50);
        let new = NewJob { begin: Some(at(begin)), end: end.map(at), ..job(mkt600(Frequency::Weekly), *pattern) };
        let made = sandbox.add_job(new).unwrap();
        if let Some(first) = expected.first() {
            assert_eq!(made.next, Some(at(first)), "{pattern:?} from {begin}");
        }
        watch.to(until);
        assert_eq!(starts(&sandbox), *expected, "{pattern:?} from {begin}");
        assert!(sandbox.job_runs().iter().all(|run| run.scheduled && run.job == Some(made.id)));
        let refreshed = sandbox.list("CONFERENCE").unwrap().last_refreshed;
        if let Some(last) = expected.last() {
            assert_eq!(refreshed, at(last), "{pattern:?} from {begin}");
        }
        let next = sandbox.jobs()[0].next;
        assert!(next.is_none_or(|next| next > at(until)), "{pattern:?}: {next:?}");
        assert_eq!(starts(&sandbox).len(), expected.len(), "looking again runs nothing again");
    }
}

#[test]
fn what_happens_before_an_occurrence_counts_and_what_happens_after_waits() {
    let (sandbox, watch) = watched(300);
    let begin = Some(at("2026-03-02T09:00:00Z"));
    sandbox.add_job(NewJob { begin, ..job(mkt600(Frequency::Daily), Pattern::Daily) }).unwrap();
    watch.to("2026-03-02T08:59:00Z");
    sandbox.qualify("NEWSLETTER", &Who::First(2), false);
    watch.to("2026-03-02T10:00:00Z");
    // Nobody looked since nine o'clock: this edit must still come too late.
    sandbox.qualify("NEWSLETTER", &Who::First(5), false);
    let status = sandbox.list_status("NEWSLETTER").unwrap();
    assert_eq!((status.last_regenerated, status.leaving, status.entering), (begin, 5, 0));
    watch.to("2026-03-03T09:00:00Z");
    let later = sandbox.list_status("NEWSLETTER").unwrap();
    assert_eq!((later.members, later.leaving), (status.members - 5, 0));
}

#[test]
fn a_long_sleep_is_made_up_for_in_few_runs() {
    let (sandbox, watch) = watched(50);
    sandbox.add_job(job(mkt600(Frequency::Weekly), Pattern::Minutes(1))).unwrap();
    watch.to("2031-03-02T08:00:30Z");
    let runs = sandbox.job_runs();
    assert!((2..=25).contains(&runs.len()), "{}", runs.len());
    assert_eq!(runs[0].started, at("2031-03-02T08:00:00Z"));
    let first = &runs.last().unwrap().log[0];
    assert!(first.outcome == Outcome::Note && first.text.contains("passed over"), "{first:?}");
    assert_eq!(sandbox.list("CONFERENCE").unwrap().last_refreshed, at("2031-03-02T08:00:00Z"));
}

#[test]
fn jobs_that_do_not_fit_are_refused() {
    let (sandbox, watch) = watched(50);
    let add = |process, pattern| sandbox.add_job(job(process, pattern)).unwrap_err();
    assert_eq!(add(mkt600(Frequency::Never), Pattern::Daily), JobError::NeverRuns);
    assert_eq!(add(mkt510("NO_SUCH"), Pattern::Once), JobError::NoList("NO_SUCH".into()));
    assert!(matches!(add(only(Frequency::Weekly, "NEWSLETTER"), Pattern::Daily), JobError::OtherFrequency { .. }));
    assert_eq!(add(mkt600(Frequency::Daily), Pattern::Minutes(0)), JobError::Minutes);
    assert_eq!(add(mkt600(Frequency::Daily), Pattern::Minutes(50_000)), JobError::Minutes);
    let backwards = NewJob { end: Some(at("2026-03-01T00:00:00Z")), ..job(mkt600(Frequency::Daily), Pattern::Daily) };
    assert_eq!(sandbox.add_job(backwards).unwrap_err(), JobError::EndsFirst);
    assert!(sandbox.jobs().is_empty());
    let run = sandbox.run_process(mkt600(Frequency::Never));
    assert_eq!((run.regenerated, run.left, run.log[0].outcome), (0, 1, Outcome::Refused));
    // A list whose frequency is changed later is refused by the run.
    let made = sandbox.add_job(job(only(Frequency::Daily, "NEWSLETTER"), Pattern::Daily)).unwrap();
    sandbox.set_frequency("NEWSLETTER", Frequency::Monthly);
    watch.pass(1);
    let run = sandbox.run_job(made.id).unwrap();
    assert_eq!((of(&run, Outcome::Refused), of(&run, Outcome::Regenerated)), (vec!["NEWSLETTER"], vec!["BOARD"]));
    assert!(sandbox.delete_job(made.id) && !sandbox.delete_job(made.id));
    assert!(sandbox.run_job(made.id).is_none());
    for _ in 0..200 {
        sandbox.add_job(job(mkt600(Frequency::Daily), Pattern::Weekly)).unwrap();
    }
    assert_eq!(sandbox.add_job(job(mkt600(Frequency::Daily), Pattern::Daily)).unwrap_err(), JobError::TooMany);
}

#[test]
fn two_jobs_at_the_same_time_on_the_same_list() {
    let (sandbox, watch) = watched(2_000);
    for _ in 0..2 {
        sandbox.add_job(job(mkt600(Frequency::Daily), Pattern::Minutes(10))).unwrap();
    }
    watch.pass(5);
    assert_eq!(sandbox.job_runs().len(), 2, "both had an occurrence at once");
    let edits = || {
        for n in 0..60 {
            sandbox.qualify("NEWSLETTER", &Who::First(1), n % 2 == 0);
        }
    };
    let look = || {
        for _ in 0..60 {
            let (list, members) = (sandbox.list("NEWSLETTER").unwrap(), sandbox.list_members("NEWSLETTER").len());
            // The list may be regenerated between the two looks; it moves by few.
            assert!(list.member_count.abs_diff(members as u64) <= 60);
        }
    };
    let run = |id: u64| (0..30).for_each(|_| drop(sandbox.run_job(id).unwrap()));
    std::thread::scope(|scope| {
        scope.spawn(|| run(1));
        scope.spawn(|| run(2));
        scope.spawn(edits);
        scope.spawn(look);
    });
    let runs = sandbox.job_runs();
    assert_eq!(runs.len(), 62);
    let numbers: std::collections::BTreeSet<u64> = runs.iter().map(|run| run.id).collect();
    assert_eq!(numbers.len(), 62);
    assert!(runs.iter().all(|run| of(run, Outcome::Regenerated).contains(&"NEWSLETTER") && run.regenerated == 5));
    sandbox.run_job(1);
    let list = sandbox.list("NEWSLETTER").unwrap();
    assert_eq!(list.member_count, sandbox.list_members("NEWSLETTER").len() as u64);
    assert_eq!(sandbox.list_status("NEWSLETTER").map(|s| (s.entering, s.leaving)), Some((0, 0)));
}

#[tokio::test]
async fn the_admin_routes_define_run_and_show() {
    let (sandbox, watch) = watched(300);
    let client = Client { router: sandbox.router(), sandbox: sandbox.clone() };
    let post = async |path: &str, body: Value| client.json("POST", path, body).await;
    let list = json!({"code": "WEST_NEW", "name": "West", "selection": "west", "frequency": "WEEKLY"});
    assert_eq!(post("/admin/lists", list.clone()).await.0, 201);
    assert_eq!(post("/admin/lists", list).await.0, 409);
    let status = client.json("GET", "/admin/lists/WEST_NEW/status", Value::Null).await.1;
    assert_eq!((&status["created"], &status["last_regenerated"]), (&json!(false), &Value::Null));
    let made = post("/admin/jobs/run", json!({"process": "MKT510", "list_code": "WEST_NEW"})).await;
    assert_eq!((made.0, &made.1["log"][0]["outcome"]), (200, &json!("created")));
    let weekly = json!({"process": "MKT600", "setup_code": "WEEKLY", "pattern": {"minutes": 15}, "end": "2026-03-02T09:00:00Z"});
    let (status, job) = post("/admin/jobs", weekly).await;
    assert_eq!((status, &job["next"]), (201, &json!("2026-03-02T08:00:00Z")));
    assert_eq!(post("/admin/lists/WEST_NEW/qualify", json!({"member": false, "count": 2})).await.1["will_leave"], 2);
    let run = post("/admin/jobs/1/run", Value::Null).await.1;
    assert_eq!((&run["setup_code"], &run["regenerated"], &run["scheduled"]), (&json!("WEEKLY"), &json!(3), &json!(false)));
    watch.pass(600);
    let runs = client.json("GET", "/admin/job-runs", Value::Null).await.1;
    assert_eq!(runs.as_array().unwrap().len(), 2 + 5);
    assert_eq!(client.json("GET", "/admin/job-runs/1", Value::Null).await.1["process"], "MKT510");
    assert_eq!(client.json("GET", "/admin/job-runs/99", Value::Null).await.0, 404);
    assert_eq!(client.json("PATCH", "/admin/lists/WEST_NEW", json!({"frequency": "NEVER"})).await.1["regeneration_frequency"], "NEVER");
    for bad in [
        json!({"process": "MKT600", "setup_code": "HOURLY", "pattern": "daily"}),
        json!({"process": "MKT600", "pattern": "daily"}),
        json!({"process": "MKT700", "pattern": "daily"}),
        json!({"process": "MKT510", "list_code": "NEWSLETTER"}),
        json!({"process": "MKT600", "setup_code": "DAILY", "list_code": "WEST_NEW", "pattern": "daily"}),
        json!({"process": "MKT600", "setup_code": "DAILY", "pattern": {"minutes": -1}}),
        json!({"process": "MKT600", "setup_code": "DAILY", "pattern": "daily", "odd": 1}),
    ] {
        let status = post("/admin/jobs", bad.clone()).await.0;
        assert!((400..500).contains(&status), "{status} {bad}");
    }
    assert_eq!(client.json("DELETE", "/admin/jobs/1", Value::Null).await.0, 204);
    assert_eq!(client.json("GET", "/admin/jobs", Value::Null).await.1, json!([]));
    let (_, person) = post("/admin/people", json!({"first_name": "Nerith", "last_name": "Ashgrove", "allow_email": true})).await;
    assert_eq!(person["allow_email"], false, "without Allow Solicitation there is no e-mail");
    assert_eq!(post("/admin/people", json!({"first_name": "x".repeat(41), "last_name": "Ashgrove"})).await.0, 400);
}
