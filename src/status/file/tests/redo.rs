//! What is applied when a file is opened (rule R6, invariant 11).
