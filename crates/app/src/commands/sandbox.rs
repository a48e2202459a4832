//! `rialto sandbox`: only the simulated remote systems.

use std::process::ExitCode;
use std::sync::Arc;

use rialto_sandbox::{Options, Sandbox, Together, imis, loyalty};

use crate::{clock, config, observe, serve};

pub async fn run(args: &crate::cli::Sandbox) -> anyhow::Result<ExitCode> {
    observe::log(&config::Config::default());
    let options = options(args.people, args.seed);
    let listener = serve::bind(args.listen).await?;
    let stop = serve::on_signal()?;
    let address = listener.local_addr()?;
    let base = format!("http://{address}");
    println!("Personify360 sandbox: {}", about(&base, &options));
    let all = Together::new(options);
    let keys = all.membersuite.options();
    println!("MemberSuite sandbox:  {base}{}", keys.root);
    println!("  association {}, access key {}, secret {}", keys.association_id, keys.access_key_id, keys.secret_access_key);
    println!("  overview and faults: {base}/membersuite/");
    let site = all.imis.options();
    println!("iMIS sandbox:         {base}{}", imis::ROOT);
    println!("  user name {}, password {}\n  overview and faults: {base}/imis/", site.user, site.password);
    println!("Loyalty system:       {base}{}/\n  members, what is shared of them, where it is published, load and faults", loyalty::ROOT);
    freshen(&all.personify360);
    let serving = async { Ok(rialto_sandbox::serve_all(listener, all, stop.clone().cancelled_owned()).await?) };
    serve::drained(serving, &stop).await?;
    Ok(ExitCode::SUCCESS)
}

fn about(base: &str, options: &Options) -> String {
    format!("{base}{}\n  user name {}, password {}\n  overview and faults: {base}/", options.root, options.user, options.password)
}

/// A sandbox by the system's clock.
pub fn options(people: u64, seed: u64) -> Options {
    Options { people, seed, now: Arc::new(clock::timestamp), ..Options::default() }
}

/// Generates the active lists anew, so that their data is as old as this process.
pub fn freshen(sandbox: &Sandbox) {
    for list in sandbox.lists().iter().filter(|l| l.active) {
        sandbox.regenerate(&list.code);
    }
}
