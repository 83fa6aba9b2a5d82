//! The page for beginners: its commands are run as they stand there.
