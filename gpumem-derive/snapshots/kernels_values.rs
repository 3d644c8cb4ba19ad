#[gpumem::kernels(unsafe(ptx = "kernels.ptx"))]
pub mod steps {
    //! Steps of a layout.

    /// Moves every node by its velocity.
    #[requires(positions.len() == velocities.len())]
    #[requires(step.dt > 0.0)]
    pub fn advance(positions: &mut [[f32; 2]], velocities: &[[f32; 2]], step: super::Step, damping: f32) {
        for (p, v) in positions.iter_mut().zip(velocities) {
            p[0] += v[0] * step.dt * damping;
            p[1] += v[1] * step.dt * damping;
        }
    }

    /// Counts the steps.
    #[cfg(feature = "count")]
    #[deprecated]
    #[allow(non_snake_case)]
    pub fn count(Steps: &mut [u64]) {
        Steps[0] += 1;
    }
}
