//! What the tests of `gpumem` share.
