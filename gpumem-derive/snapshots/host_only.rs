/// No buffer at all.
pub struct HostOnly<T> {
    /// On the host.
    #[buffer(skip)]
    pub value: T,
}
