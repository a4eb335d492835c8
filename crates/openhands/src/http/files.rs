//! Files of a conversation's workspace: list, read, upload, take along.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::multipart::{Field, Multipart, MultipartError, MultipartRejection};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::ApiError;
use crate::domain::ConversationId;
use crate::hub::Hub;
use crate::workspace::git::{Change, Diff, Git};
use crate::workspace::{FileError, FileLimits, Workspace, upload_path, zip};

/// What the routes need to look at workspaces.
#[derive(Clone, Debug)]
pub(super) struct Files {
    limits: Arc<FileLimits>,
    archives: Arc<Semaphore>,
    git: Git,
}

impl Files {
    /// With these limits.
    pub(super) fn new(limits: FileLimits) -> Self {
        let archives = Arc::new(Semaphore::new(limits.archives));
        let limits = Arc::new(limits);
        Self { git: Git::new(Arc::clone(&limits)), limits, archives }
    }

    /// Most bytes of an upload's body.
    pub(super) fn upload_bytes(&self) -> usize {
        self.limits.upload_bytes
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Folder {
    path: Option<String>,
}

/// The names in a folder of the workspace.
pub(super) async fn list(
    State(hub): State<Arc<Hub>>,
    State(files): State<Files>,
    Path(id): Path<String>,
    query: Result<Query<Folder>, QueryRejection>,
) -> Result<Json<Vec<String>>, ApiError> {
    let path = query?.0.path.unwrap_or_default();
    let names = match opened(&hub, &id).await? {
        Some(workspace) => blocking(move || workspace.list(&path, &files.limits)).await,
        None if path.is_empty() => Ok(Vec::new()),
        None => Err(FileError::NotFound(path)),
    };
    names.map(Json).map_err(|error| ApiError::file("Error listing files: ", &error))
}

#[derive(Debug, Deserialize)]
pub(super) struct Selected {
    file: Option<String>,
}

/// `{"code":…}`: a file's text.
pub(super) async fn select(
    State(hub): State<Arc<Hub>>,
    State(files): State<Files>,
    Path(id): Path<String>,
    query: Result<Query<Selected>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let file = query?.0.file.ok_or_else(|| missing("query", "file"))?;
    let code = match opened(&hub, &id).await? {
        Some(workspace) => blocking(move || workspace.read(&file, &files.limits)).await,
        None => Err(FileError::NotFound(file)),
    };
    let code = code.map_err(|error| {
        // The original's sentence says it all.
        let before =
            if matches!(error, FileError::Binary(_)) { "" } else { "Error opening file: " };
        ApiError::file(before, &error)
    })?;
    Ok(Json(json!({"code": code})))
}

/// The workspace as a zip file, made while it is sent.
pub(super) async fn archive(
    State(hub): State<Arc<Hub>>,
    State(files): State<Files>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let workspace = opened(&hub, &id).await?;
    let wrong = |error: FileError| ApiError::file("Error zipping workspace: ", &error);
    let permit = Arc::clone(&files.archives).try_acquire_owned();
    let permit = permit.map_err(|_| wrong(FileError::Busy { max: files.limits.archives }))?;
    let pieces = blocking(move || zip(workspace, &files.limits, permit)).await.map_err(wrong)?;
    let head = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"workspace.zip\""),
    ];
    Ok((head, Body::from_stream(pieces)).into_response())
}

/// `{"uploaded_files":[…],"skipped_files":[{"name","reason"}]}`: the parts named `files` of a form,
/// each a file at its path below the workspace, in the place of one that is there.
pub(super) async fn upload(
    State(hub): State<Arc<Hub>>,
    State(files): State<Files>,
    Path(id): Path<String>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Json<Value>, ApiError> {
    let id = ConversationId::new(&id)?;
    let folder = hub.workspace(&id).await?.ok_or(ApiError::NoConversation(id))?;
    let mut form = form.map_err(|_| missing("body", "files"))?;
    let limits = Arc::clone(&files.limits);
    let wrong = |error: FileError| ApiError::file("Error during file upload: ", &error);
    let (workspace, size) = blocking(move || {
        let workspace = Workspace::create(&folder)?;
        let size = workspace.size(&limits)?;
        Ok((Arc::new(workspace), size))
    })
    .await
    .map_err(wrong)?;
    let mut room = files.limits.workspace_bytes.saturating_sub(size);
    let (mut uploaded, mut skipped, mut count) = (Vec::new(), Vec::new(), 0);
    loop {
        let next = piece(&files.limits, form.next_field()).await?;
        let Some(mut field) = next else { break };
        if field.name() != Some("files") {
            drain(&mut field, &files.limits).await?;
            continue;
        }
        count += 1;
        let given = field.file_name().unwrap_or_default().to_owned();
        let name = upload_path(&given);
        let stored = match &name {
            _ if count > files.limits.upload_files => Err(FileError::TooMany {
                what: "files in one upload",
                max: files.limits.upload_files,
            }),
            None => Err(FileError::NoFile(given.clone())),
            Some(name) => store(&workspace, name, &mut field, room, &files.limits).await?,
        };
        drain(&mut field, &files.limits).await?;
        match stored {
            Ok(bytes) => {
                room = room.saturating_sub(bytes);
                uploaded.push(name.unwrap_or_default());
            }
            Err(error) => {
                let name = name.as_deref().unwrap_or(&given);
                skipped.push(json!({"name": shortened(name), "reason": error.to_string()}));
            }
        }
        if skipped.len() > files.limits.upload_files {
            break;
        }
    }
    if count == 0 {
        return Err(missing("body", "files"));
    }
    Ok(Json(json!({"uploaded_files": uploaded, "skipped_files": skipped})))
}

/// One file of a form; the inner error skips it, the outer one ends the upload.
async fn store(
    workspace: &Arc<Workspace>,
    name: &str,
    field: &mut Field<'_>,
    room: u64,
    limits: &FileLimits,
) -> Result<Result<u64, FileError>, ApiError> {
    let max = limits.upload_file_bytes.min(room);
    let mut upload = match workspace.upload(name).await {
        Ok(upload) => upload,
        Err(error) => return Ok(Err(error)),
    };
    while let Some(bytes) = piece(limits, field.chunk()).await? {
        if let Err(error) = upload.write(&bytes, max).await {
            return Ok(Err(error));
        }
    }
    Ok(upload.finish().await)
}

/// Reads over the rest of a part.
async fn drain(field: &mut Field<'_>, limits: &FileLimits) -> Result<(), ApiError> {
    while piece(limits, field.chunk()).await?.is_some() {}
    Ok(())
}

/// What comes next of a form, if it comes in time.
async fn piece<T>(
    limits: &FileLimits,
    next: impl Future<Output = Result<T, MultipartError>>,
) -> Result<T, ApiError> {
    match tokio::time::timeout(limits.upload_stall, next).await {
        Ok(piece) => piece.map_err(|error| broken(&error, limits)),
        Err(_) => {
            let text = format!("nothing came within {} s", limits.upload_stall.as_secs());
            Err(ApiError::File(StatusCode::REQUEST_TIMEOUT, text))
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Differing {
    path: Option<String>,
}

/// `[{"status","path"}]`: what changed in the repositories of the workspace.
pub(super) async fn git_changes(
    State(hub): State<Arc<Hub>>,
    State(files): State<Files>,
    Path(id): Path<String>,
) -> Result<Json<Vec<Change>>, ApiError> {
    let changes = match opened(&hub, &id).await? {
        Some(workspace) => files.git.changes(Arc::new(workspace)).await,
        None => Err(FileError::NoRepository),
    };
    changes.map(Json).map_err(|error| ApiError::git("Error getting changes: ", &error))
}

/// `{"modified":…,"original":…}`: both sides of a file.
pub(super) async fn git_diff(
    State(hub): State<Arc<Hub>>,
    State(files): State<Files>,
    Path(id): Path<String>,
    query: Result<Query<Differing>, QueryRejection>,
) -> Result<Json<Diff>, ApiError> {
    let path = query?.0.path.ok_or_else(|| missing("query", "path"))?;
    let diff = match opened(&hub, &id).await? {
        Some(workspace) => files.git.diff(Arc::new(workspace), &path).await,
        None => Err(FileError::NoRepository),
    };
    diff.map(Json).map_err(|error| ApiError::git("Error getting diff: ", &error))
}

/// The workspace of a conversation that must be there; `None` before its agent made it.
async fn opened(hub: &Hub, id: &str) -> Result<Option<Workspace>, ApiError> {
    let id = ConversationId::new(id)?;
    let folder = hub.workspace(&id).await?.ok_or(ApiError::NoConversation(id))?;
    let opened = blocking(move || Workspace::open(&folder)).await;
    opened.map_err(|error| ApiError::Unavailable(error.to_string()))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(FileError::System { name: "workspace".to_owned(), text: error.to_string() })
    })
}

fn missing(place: &str, key: &str) -> ApiError {
    ApiError::invalid("missing", &[place, key], "Field required", Value::Null)
}

fn broken(error: &MultipartError, limits: &FileLimits) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge(limits.upload_bytes),
        _ => ApiError::BadRequest(error.body_text()),
    }
}

/// A file's name, cut to what an answer repeats of it.
fn shortened(name: &str) -> String {
    name.chars().take(NAME_CHARS).collect()
}

/// Most characters of a refused name that are repeated.
const NAME_CHARS: usize = 255;
