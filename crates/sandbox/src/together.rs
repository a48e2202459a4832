//! All simulated systems behind one address: Personify360 at its root, the others below a folder of their own.

use std::io;
use std::net::Ipv4Addr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::personify360::Options;
use crate::{imis, loyalty, membersuite, personify360};

/// One of each, with the same seed and clock: the same invented people may be known to several.
#[derive(Clone)]
pub struct Together {
    /// Personify360.
    pub personify360: personify360::Sandbox,
    /// MemberSuite.
    pub membersuite: membersuite::Sandbox,
    /// iMIS.
    pub imis: imis::Sandbox,
    /// The loyalty system.
    pub loyalty: loyalty::Sandbox,
}

impl Together {
    /// All of them with so many people each.
    pub fn new(options: Options) -> Self {
        let (people, seed, now) = (options.people, options.seed, options.now.clone());
        // A receiver may know numbers of an earlier life: these are higher, as long as no member changes a thousand times a second.
        let first_sequence = u64::try_from(now().as_millisecond()).unwrap_or(0);
        Self {
            personify360: personify360::Sandbox::new(options),
            membersuite: membersuite::Sandbox::new(membersuite::Options { people, seed, now: now.clone(), ..Default::default() }),
            imis: imis::Sandbox::new(imis::Options { people, seed, now: now.clone(), ..Default::default() }),
            loyalty: loyalty::Sandbox::new(loyalty::Options { people, seed, first_sequence, now, ..Default::default() }),
        }
    }

    /// The routes of all.
    pub fn router(&self) -> Router {
        self.personify360.router().merge(self.membersuite.router()).merge(self.imis.router()).merge(self.loyalty.router())
    }
}

/// Serves them until `shutdown` ends.
pub async fn serve_all(listener: TcpListener, all: Together, shutdown: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    axum::serve(listener, all.router()).with_graceful_shutdown(shutdown).await
}

/// All of them being served; they stop when this is dropped.
pub struct Served {
    /// Where they answer, for example `http://127.0.0.1:40001`.
    pub base_url: String,
    /// The systems.
    pub all: Together,
    task: JoinHandle<io::Result<()>>,
}

impl Served {
    /// Address of Personify360's data service.
    pub fn personify360(&self) -> String {
        format!("{}{}", self.base_url, self.all.personify360.options().root)
    }

    /// Address of MemberSuite's service.
    pub fn membersuite(&self) -> String {
        format!("{}{}", self.base_url, self.all.membersuite.options().root)
    }

    /// Address of the loyalty system's pages.
    pub fn loyalty(&self) -> String {
        format!("{}{}", self.base_url, loyalty::ROOT)
    }

    /// Address of the iMIS site.
    pub fn imis(&self) -> String {
        format!("{}{}", self.base_url, imis::ROOT)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves them on a free port of this machine.
pub async fn start_all(options: Options) -> io::Result<Served> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let base_url = format!("http://{}", listener.local_addr()?);
    let all = Together::new(options);
    let task = tokio::spawn(serve_all(listener, all.clone(), std::future::pending()));
    Ok(Served { base_url, all, task })
}
