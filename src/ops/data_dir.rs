//! The data directory: where a node's keys, record, guard, index and configuration lie.
//!
//! ```text
//! D/gongshi.toml   configuration            D/keys/     signing.pem, transport.pem (0600)
//! D/record/        what was acknowledged    D/anchor/   anchor.pem (0600; at the root; keep it offline)
//! D/guard          highest checkpoints      D/index/    rebuilt from the record when it is lost
//! D/lock           the running process      D/control.sock
//! D/ballast        room set aside, given back when the disk is full
//! D/*.damaged-*    records and indexes that were damaged, set aside for people to look at; an erasure removes them, with
//!                  the next start
//! ```

use super::engine::{Engine, EngineError};
use super::private::open_to_others;
use super::short::read_short;
use crate::record::{DirLock, FileRecord, Guard, GuardError, LockError, RecordError, Room, room};
use crate::store::{SledStore, Store};
use crate::time::{Now, WallMs};
use crate::trust::key::{KeyError, PublicKey, SecretKey};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// The key that signs.
const SIGNING: &str = "keys/signing.pem";
/// The key that a rotation goes to.
const NEXT_SIGNING: &str = "keys/signing-next.pem";

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Nothing was founded or joined here.
    #[error("{}: 尚未初始化，请先运行 gongshi init 或 gongshi join / not initialised: run gongshi init or gongshi join first", .0.display())]
    NotInitialised(PathBuf),
    /// Something stands here already.
    #[error("{}: 已有节点，不能再次初始化 / a node is here already", .0.display())]
    AlreadyThere(PathBuf),
    /// Another process has the directory.
    #[error("数据目录被另一进程占用（PID {}）/ another process holds the data directory (pid {})", pid.map_or_else(|| "?".into(), |p| p.to_string()), pid.map_or_else(|| "?".into(), |p| p.to_string()))]
    Locked {
        /// The other process, if it wrote its number.
        pid: Option<u32>,
    },
    /// A key file is readable by others, or is not a key.
    #[error("{}: {why}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Another version of this program wrote the directory.
    #[error("{}: 格式为 {found}，此版本读 {reads}：请安装写入它的版本或更新的版本 / written in {found}, this version reads {reads}: install the version that wrote it, or a later one", path.display())]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: String,
        /// What this program reads.
        reads: &'static str,
    },
    /// The store is damaged and could not be rebuilt.
    #[error("存储损坏：{0} / the store is damaged: {0}")]
    Damaged(String),
    /// The disk is so full that the node cannot even be opened.
    #[error("磁盘已满 / the disk is full")]
    Full,
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// A data directory: its path, and the bytes of its disk that new work leaves free; 0 stands for the usual.
#[derive(Clone, Debug)]
pub struct DataDir(pub(super) PathBuf, pub(super) u64);

/// A data directory that this process holds.
pub struct Opened {
    /// The node.
    pub engine: Engine,
    /// The transport key.
    pub transport: SecretKey,
    /// Released when the process ends.
    pub lock: DirLock,
}

/// Reads both clocks: the one place of the program that does.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that starts now.
    #[allow(clippy::disallowed_methods, reason = "the edge where time enters")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Now.
    #[allow(clippy::disallowed_methods, reason = "the edge where time enters")]
    pub fn now(&self) -> Now {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let wall = WallMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        Now { wall, steady_ms: u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX) }
    }
}

/// 32 random bytes from the operating system.
///
/// # Errors
/// When the operating system has none, which no program can repair.
#[allow(clippy::disallowed_methods, reason = "the edge where randomness enters")]
pub fn random_seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(seed)
}

impl DataDir {
    /// The directory at `path`; nothing is touched.
    pub fn new(path: &Path) -> Self {
        Self(path.to_path_buf(), 0)
    }
    /// The same directory with another floor, in bytes.
    #[must_use]
    pub fn with_floor(self, floor: u64) -> Self {
        Self(self.0, floor)
    }
    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }
    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.0.join(crate::config::FILE_NAME)
    }
    /// The socket's file name inside the directory.
    pub const SOCKET: &'static str = "control.sock";

    /// Bundles that wait for an earlier one.
    pub fn waiting(&self) -> PathBuf {
        self.0.join("waiting")
    }

    /// True when a node was founded or enrolled here.
    pub fn is_initialised(&self) -> bool {
        self.0.join("record").join("facts").is_dir() || self.is_half_healed()
    }

    /// Creates the directory and takes it, for `init` and `join`.
    ///
    /// # Errors
    /// [`DataDirError::AlreadyThere`], [`DataDirError::Locked`], [`DataDirError::Io`].
    pub fn begin(&self) -> Result<DirLock, DataDirError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0).map_err(|e| self.io("", e))?;
        let lock = self.lock()?;
        if self.is_initialised() {
            return Err(DataDirError::AlreadyThere(self.0.clone()));
        }
        for name in ["keys", "anchor"] {
            let dir = self.0.join(name);
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| self.io(name, e))?;
        }
        Ok(lock)
    }

    pub(super) fn lock(&self) -> Result<DirLock, DataDirError> {
        DirLock::acquire(&self.0).map_err(|error| match error {
            LockError::Held { pid } => DataDirError::Locked { pid },
            LockError::Io(error) => self.io("lock", error),
        })
    }

    /// Writes a configuration file.
    ///
    /// # Errors
    /// [`DataDirError::Io`].
    pub fn write_config(&self, text: &str) -> Result<(), DataDirError> {
        fs::write(self.config(), text).map_err(|e| self.io(crate::config::FILE_NAME, e))
    }

    /// The key of a file under the directory, made and written (0600) if it is not there.
    ///
    /// # Errors
    /// [`DataDirError::Key`], [`DataDirError::Io`].
    pub fn key(&self, name: &str, create: bool) -> Result<SecretKey, DataDirError> {
        let path = self.0.join(name);
        match fs::metadata(&path) {
            Ok(metadata) => {
                if let Some(why) = open_to_others(&path, &metadata) {
                    return Err(DataDirError::Key { path, why: why.to_owned() });
                }
                let pem = zeroize::Zeroizing::new(read_short(&path).map_err(|e| self.io(name, e))?);
                SecretKey::from_pkcs8_pem(&pem)
                    .map_err(|error| DataDirError::Key { path, why: error.to_string() })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && create => {
                let seed = zeroize::Zeroizing::new(random_seed().map_err(|e| self.io(name, e))?);
                let secret = SecretKey::from_seed(&seed);
                let broken =
                    |error: KeyError| DataDirError::Key { path: path.clone(), why: error.to_string() };
                let pem = secret.to_pkcs8_pem().map_err(broken)?;
                let mut options = fs::OpenOptions::new();
                let file = options.write(true).create_new(true).mode(0o600).open(&path);
                let mut file = file.map_err(|e| self.io(name, e))?;
                file.write_all(pem.as_bytes())
                    .and_then(|()| file.sync_all())
                    .map_err(|e| self.io(name, e))?;
                Ok(secret)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let why = "没有密钥文件，请放回密钥后重试 / the key file is not there: put it back".into();
                Err(DataDirError::Key { path, why })
            }
            Err(error) => Err(self.io(name, error)),
        }
    }

    /// The signing key, and the one that a rotation goes to, if there is one.
    pub(super) fn signing_keys(&self) -> Result<Vec<SecretKey>, DataDirError> {
        let mut keys = vec![self.key(SIGNING, false)?];
        if self.0.join(NEXT_SIGNING).exists() {
            keys.push(self.key(NEXT_SIGNING, false)?);
        }
        Ok(keys)
    }

    /// A new signing key to rotate to, written beside the one in use; an unused one from before is dropped.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn next_key(&self) -> Result<SecretKey, DataDirError> {
        match fs::remove_file(self.0.join(NEXT_SIGNING)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.io(NEXT_SIGNING, error)),
            _ => self.key(NEXT_SIGNING, true),
        }
    }

    /// Puts the new signing key in the old one's place, once the record says that it is in use.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn promote_key(&self, in_use: &PublicKey) -> Result<(), DataDirError> {
        let next = self.0.join(NEXT_SIGNING);
        if next.exists() && self.key(NEXT_SIGNING, false)?.public() == *in_use {
            fs::rename(next, self.0.join(SIGNING)).map_err(|e| self.io(SIGNING, e))?;
            let dir = fs::File::open(self.0.join("keys")).map_err(|e| self.io("keys", e))?;
            dir.sync_all().map_err(|e| self.io("keys", e))?;
        }
        Ok(())
    }

    /// The keepers of a new node.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn create_keepers(&self) -> Result<(FileRecord, Guard, Arc<dyn Store>), DataDirError> {
        // The guard comes first: a record without a guard would be a node that has forgotten what it signed.
        let guard = match Guard::create(&self.0.join("guard")) {
            Err(GuardError::AlreadyThere(_)) => Guard::open(&self.0.join("guard")),
            other => other,
        };
        let guard = guard.map_err(|e| DataDirError::Damaged(e.to_string()))?;
        let record = FileRecord::create(&self.0.join("record")).map_err(|e| self.record_error(e))?;
        let record = record.with_floor(self.1);
        let store =
            SledStore::open(&self.0.join("index")).map_err(|e| DataDirError::Damaged(e.to_string()))?;
        Ok((record, guard, Arc::new(store)))
    }

    /// Takes the directory and opens the node in it. An index that will not open, or does not fit the record,
    /// is set aside and rebuilt.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn open(&self, now: Now) -> Result<Opened, DataDirError> {
        if !self.is_initialised() {
            return Err(DataDirError::NotInitialised(self.0.clone()));
        }
        let lock = self.lock()?;
        self.finish_healing()?;
        super::format::check(&self.0)?;
        let transport = self.key("keys/transport.pem", false)?;
        if room(&self.0, self.1) == Room::None {
            self.give_back_room();
        }
        let mut engine = self.open_engine(now);
        if let Err(why) = &engine
            && rebuild_helps(why)
        {
            tracing::warn!(%why, "the index does not fit and is rebuilt from the record");
            SledStore::wipe(&self.0.join("index")).map_err(|e| DataDirError::Damaged(e.to_string()))?;
            engine = self.open_engine(now);
        }
        if let Ok(opened) = &engine
            && !opened.is_scrubbed().map_err(|e| DataDirError::Damaged(e.to_string()))?
        {
            // An index keeps what was deleted in its files for a while, so one is built that never held it.
            tracing::info!(
                removed = ?self.set_aside(),
                "bodies were erased: the index is built anew from the record, what was set aside is removed"
            );
            drop(engine);
            self.remove_what_held_erased()?;
            engine = self.open_engine(now);
            if let Ok(opened) = &engine {
                opened.scrubbed().map_err(|e| DataDirError::Damaged(e.to_string()))?;
            }
        }
        match engine {
            Ok(engine) => Ok(Opened { engine, transport, lock }),
            Err(OpenError::Engine(EngineError::Full)) => Err(DataDirError::Full),
            Err(OpenError::Engine(error)) => Err(DataDirError::Damaged(error.to_string())),
            Err(OpenError::Data(error)) => Err(error),
        }
    }

    /// Removes the index, and the records and indexes that were set aside: erasing reaches nothing in them.
    fn remove_what_held_erased(&self) -> Result<(), DataDirError> {
        let aside = self.set_aside();
        for name in aside.iter().map(String::as_str).chain(["index"]) {
            let path = self.0.join(name);
            if path.is_dir() {
                fs::remove_dir_all(path).map_err(|error| self.io(name, error))?;
            }
        }
        Ok(())
    }

    fn open_engine(&self, now: Now) -> Result<Engine, OpenError> {
        let keys = self.signing_keys().map_err(OpenError::Data)?;
        let opened =
            FileRecord::open(&self.0.join("record")).map_err(|e| OpenError::Data(self.record_error(e)));
        let (record, found) = opened?;
        if found.cut_bytes > 0 {
            tracing::info!(bytes = found.cut_bytes, "an unacknowledged end of the record was cut");
        }
        let record = record.with_floor(self.1);
        let guard = match Guard::open(&self.0.join("guard")) {
            // Nobody here remembers what was signed: the neighbours are asked.
            Err(GuardError::NotFound(path)) => {
                tracing::warn!("the guard is lost: nothing is signed before the neighbours were asked");
                Guard::create_unsure(&path)
            }
            other => other,
        };
        let guard = guard.map_err(EngineError::from)?;
        let store = SledStore::open(&self.0.join("index")).map_err(EngineError::from)?;
        let engine = Engine::open(keys, Box::new(record), Box::new(guard), Arc::new(store), now)?;
        // If we stopped between a rotation and this, the new key is still beside the old one.
        self.promote_key(engine.node().own_key()).map_err(OpenError::Data)?;
        Ok(engine)
    }

    pub(super) fn record_error(&self, error: RecordError) -> DataDirError {
        match error {
            RecordError::Missing(path) => DataDirError::NotInitialised(path),
            RecordError::AlreadyThere(path) => DataDirError::AlreadyThere(path),
            RecordError::Full => DataDirError::Full,
            other => DataDirError::Damaged(other.to_string()),
        }
    }

    pub(super) fn io(&self, name: &str, error: io::Error) -> DataDirError {
        DataDirError::Io { path: self.0.join(name), error }
    }
}

#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Data(DataDirError),
}

/// True when the record may be sound and only the index is not.
fn rebuild_helps(error: &OpenError) -> bool {
    matches!(
        error,
        OpenError::Engine(EngineError::Store(_) | EngineError::IndexAhead | EngineError::OtherRules)
    ) || matches!(error, OpenError::Engine(EngineError::Record(RecordError::Beyond { .. })))
}
