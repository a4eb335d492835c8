//! End-to-end tests of the workspace with real clients.
