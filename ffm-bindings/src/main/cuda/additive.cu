// Tiles that are sums of codewords: W[p go + a, q gi + c] = s (C[0, b0, a, c] + C[1, b1, a, c] + ...).
#include "lookup.cuh"

#define MOST_CODEBOOKS 8

/**
 * @param codes bit stream of B-bit codes, tile rows x tiles x K
 * @param words codewords as F16, K x 2^B x (go gi)
 * @param tilesOfScale tiles of a row that share a scale
 */
#define ADDITIVE_PARAMETERS                                                                                               \
    const u8 *codes, const u16 *words, const void *scales, const float *factors, float offset, int stored, int scaleBits, \
        int superGroup, int codebooks, int bits, int inGroup, int outGroup, int tilesOfScale, int scalesOfRow, int rows,  \
        int columns

#define ADDITIVE_MATRIX                                                                                                   \
    AdditiveWeights matrix = {rows, columns, codes, words, {scales, factors, offset, stored, scaleBits, superGroup},      \
                              codebooks, bits, inGroup, outGroup, tilesOfScale, scalesOfRow,                              \
                              (columns + inGroup - 1) / inGroup}

struct AdditiveWeights {
    int rows, columns;
    const u8* codes;
    const u16* words;
    Scales scales;
    int codebooks, bits, inGroup, outGroup, tilesOfScale, scalesOfRow, tilesOfRow;

    /** Where the codeword of one codebook of a tile lies, the tile's row `a` of it. */
    __device__ __forceinline__ i64 wordAt(int p, int q, int m, int a) const {
        i64 code = (i64(p) * tilesOfRow + q) * codebooks + m;
        i64 word = (i64(m) << bits) + codeAt(codes, code * bits, bits);
        return (word * outGroup + a) * inGroup;
    }

    template <bool EXACT>
    __device__ __forceinline__ void decode(int row, int column, int count, float (&out)[CHUNK]) const {
        int p = row / outGroup;
        int a = row - p * outGroup;
#pragma unroll
        for (int k = 0; k < CHUNK; k++) {
            out[k] = 0;
        }
        if (inGroup == CHUNK) {
            int q = column / CHUNK;
            float scale = scales.at<EXACT>(p * scalesOfRow + q / tilesOfScale);
            for (int m = 0; m < codebooks; m++) {
                uint4 eight = __ldg((const uint4*)(words + wordAt(p, q, m, a)));
                u32 pairs[4] = {eight.x, eight.y, eight.z, eight.w};
#pragma unroll
                for (int k = 0; k < CHUNK; k++) {
                    float value = floatOfHalf(u16(pairs[k / 2] >> (k % 2 * 16)));
                    out[k] = m == 0 ? value : __fadd_rn(out[k], value);
                }
            }
#pragma unroll
            for (int k = 0; k < CHUNK; k++) {
                out[k] = k < count ? __fmul_rn(scale, out[k]) : 0;
            }
            return;
        }
        int q = column / inGroup;
        int c = column - q * inGroup;
        float scale = scales.at<EXACT>(p * scalesOfRow + q / tilesOfScale);
#pragma unroll 1
        for (int k = 0; k < count; k++, c++) {
            if (c == inGroup) {
                c = 0;
                q++;
                scale = scales.at<EXACT>(p * scalesOfRow + q / tilesOfScale);
            }
            float sum = 0;
            for (int m = 0; m < codebooks; m++) {
                float value = floatOfHalf(__ldg(words + wordAt(p, q, m, a) + c));
                sum = m == 0 ? value : __fadd_rn(sum, value);
            }
            put(out, k, __fmul_rn(scale, sum));
        }
    }
};

extern "C" __global__ void additive_dequantize(ADDITIVE_PARAMETERS, int fromRow, int count, float* out) {
    ADDITIVE_MATRIX;
    dequantizeRows(matrix, fromRow, count, out);
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 3)
    additive_multiply1(ADDITIVE_PARAMETERS, PRODUCT_PARAMETERS) {
    ADDITIVE_MATRIX;
    multiplyRows<AdditiveWeights, 1>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 3)
    additive_multiply4(ADDITIVE_PARAMETERS, PRODUCT_PARAMETERS) {
    ADDITIVE_MATRIX;
    multiplyRows<AdditiveWeights, 4>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 3)
    additive_multiply8(ADDITIVE_PARAMETERS, PRODUCT_PARAMETERS) {
    ADDITIVE_MATRIX;
    multiplyRows<AdditiveWeights, 8>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(MULTIPLY_THREADS, 2)
    additive_multiply16(ADDITIVE_PARAMETERS, PRODUCT_PARAMETERS) {
    ADDITIVE_MATRIX;
    multiplyRows<AdditiveWeights, 16>(matrix, tokens, x, y, {left, inner, rank});
}

extern "C" __global__ void __launch_bounds__(TRANSPOSED_THREADS)
    additive_transposed1(ADDITIVE_PARAMETERS, TRANSPOSED_PARAMETERS) {
    ADDITIVE_MATRIX;
    transposedRows<AdditiveWeights, 1>(matrix, tokens, y, partial);
}

extern "C" __global__ void __launch_bounds__(TRANSPOSED_THREADS)
    additive_transposed4(ADDITIVE_PARAMETERS, TRANSPOSED_PARAMETERS) {
    ADDITIVE_MATRIX;
    transposedRows<AdditiveWeights, 4>(matrix, tokens, y, partial);
}

/** Tables of products of x with all codewords, for codes of one byte: a word of codes is 4 / K tiles of one row of weights. */
template <int K>
struct AdditiveTables {
    static constexpr int FIELD_BITS = 8;
    static constexpr int FIELDS = 4;
    static constexpr bool SHIFTED = false;

    const u16* words;
    Scales scales;
    int inGroup, tilesOfScale, scalesOfRow;

    __device__ __forceinline__ int columnsOfLane() const { return FIELDS / K * inGroup; }

    __device__ __forceinline__ float fill(const float* x, int left, float* entries) const {
        for (int code = threadIdx.x / WARP; code < 256; code += LOOKUP_THREADS / WARP) {
#pragma unroll
            for (int field = 0; field < FIELDS; field++) {
                const u16* word = words + (field % K * 256 + code) * inGroup;
                int from = field / K * inGroup;
                float product = 0;
                for (int i = 0; i < inGroup && from + i < left; i++) {
                    product = __fmaf_rn(floatOfHalf(__ldg(word + i)), __ldg(x + from + i), product);
                }
                entries[entryAt<FIELD_BITS>(field, code)] = product;
            }
        }
        return 0;
    }

    __device__ __forceinline__ int scaleOfLane(int column) const { return column / inGroup / tilesOfScale; }

    template <int N>
    __device__ __forceinline__ void prepare(int row, int lastRow, int inRow, float (&factors)[N], float (&)[N]) const {
        scalesOfRows(scales, row, lastRow, scalesOfRow, inRow, factors);
    }
};

#define ADDITIVE_LOOKUP                                                                                                   \
    ADDITIVE_PARAMETERS, PRODUCT_PARAMETERS, LOOKUP_SCRATCH

#define ADDITIVE_TABLES {words, {scales, factors, offset, stored, scaleBits, superGroup}, inGroup, tilesOfScale, scalesOfRow}

extern "C" __global__ void __launch_bounds__(LOOKUP_THREADS) additive_lookup1(ADDITIVE_LOOKUP) {
    multiplyByLookup(AdditiveTables<1>ADDITIVE_TABLES, codes, rows, columns, x, y, {left, inner, rank}, partial, arrived);
}

extern "C" __global__ void __launch_bounds__(LOOKUP_THREADS) additive_lookup2(ADDITIVE_LOOKUP) {
    multiplyByLookup(AdditiveTables<2>ADDITIVE_TABLES, codes, rows, columns, x, y, {left, inner, rank}, partial, arrived);
}

extern "C" __global__ void __launch_bounds__(LOOKUP_THREADS) additive_lookup4(ADDITIVE_LOOKUP) {
    multiplyByLookup(AdditiveTables<4>ADDITIVE_TABLES, codes, rows, columns, x, y, {left, inner, rank}, partial, arrived);
}
