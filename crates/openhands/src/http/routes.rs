//! A router that knows its paths, so that the document of the API can be held against them.

use axum::Router;
use axum::routing::MethodRouter;

use super::Rest;

/// Routes, and the paths they are on.
pub(super) struct Routes {
    router: Router<Rest>,
    paths: Vec<String>,
}

impl Routes {
    pub(super) fn new() -> Self {
        Self { router: Router::new(), paths: Vec::new() }
    }

    /// Adds a route, like [`Router::route`].
    pub(super) fn route(mut self, path: &str, methods: MethodRouter<Rest>) -> Self {
        self.paths.push(path.to_owned());
        Self { router: self.router.route(path, methods), ..self }
    }

    /// Adds routes below a path, like [`Router::nest`].
    pub(super) fn nest(mut self, prefix: &str, inner: Self) -> Self {
        let paths =
            inner.paths.iter().map(|path| format!("{prefix}{}", path.trim_end_matches('/')));
        self.paths.extend(paths);
        Self { router: self.router.nest(prefix, inner.router), ..self }
    }

    /// With a layer, or whatever else adds no path.
    pub(super) fn with(self, change: impl FnOnce(Router<Rest>) -> Router<Rest>) -> Self {
        Self { router: change(self.router), ..self }
    }

    /// Adds the routes of another, like [`Router::merge`].
    pub(super) fn merge(mut self, other: Self) -> Self {
        self.paths.extend(other.paths);
        Self { router: self.router.merge(other.router), ..self }
    }

    /// All paths, as they were given.
    #[cfg(test)]
    pub(super) fn paths(&self) -> &[String] {
        &self.paths
    }

    pub(super) fn into_router(self) -> Router<Rest> {
        self.router
    }
}
