//! Programs that show `gpumem` at work: see `graph/` and `stream/`.
