/// What a viewer draws.
pub struct Scene {
    /// Corners of triangles.
    #[buffer(growth = 2.0, max = "1GiB", stable)]
    pub vertices: Vec<Vertex>,
    /// Where the camera has been.
    #[buffer(async)]
    pub path: Vec<[f32; 3]>,
}
