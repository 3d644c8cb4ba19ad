/// What is left of a struct with mistakes.
pub struct Graph {
    #[buffer(grwoth = 1.3, async)]
    pub positions: Vec<[f32; 2]>,
    pub edges: Vec<(u32, u32)>,
    #[buffer(growth = )]
    pub weights: Vec<f32>,
}
