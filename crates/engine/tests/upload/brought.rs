//! A file brought as a person would: kept, looked at, planned, applied.

use rialto_connectors::upload::{Found, Sniffer, look_at_xlsx};
use rialto_core::run::Trigger;
use rialto_core::upload::{Mapping, UploadMode, Use, guess};
use rialto_store::runs::{self, Run};
use rialto_store::uploads::{self, For, New, Upload, Writer};
use rialto_store::{args, fields};

use crate::world::World;

pub const LIST: For<'static> = For::NewGroup("Fair");

impl World {
    /// Keeps a file; its plan is carried out where the columns explain themselves.
    pub async fn bring(&self, whom: For<'_>, mode: UploadMode, file: &[u8]) -> Upload {
        let who = self.who();
        let mut tx = self.db.write().await.unwrap();
        let id = uploads::begin(&mut tx, New { file_name: "list.csv", whom, mode }, &who).await.unwrap();
        tx.commit().await.unwrap();
        let (mut writer, mut sniffer) = (Writer::new(id), Sniffer::default());
        sniffer.push(file).unwrap();
        writer.push(&self.db, file).await.unwrap();
        writer.finish(&self.db).await.unwrap();
        let found: Found = if sniffer.is_xlsx() { look_at_xlsx(file.to_vec()).unwrap() } else { sniffer.finish().unwrap() };
        let known: Vec<String> = fields::list(self.db.read(), 0).await.unwrap().into_iter().map(|f| f.name).collect();
        let mut mapping = guess(&found.columns, &found.samples, &known);
        if mapping.columns.len() == 1 {
            mapping.columns = vec![Use::Address];
        }
        let text = serde_json::to_string(&found).unwrap();
        let mut tx = self.db.write().await.unwrap();
        uploads::received(&mut tx, id, (file.len() as i64, &text, &found.columns.join(",")), Some(&mapping), &self.who()).await.unwrap();
        tx.commit().await.unwrap();
        self.settle().await;
        uploads::get(self.db.read(), id).await.unwrap().unwrap()
    }

    pub async fn remap(&self, upload: &Upload, mapping: &Mapping) -> Run {
        let mut tx = self.db.write().await.unwrap();
        uploads::map(&mut tx, upload.id, mapping, &self.who()).await.unwrap();
        tx.commit().await.unwrap();
        self.settle().await;
        self.planned(upload).await
    }

    pub async fn planned(&self, upload: &Upload) -> Run {
        uploads::last_runs(&self.db, upload.id).await.unwrap().0.unwrap()
    }

    pub async fn apply(&self, upload: &Upload) -> Run {
        let mut tx = self.db.write().await.unwrap();
        let run = uploads::apply(&mut tx, upload.id, Trigger::Upload, &self.who()).await.unwrap().run_id;
        tx.commit().await.unwrap();
        self.settle().await;
        runs::get(self.db.read(), run).await.unwrap().unwrap()
    }

    /// Brings and applies; the run that did, and the upload as it is then.
    pub async fn upload(&self, whom: For<'_>, mode: UploadMode, file: &[u8]) -> (Run, Upload) {
        let upload = self.bring(whom, mode, file).await;
        let run = self.apply(&upload).await;
        (run, uploads::get(self.db.read(), upload.id).await.unwrap().unwrap())
    }

    pub async fn notes(&self, run: i64, kind: &str) -> Vec<String> {
        let text = "SELECT detail FROM sync_run_note WHERE run_id = $1 AND kind = $2 ORDER BY number";
        self.db.read().all::<(String,)>(text, args![run, kind]).await.unwrap().into_iter().map(|(d,)| d).collect()
    }

    pub async fn number(&self, text: &'static str) -> i64 {
        self.db.read().one::<(i64,)>(text, args![]).await.unwrap().0
    }

    /// Everything about people that an upload could change, as text.
    pub async fn everybody(&self) -> Vec<(i64, i64, String, String, i64)> {
        let text = "SELECT id, bridge_id, remote_id, address, hash FROM subscriber ORDER BY id";
        self.db.read().all(text, args![]).await.unwrap()
    }
}
