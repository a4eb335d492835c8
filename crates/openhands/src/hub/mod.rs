//! Conversations in memory: their hot tails, their readers and their agents.
//!
//! In come commands of `http` and `live`, and the log's feed of commits; out go pages of events, to
//! every [`Cursor`]. The log is the truth: nothing is shown that it has not committed, and everything
//! here can be read from it again. No lock is held across an await, and a slow reader costs nobody
//! else. Start with [`Hub`] and `conversation.rs`, which also says how everybody reads; `core.rs` is what the
//! feed changes, `supervisor.rs` how agents run.

mod cache;
mod config;
mod conversation;
mod core;
mod registry;
mod retention;
mod supervisor;

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;

use self::cache::{CachedPages, PageCache};
use self::core::Core;
use self::registry::Registry;
use self::supervisor::Supervisor;
use crate::agent::Agents;
use crate::domain::{Access, ConversationId, Ephemeral, UserName, Viewer};
use crate::log::{EventLog, Sort};

pub use config::{Create, HubConfig, HubError};
pub use conversation::{AccessChanges, Conversation, Cursor, Next, Stopped};
// What the hub hands out: `http` and `live` ask the hub and never the log.
pub use crate::log::{
    ConversationKey, Direction, Envelope, Listing, LogError, Metadata, Oldest, Page, PageOf,
    StoredEvent,
};

/// The conversations of one server.
#[derive(Debug)]
pub struct Hub {
    log: Arc<dyn EventLog>,
    agents: Arc<dyn Agents>,
    config: Arc<HubConfig>,
    cache: Arc<PageCache>,
    registry: Arc<Registry>,
    sweeper: JoinHandle<()>,
    closed: AtomicBool,
}

impl Hub {
    /// A hub over `log`, whose feed it takes; `agents` says which agent a conversation has. Needs
    /// a tokio runtime.
    pub fn new(log: Arc<dyn EventLog>, agents: Arc<dyn Agents>, config: HubConfig) -> Arc<Self> {
        let registry = Arc::new(Registry::default());
        registry.follow(&*log);
        let sweeper = tokio::spawn(sweep(Arc::downgrade(&registry), config.idle));
        let cache = PageCache::new(config.kept_bytes);
        let (config, closed) = (Arc::new(config), AtomicBool::new(false));
        Arc::new(Self { log, agents, config, cache, registry, sweeper, closed })
    }

    /// The conversation of this id, loaded when it is not in memory.
    ///
    /// # Errors
    /// [`HubError`].
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the conversation may have been created.
    pub async fn conversation(
        &self,
        id: &ConversationId,
        create: Create,
    ) -> Result<Arc<Conversation>, HubError> {
        loop {
            if self.closed.load(Ordering::SeqCst) {
                return Err(HubError::Closed);
            }
            if self.registry.len() >= self.config.conversations {
                self.registry.sweep(true);
            }
            let slot = self.registry.slot(id, self.config.conversations)?;
            let loaded = slot.conversation.get_or_try_init(|| self.load(id, &create)).await;
            match loaded.cloned() {
                Ok(conversation) if !conversation.is_deleted() => return Ok(conversation),
                // Deleted while it was loaded: whatever is there now is another one.
                Ok(_) => self.registry.forget(id, &slot),
                Err(error) => {
                    self.registry.forget(id, &slot);
                    return Err(error);
                }
            }
        }
    }

    /// Loads conversations whose agent has something to do, as after a crash; says how many. What
    /// is not among the first [`RESUMED`] goes on when somebody asks for it.
    ///
    /// # Errors
    /// [`HubError`] of the first that cannot be loaded.
    pub async fn resume(&self) -> Result<usize, HubError> {
        let unread = self.log.unread(RESUMED.min(self.config.conversations / 2)).await?;
        for id in &unread {
            self.conversation(id, Create::No).await?;
        }
        Ok(unread.len())
    }

    /// The conversation of this id if it is in memory.
    pub fn loaded(&self, id: &ConversationId) -> Option<Arc<Conversation>> {
        self.registry.loaded(id).filter(|conversation| !conversation.is_deleted())
    }

    /// Creates a conversation with a title, or finds the one that exists, whoever owns it; says
    /// whether it is new.
    ///
    /// # Errors
    /// [`HubError`].
    pub async fn create(
        &self,
        id: &ConversationId,
        title: &str,
        owner: Option<&UserName>,
    ) -> Result<(Metadata, bool), HubError> {
        let greeting = self.agents.of_new(id, owner).greeting();
        let created = self.log.create(id, title, owner, greeting).await?;
        Ok((created.metadata, created.is_new))
    }

    /// What is known about a conversation; `None` when there is none of this id.
    ///
    /// # Errors
    /// [`HubError`].
    pub async fn metadata(&self, id: &ConversationId) -> Result<Option<Metadata>, HubError> {
        Ok(self.log.conversation(id).await?)
    }

    /// The folder of a conversation's workspace, which its agent makes when it needs it; `None` when
    /// there is no conversation of this id.
    ///
    /// # Errors
    /// [`HubError`].
    pub async fn workspace(&self, id: &ConversationId) -> Result<Option<PathBuf>, HubError> {
        let metadata = self.log.conversation(id).await?;
        Ok(metadata.map(|metadata| workspace(&self.config.workspaces, metadata.key, id)))
    }

    /// The owner and the shares of a conversation; `None` when there is none of this id.
    ///
    /// # Errors
    /// [`HubError`].
    pub async fn access(&self, id: &ConversationId) -> Result<Option<Arc<Access>>, HubError> {
        match self.loaded(id) {
            Some(conversation) => Ok(Some(conversation.access())),
            None => Ok(self.metadata(id).await?.map(|metadata| Arc::new(metadata.access))),
        }
    }

    /// Gives a conversation another owner and other shares; clients that may no longer read it are
    /// disconnected. `false` when there is none of this id.
    ///
    /// # Errors
    /// [`HubError`]; then nothing was changed.
    pub async fn set_access(&self, id: &ConversationId, access: Access) -> Result<bool, HubError> {
        Ok(self.log.set_access(id, access).await?)
    }

    /// At most `limit` conversations that `viewer` may read, without one all: newest first, created
    /// before `before`.
    ///
    /// # Errors
    /// [`HubError`].
    pub async fn list(
        &self,
        viewer: Option<&Viewer>,
        before: Option<ConversationKey>,
        limit: usize,
    ) -> Result<Listing, HubError> {
        Ok(self.log.list(viewer, before, limit).await?)
    }

    /// Gives a conversation another title and tells its clients. `false` when there is none.
    ///
    /// # Errors
    /// [`HubError`].
    pub async fn set_title(&self, id: &ConversationId, title: &str) -> Result<bool, HubError> {
        let changed = self.log.set_title(id, title).await?;
        if let Some(conversation) = self.loaded(id).filter(|_| changed) {
            conversation.status(Ephemeral::title(id.as_str(), title));
        }
        Ok(changed)
    }

    /// Starts a conversation: loads it and takes a stop back. If its agent was told to stop, it greets
    /// again, by which clients see that it awaits the user. `true` when it was running already.
    ///
    /// # Errors
    /// [`HubError`]; it is not created.
    pub async fn start(&self, id: &ConversationId) -> Result<bool, HubError> {
        let was_loaded = self.loaded(id).is_some();
        let conversation = self.conversation(id, Create::No).await?;
        let was_stopped = conversation.resume();
        let greeting = conversation.agent.greeting();
        if !greeting.is_empty() && conversation.is_agent_stopped().await? {
            conversation.append(greeting).await?;
        }
        Ok(was_loaded && !was_stopped)
    }

    /// Stops a conversation: its clients are disconnected, its agent ends until the user writes
    /// again. `false` when it was not running, or there is none of this id.
    ///
    /// # Errors
    /// See [`Conversation::stop`].
    pub async fn stop(&self, id: &ConversationId) -> Result<bool, HubError> {
        match self.loaded(id) {
            Some(conversation) => Ok(conversation.stop().await?),
            None => Ok(false),
        }
    }

    /// Whether a conversation is in memory and not stopped.
    pub fn is_running(&self, id: &ConversationId) -> bool {
        self.loaded(id).is_some_and(|conversation| !conversation.is_stopped())
    }

    /// Deletes a conversation, its events and its workspace. Its cursors end. `false` when there is
    /// none of this id.
    ///
    /// # Errors
    /// [`HubError`]; then it is still there.
    pub async fn delete(&self, id: &ConversationId) -> Result<bool, HubError> {
        let loaded = self.loaded(id);
        let Some(metadata) = self.log.conversation(id).await? else { return Ok(false) };
        if !self.log.delete(id).await? {
            return Ok(false);
        }
        if let Some(conversation) = loaded {
            conversation.supervisor.ended().await;
        }
        self.remove_workspace(&metadata).await;
        Ok(true)
    }

    async fn remove_workspace(&self, metadata: &Metadata) {
        let workspace = workspace(&self.config.workspaces, metadata.key, &metadata.id);
        match tokio::fs::remove_dir_all(&workspace).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, path = %workspace.display(), "workspace not removed");
            }
            _ => {}
        }
    }

    /// Conversations in memory.
    pub fn conversations_loaded(&self) -> usize {
        self.registry.len()
    }

    /// Ends all agents, then closes the log. Nothing can be loaded or appended afterwards.
    pub async fn shutdown(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let all = self.registry.all();
        join_all(all.iter().map(|conversation| conversation.supervisor.end())).await;
        self.log.close().await;
    }

    async fn load(
        &self,
        id: &ConversationId,
        create: &Create,
    ) -> Result<Arc<Conversation>, HubError> {
        let metadata = match self.log.conversation(id).await? {
            Some(metadata) => metadata,
            None => {
                let owner = match create {
                    Create::Yes => None,
                    Create::For(user) => Some(user),
                    Create::No => return Err(HubError::NoConversation),
                };
                self.create(id, &id.default_title(), owner).await?.0
            }
        };
        let core = Arc::new(Core::new(id.clone(), metadata.key, &self.config));
        // From here on commits reach it; what was committed before is read after this line.
        let registration = self.registry.register(core.clone());
        let metadata = self.log.conversation(id).await?.filter(|now| now.key == core.key);
        let metadata = metadata.ok_or(HubError::NoConversation)?;
        let agent = self.agents.of(&metadata);
        let Metadata { head, access, .. } = metadata;
        let newest_user = self.log.newest(core.key, Sort::FromUser, head.position).await?;
        core.merge(head, access, newest_user.map(|event| event.id));
        let supervisor = Supervisor::start(
            core.clone(),
            self.log.clone(),
            agent.clone(),
            self.config.clone(),
            workspace(&self.config.workspaces, core.key, id),
        );
        let cached = CachedPages::new(Arc::clone(&self.cache), core.key);
        Ok(Arc::new(Conversation {
            core,
            cached,
            log: self.log.clone(),
            agent,
            supervisor,
            config: self.config.clone(),
            _registration: registration,
        }))
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.sweeper.abort();
    }
}

async fn sweep(registry: Weak<Registry>, idle: Duration) {
    let mut ticks = tokio::time::interval(idle.max(MIN_IDLE));
    // The first tick comes at once.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let Some(registry) = registry.upgrade() else { return };
        registry.sweep(false);
    }
}

/// The key makes it unique, also where files of two cases or two normal forms are the same file;
/// the rest is for people.
fn workspace(root: &Path, key: ConversationKey, id: &ConversationId) -> PathBuf {
    let mut name = String::new();
    // Writing to a String cannot fail.
    let _ = write!(name, "{}-", key.0);
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    name.extend(id.as_str().chars().map(plain));
    root.join(name)
}

/// Most conversations that are loaded at the start because their agent was interrupted.
pub const RESUMED: usize = 1_000;

const MIN_IDLE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
