//! One value without an allocation, or several.

/// The parts of a transfer. Most transfers have one.
pub(crate) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    pub(in crate::buffer) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    pub(in crate::buffer) fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Self::One(one) => std::slice::from_mut(one),
            Self::Many(many) => many,
        }
    }

    /// The same number of values, made of these in their order.
    pub(in crate::buffer) fn map<U>(&self, mut make: impl FnMut(&T) -> U) -> OneOrMany<U> {
        match self {
            Self::One(one) => OneOrMany::One(make(one)),
            Self::Many(many) => OneOrMany::Many(many.iter().map(make).collect()),
        }
    }
}
