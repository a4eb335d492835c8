//! Socket.IO v5 from scratch, on top of `engineio`.
