//! Whether there is a card to test on. Tests of all crates include this file by its path.

use gpumem::Error;
use std::io::Write as _;
use std::sync::Once;

/// What a test has opened on a card. `None` where the machine has no card: the test is skipped, and standard
/// error says so.
///
/// # Panics
///
/// If there is no card and `GPUMEM_REQUIRE_CUDA=1` is set, as on a machine that has one. If there is another
/// reason why it could not be opened.
pub(crate) fn found<T>(opened: Result<T, Error>) -> Option<T> {
    match opened {
        Ok(opened) => Some(opened),
        Err(error) if !matches!(error, Error::BackendUnavailable { .. }) => panic!("{error}"),
        Err(error) if std::env::var_os("GPUMEM_REQUIRE_CUDA").is_some_and(|value| value == "1") => {
            panic!("GPUMEM_REQUIRE_CUDA is set, and there is no card: {error}")
        }
        Err(error) => {
            // Once per program and past the capture of the test harness: to skip tests is to be seen.
            static SAID: Once = Once::new();
            SAID.call_once(|| {
                let line = format!("skipped, no CUDA card: {error}\n");
                let _ = std::io::stderr().write_all(line.as_bytes());
            });
            None
        }
    }
}
