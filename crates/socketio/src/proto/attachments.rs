//! Collects the attachments that a packet's text announced. [spec: Sending and receiving data]

use bytes::Bytes;
use engineio::proto::Time;

use super::parser::Announced;
use super::{ConnectionConfig, Packet, PeerError};

/// Holds the one packet of a connection that awaits attachments, if there is one.
///
/// Bounded by `max_attachments`, `max_attachment_bytes` and `attachments_timeout`.
#[derive(Debug, Default)]
pub struct Reassembly {
    /// Boxed, because most connections never have one.
    waiting: Option<Box<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    packet: Packet,
    declared: usize,
    attachments: Vec<Bytes>,
    /// Sum of the lengths of `attachments`.
    bytes: usize,
    deadline: Time,
}

impl Reassembly {
    /// Whether attachments are expected.
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Refuses text while attachments are expected.
    ///
    /// # Errors
    /// [`PeerError::TextBetweenAttachments`].
    pub fn check_text(&self) -> Result<(), PeerError> {
        self.waiting.as_ref().map_or(Ok(()), |waiting| {
            let (received, declared) = (waiting.attachments.len(), waiting.declared);
            Err(PeerError::TextBetweenAttachments { received, declared })
        })
    }

    /// Takes the text of a packet. Gives the packet if it is complete.
    ///
    /// # Errors
    /// [`PeerError::TextBetweenAttachments`]; the waiting packet stays.
    pub fn handle_text(
        &mut self,
        now: Time,
        announced: Announced,
        config: &ConnectionConfig,
    ) -> Result<Option<Packet>, PeerError> {
        self.check_text()?;
        let Announced { packet, attachments: declared } = announced;
        if declared == 0 {
            return Ok(Some(packet));
        }
        self.waiting = Some(Box::new(Waiting {
            packet,
            declared,
            attachments: Vec::new(),
            bytes: 0,
            deadline: now + config.attachments_timeout,
        }));
        Ok(None)
    }

    /// Takes an attachment. Gives the packet after its last one.
    ///
    /// # Errors
    /// [`PeerError::UnexpectedBinary`], [`PeerError::AttachmentBytes`], and
    /// [`PeerError::Placeholder`] when the complete packet names an attachment that it does not have.
    pub fn handle_binary(
        &mut self,
        data: Bytes,
        config: &ConnectionConfig,
    ) -> Result<Option<Packet>, PeerError> {
        let Some(mut waiting) = self.waiting.take() else {
            return Err(PeerError::UnexpectedBinary { len: data.len() });
        };
        waiting.bytes = waiting.bytes.saturating_add(data.len());
        if waiting.bytes > config.max_attachment_bytes {
            let (bytes, max) = (waiting.bytes, config.max_attachment_bytes);
            return Err(PeerError::AttachmentBytes { bytes, max });
        }
        waiting.attachments.push(data);
        if waiting.attachments.len() < waiting.declared {
            self.waiting = Some(waiting);
            return Ok(None);
        }
        let Waiting { mut packet, attachments, .. } = *waiting;
        if let Some(args) = packet.body.args_mut() {
            args.attach(attachments)?;
        }
        Ok(Some(packet))
    }

    /// When the waiting packet must be complete.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.waiting.as_ref().map(|waiting| waiting.deadline)
    }

    /// Gives up the waiting packet if it was not complete in time.
    ///
    /// # Errors
    /// [`PeerError::AttachmentsTimeout`].
    pub fn handle_timeout(
        &mut self,
        now: Time,
        config: &ConnectionConfig,
    ) -> Result<(), PeerError> {
        let Some(waiting) = self.waiting.take_if(|waiting| waiting.deadline <= now) else {
            return Ok(());
        };
        Err(PeerError::AttachmentsTimeout {
            received: waiting.attachments.len(),
            declared: waiting.declared,
            within: config.attachments_timeout,
        })
    }
}
