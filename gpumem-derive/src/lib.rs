//! The derive macro of `gpumem`.
