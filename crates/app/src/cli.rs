//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use rialto_core::permissions::Role;

/// A two-way bridge between the systems where you keep your people and the mailings you send them.
#[derive(Parser, Debug)]
#[command(name = "rialto", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// Where the configuration is.
#[derive(Args, Clone, Debug, Default)]
pub struct Configured {
    /// Configuration file [without it: rialto.toml, if there is one]
    #[arg(long, env = "RIALTO_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run Rialto
    Serve(Serve),
    /// Check the configuration, without network
    Check(Configured),
    /// Bring the database's schema up to date
    Migrate(Configured),
    /// Try Rialto with simulated remote systems and invented people
    Demo(Demo),
    /// Run only the simulated remote systems
    Sandbox(Sandbox),
    /// Fill an empty database with invented people, target groups and sync runs
    SampleData(SampleData),
    /// Connections to remote systems
    #[command(subcommand)]
    Bridge(Bridge),
    /// What is told to the remote systems
    #[command(subcommand)]
    Writebacks(Writebacks),
    /// Read the people of a target group from its remote system
    Sync(Sync),
    /// Bring a file of people, or of unsubscribers
    Upload(Upload),
    /// People who use Rialto
    #[command(subcommand)]
    User(User),
    /// Tokens for the HTTP API
    #[command(subcommand)]
    Token(Token),
}

#[derive(Args, Debug)]
pub struct Upload {
    #[command(flatten)]
    pub configured: Configured,
    /// CSV, TSV, text or XLSX
    pub file: PathBuf,
    /// Name of the target group; it is made if there is none of uploads with this name
    #[arg(long, value_name = "NAME", conflicts_with = "evidence")]
    pub group: Option<String>,
    /// Members who are not in the file leave the group, past the trust gate
    #[arg(long, requires = "group")]
    pub replace: bool,
    /// The file holds addresses that are to get no mail any more; say where the list comes from
    #[arg(long = "unsubscribers", value_name = "EVIDENCE")]
    pub evidence: Option<String>,
    /// Only show what would happen
    #[arg(long)]
    pub plan: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct Serve {
    #[command(flatten)]
    pub configured: Configured,
    /// What this process does
    #[arg(long, value_enum, default_value_t = Part::All)]
    pub role: Part,
    /// Address to listen on, instead of http.listen
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
}

/// What one process does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Part {
    /// Pages, API and workers
    All,
    /// Pages and API
    Web,
    /// Workers; listens for health and metrics only if --listen is given
    Worker,
}

#[derive(Args, Debug)]
pub struct Demo {
    /// Folder for the demo's data
    #[arg(long, default_value = ".demo", value_name = "DIR")]
    pub data: PathBuf,
    /// Address to listen on [without it: 127.0.0.1:8080, or a free port if that is taken]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// How many invented people there are
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    pub people: u64,
    /// Systems that get a bridge
    #[arg(long, value_enum, value_delimiter = ',', default_value = "personify360,membersuite,imis", value_name = "KIND")]
    pub systems: Vec<System>,
    /// Walk the whole loop once in a temporary folder, report every step, and end
    #[arg(long)]
    pub once: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// A simulated system.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum System {
    Personify360,
    Membersuite,
    Imis,
}

#[derive(Args, Debug)]
pub struct Sandbox {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:8180", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// How many invented people there are
    #[arg(long, default_value_t = 10_000)]
    pub people: u64,
    /// Same seed, same people
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

#[derive(Args, Debug)]
pub struct SampleData {
    #[command(flatten)]
    pub configured: Configured,
    /// How many people
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(i64).range(1..=100_000_000))]
    pub people: i64,
    /// How many target groups
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    pub groups: i64,
    /// How many sync runs
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(i64).range(1..=10_000_000))]
    pub runs: i64,
}

#[derive(Subcommand, Debug)]
pub enum Bridge {
    /// List the bridges
    List {
        #[command(flatten)]
        configured: Configured,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a bridge
    Add {
        #[command(flatten)]
        configured: Configured,
        /// Kind of remote system, for example personify360
        #[arg(long)]
        kind: String,
        /// Name of the bridge
        #[arg(long)]
        name: String,
        /// One setting, as key=value; may be given several times
        #[arg(long = "setting", value_name = "KEY=VALUE")]
        settings: Vec<String>,
        /// One secret, as key=file; the file holds the value; may be given several times
        #[arg(long = "secret-file", value_name = "KEY=FILE")]
        secret_files: Vec<String>,
        /// Read all secrets from standard input, as a JSON object of texts
        #[arg(long)]
        secrets_stdin: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Sign in to the remote system and look, without changing anything
    Test {
        #[command(flatten)]
        configured: Configured,
        /// Id or name of the bridge
        bridge: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the script that an administrator of the remote system runs once
    SetupScript {
        /// Kind of remote system, for example personify360
        kind: String,
    },
    /// Bring the bridge's lists and fields up to date; people stay as they are
    Refresh {
        #[command(flatten)]
        configured: Configured,
        /// Id or name of the bridge
        bridge: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand, Debug)]
pub enum Writebacks {
    /// List the newest
    List {
        #[command(flatten)]
        configured: Configured,
        /// Id or name of a bridge
        #[arg(long)]
        bridge: Option<String>,
        /// For example error
        #[arg(long, default_value = "")]
        state: String,
        /// For example unsubscribe
        #[arg(long, default_value = "")]
        kind: String,
        /// How many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Try once more what is in Error
    Retry {
        #[command(flatten)]
        configured: Configured,
        /// Id of one writeback
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,
        /// Everything in Error of a bridge
        #[arg(long, requires = "bridge")]
        all: bool,
        /// Id or name of the bridge
        #[arg(long)]
        bridge: Option<String>,
        /// One kind only
        #[arg(long, default_value = "")]
        kind: String,
    },
    /// Give one up, with a reason that stays
    Cancel {
        #[command(flatten)]
        configured: Configured,
        /// Id of the writeback
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

#[derive(Args, Debug)]
pub struct Sync {
    #[command(flatten)]
    pub configured: Configured,
    /// Id, code or name of the target group
    pub target_group: String,
    /// Read and plan only; nothing is changed
    #[arg(long)]
    pub plan: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand, Debug)]
pub enum User {
    /// Add a user
    Add {
        #[command(flatten)]
        configured: Configured,
        /// E-mail address to sign in with
        #[arg(long)]
        email: String,
        /// viewer, marketer, integrator or admin
        #[arg(long, value_parser = role)]
        role: Role,
        /// Read the password from standard input instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Subcommand, Debug)]
pub enum Token {
    /// Make a token; it is printed once and never again
    Create {
        #[command(flatten)]
        configured: Configured,
        /// What the token is for
        #[arg(long)]
        name: String,
        /// viewer, marketer, integrator or admin
        #[arg(long, value_parser = role)]
        role: Role,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

fn role(text: &str) -> Result<Role, String> {
    Role::from_name(text).ok_or_else(|| "must be viewer, marketer, integrator or admin".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
