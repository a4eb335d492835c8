//! Deleting conversations that nobody uses. It takes the same slot of the registry as a join does, so
//! that nobody joins a conversation that is being deleted.

use std::sync::Arc;

use super::{Conversation, Hub, HubError};
use crate::log::{ConversationKey, Metadata, Oldest};

impl Hub {
    /// Deletes a conversation that is not running and is as it was when `metadata` was read: nobody
    /// can join it or write to it meanwhile. `false` when it is running, has changed, or is gone.
    ///
    /// # Errors
    /// [`HubError`]; then it is still there.
    pub async fn delete_unused(&self, metadata: &Metadata) -> Result<bool, HubError> {
        let id = &metadata.id;
        if self.is_running(id) || !self.registry.unload(id) {
            return Ok(false);
        }
        let slot = self.registry.slot(id, usize::MAX)?;
        let mut deleted = Ok(false);
        // A join that comes now waits for this cell, and then finds no conversation. If a join was
        // faster, the conversation is in use.
        let _ = slot
            .conversation
            .get_or_try_init(|| async {
                deleted = self.delete_unchanged(metadata).await;
                Err::<Arc<Conversation>, ()>(())
            })
            .await;
        self.registry.forget(id, &slot);
        deleted
    }

    async fn delete_unchanged(&self, metadata: &Metadata) -> Result<bool, HubError> {
        let now = self.log.conversation(&metadata.id).await?;
        let same =
            |now: &Metadata| (now.key, &now.updated_at) == (metadata.key, &metadata.updated_at);
        if !now.as_ref().is_some_and(same) || !self.log.delete(&metadata.id).await? {
            return Ok(false);
        }
        self.remove_workspace(metadata).await;
        Ok(true)
    }

    /// At most `limit` conversations, those first to which nothing was written for longest.
    ///
    /// # Errors
    /// [`HubError`].
    pub async fn oldest(&self, limit: usize) -> Result<Oldest, HubError> {
        Ok(self.log.oldest(limit).await?)
    }

    /// About how many bytes deleting a conversation gives back in the log.
    ///
    /// # Errors
    /// [`HubError`].
    pub async fn size(&self, key: ConversationKey) -> Result<u64, HubError> {
        Ok(self.log.size(key).await?)
    }
}
