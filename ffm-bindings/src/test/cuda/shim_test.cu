// Kernels that try the shim itself: what they compute is known without a GPU.

/** out[block] = the sum of a block's 256 values, by a tree in shared memory. */
extern "C" __global__ void tree_sum(const float* values, float* out) {
    __shared__ float sums[256];
    unsigned i = threadIdx.x;
    sums[i] = values[blockIdx.x * 256 + i];
    __syncthreads();
    for (unsigned half = 128; half > 0; half /= 2) {
        if (i < half) {
            sums[i] += sums[i + half];
        }
        __syncthreads();
    }
    if (i == 0) {
        out[blockIdx.x] = sums[0];
    }
}

/** out[i] = the sum of thread i's warp, by exchanges; with more warps than one, each its own. */
extern "C" __global__ void warp_sum(const float* values, float* out) {
    float sum = values[blockIdx.x * blockDim.x + threadIdx.x];
    for (int flip = 16; flip > 0; flip /= 2) {
        sum += __shfl_xor_sync(0xffffffffu, sum, flip);
    }
    out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

/** out[i] = values[n - 1 - i] by way of dynamic shared memory; n threads. */
extern "C" __global__ void turn_round(const float* values, float* out, int n) {
#ifdef CUDA_SHIM
    auto* turned = reinterpret_cast<float*>(shim::dynamicShared());
#else
    extern __shared__ float turned[];
#endif
    turned[n - 1 - threadIdx.x] = values[threadIdx.x];
    __syncthreads();
    out[threadIdx.x] = turned[threadIdx.x];
}

/** Half of the threads wait at another barrier than the others: an error on any machine. */
extern "C" __global__ void divergent_barrier(float* out) {
    if (threadIdx.x % 2 == 0) {
        __syncthreads();
    } else {
        out[threadIdx.x] = 1;
        __syncthreads();
    }
}

/** One thread leaves before the barrier. */
extern "C" __global__ void missing_at_barrier(float* out) {
    if (threadIdx.x == 7) {
        return;
    }
    __syncthreads();
    out[threadIdx.x] = 1;
}

/** One lane leaves before the exchange. */
extern "C" __global__ void missing_in_warp(float* out) {
    if (threadIdx.x == 7) {
        return;
    }
    out[threadIdx.x] = __shfl_xor_sync(0xffffffffu, out[threadIdx.x], 1);
}

/** The intrinsics; out has 12 values. */
extern "C" __global__ void intrinsics(unsigned* out) {
    if (threadIdx.x == 0) {
        out[0] = __funnelshift_r(0x89abcdefu, 0x01234567u, 8);
        out[1] = __byte_perm(0x03020100u, 0x07060504u, 0x7051u);
        out[2] = unsigned(__dp4a(0x01ff0203, 0x04050607, 10));
        out[3] = __float_as_uint(__fmaf_rn(1.0f + 0x1p-12f, 1.0f + 0x1p-12f, -1.0f));
        out[4] = __float_as_uint(__fadd_rn(__fmul_rn(1.0f + 0x1p-12f, 1.0f + 0x1p-12f), -1.0f));
        out[5] = __float_as_uint(__fdiv_rn(1.0f, 3.0f));
        out[6] = atomicAdd(&out[11], 5u);
        out[7] = atomicAdd(&out[11], 5u);
        out[8] = min(3u, 4u);
        out[9] = max(3u, 4u);
        out[10] = __float_as_uint(__uint_as_float(0x3f800001u));
    }
}
