/// Parameters of all kinds.
pub(crate) struct Mesh<'a, S: Shape = Plane, const N: usize = 4>
where
    S::Point: PartialEq,
{
    /// An associated type.
    #[buffer(async)]
    pub(crate) points: Vec<S::Point>,
    /// An array of a length that is a parameter.
    #[deprecated(note = "use `points`")]
    r#type: ::alloc::vec::Vec<[u32; N]>,
    /// Borrowed.
    #[buffer(skip)]
    name: &'a str,
}
