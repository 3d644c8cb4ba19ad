// A struct of kernels.cu whose Rust side stands outside of the module.
#pragma once

struct Camera {
    float place[3];
    unsigned id;
};
