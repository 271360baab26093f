// Small kernels for the tests of the driver's bindings.

/** values[i] = values[i] * factor + add */
extern "C" __global__ void affine(float* values, int n, float factor, long long add) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        values[i] = values[i] * factor + static_cast<float>(add);
    }
}

/** Writes one value behind its memory. */
extern "C" __global__ void overrun(float* values, int n) { values[n] = 1; }
