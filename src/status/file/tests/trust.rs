//! What is trusted and what is not.
