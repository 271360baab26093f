// Products with one token by lookup: instead of decoding each weight, a block of threads works out once, for the columns of a tile, what every possible field of codes
// (a byte, or two 3-bit codes) contributes to a row, and then each row looks its fields up: one shared-memory read and one addition for 2 to 8 weights. A warp lies
// along the columns, so codes are read in whole lines, and each lane has its own column of the table, so no two lanes want the same bank.
#pragma once
#include "common.cuh"

#define LOOKUP_THREADS 512

/** Dynamic shared memory: 32768 entries. */
#define LOOKUP_SHARED_BYTES 131072

/** Rows whose sums are added over the lanes together. */
#define LOOKUP_STEP 8

/**
 * Scratch of a product: partial is tokens x tiles x rows, arrived is tokens x units and zero before and after.
 */
#define LOOKUP_SCRATCH float *partial, u32 *arrived

/** Where a lane's entry of a field begins, in floats: byte fields lie in pairs so that a code is the second byte of an address. */
template <int FIELD_BITS>
__device__ __forceinline__ int entryAt(int field, int entry) {
    return FIELD_BITS == 8 ? field / 2 * (256 * 2 * WARP) + entry * (2 * WARP) + field % 2 * WARP
                           : (field * (1 << FIELD_BITS) + entry) * WARP;
}

/**
 * A lane's column of the table where a field is some codes: entry = the sum of value(code) * x over the field's columns.
 *
 * @param values of the codes
 * @param x the lane's first column
 * @param left columns that there are from it on; less than one lane's, or below 0, at the edge
 * @param entries the lane's column; each warp writes its share
 * @return the sum of the lane's x
 */
template <int BITS, int FIELD_BITS, int FIELDS>
__device__ __forceinline__ float fillFromCodes(const float* values, const float* x, int left, float* entries) {
    constexpr int CODES = FIELD_BITS / BITS;
    float inputs[FIELDS * CODES];
    float sum = 0;
#pragma unroll
    for (int i = 0; i < FIELDS * CODES; i++) {
        inputs[i] = i < left ? __ldg(x + i) : 0;
        sum = __fadd_rn(sum, inputs[i]);
    }
    for (int entry = threadIdx.x / WARP; entry < 1 << FIELD_BITS; entry += LOOKUP_THREADS / WARP) {
        float value[CODES];
#pragma unroll
        for (int k = 0; k < CODES; k++) {
            value[k] = __ldg(values + ((entry >> (k * BITS)) & ((1 << BITS) - 1)));
        }
#pragma unroll
        for (int field = 0; field < FIELDS; field++) {
            float product = __fmul_rn(value[0], inputs[field * CODES]);
#pragma unroll
            for (int k = 1; k < CODES; k++) {
                product = __fmaf_rn(value[k], inputs[field * CODES + k], product);
            }
            entries[entryAt<FIELD_BITS>(field, entry)] = product;
        }
    }
    return sum;
}

/** The scale of one lane in N rows; rows behind the last are the last again. The common ways to store scales have loops of their own, without branches. */
template <int N>
__device__ __forceinline__ void scalesOfRows(const Scales& scales, int row, int lastRow, int scalesOfRow, int inRow,
                                             float (&out)[N]) {
    int block[N];
#pragma unroll
    for (int r = 0; r < N; r++) {
        block[r] = min(row + r, lastRow) * scalesOfRow + inRow;
    }
    if (scales.stored == STORED_F16) {
#pragma unroll
        for (int r = 0; r < N; r++) {
            out[r] = storedFloat(scales.values, STORED_F16, block[r]);
        }
    } else if (scales.stored == TWO_LEVELS && scales.bits == 8 && (scales.superGroup & (scales.superGroup - 1)) == 0) {
        int shift = 31 - __clz(scales.superGroup);
#pragma unroll
        for (int r = 0; r < N; r++) {
            float code = __ldg((const u8*)scales.values + block[r]);
            out[r] = __fmaf_rn(code, __ldg(scales.factors + 2 * (block[r] >> shift) + 1), scales.offset);
        }
    } else {
#pragma unroll 1
        for (int r = 0; r < N; r++) {
            put(out, r, scales.near(min(row + r, lastRow) * scalesOfRow + inRow));
        }
    }
}

/** The sum of what the table has for the fields of a lane's words. */
template <int FIELD_BITS, int WORDS>
__device__ __forceinline__ float lookUp(const u8* table, const u32 (&words)[WORDS], u32 laneOffset) {
    float sums[4];
    if (FIELD_BITS == 8) {
#pragma unroll
        for (int field = 0; field < 4; field++) {
            // byte 0: the lane's place in a line of the table; byte 1: the field; zeros
            u32 offset = __byte_perm(words[0], laneOffset, 0x5504 | field << 4);
            sums[field] = *(const float*)(table + offset + entryAt<8>(field, 0) * 4);
        }
    } else {
        constexpr int FIELDS = 32 * WORDS / FIELD_BITS;
        constexpr u32 MASK = ((1u << FIELD_BITS) - 1) << 7;
#pragma unroll
        for (int field = 0; field < FIELDS; field++) {
            constexpr int LINE = 7;  // a line of the table has 128 bytes
            int word = field * FIELD_BITS / 32;
            int from = field * FIELD_BITS % 32;
            u32 shifted = from + FIELD_BITS > 32 ? __funnelshift_r(words[word], words[min(word + 1, WORDS - 1)], from - LINE)
                          : from < LINE          ? words[word] << (LINE - from)
                                                 : words[word] >> (from - LINE);
            float entry = *(const float*)(table + ((shifted & MASK) | laneOffset) + entryAt<FIELD_BITS>(field, 0) * 4);
            sums[field % 4] = field < 4 ? entry : __fadd_rn(sums[field % 4], entry);
        }
    }
    return __fadd_rn(__fadd_rn(sums[0], sums[1]), __fadd_rn(sums[2], sums[3]));
}

/** A lane's words of the rows of a unit; rows behind the last are the last again. */
template <int UNIT, int WORDS>
__device__ __forceinline__ void loadUnit(const u32* ofLane, int unit, int rows, int wordsOfRow, u32 (&words)[UNIT][WORDS]) {
#pragma unroll
    for (int r = 0; r < UNIT; r++) {
        const u32* from = ofLane + i64(min(unit * UNIT + r, rows - 1)) * wordsOfRow;
#pragma unroll
        for (int w = 0; w < WORDS; w++) {
            words[r][w] = __ldg(from + w);
        }
    }
}

/**
 * Y = X W^T, blockIdx.y being the token. Columns are cut into tiles, rows into units; each block takes an equal run of the (tile, unit) pairs, tile by tile, and each
 * warp a unit at a time. The warp that is the last to finish a unit, over all tiles, adds the tiles' sums: those of even tiles, those of odd ones, then both, then
 * the low-rank term; so the order of additions does not depend on who was last.
 *
 * @param tables a struct with FIELD_BITS and FIELDS (of a lane), columnsOfLane(), fill(x, left, entries), scaleOfLane(column), prepare(row, lastRow, inRow, factors,
 *     shifts): a row's sum of a lane is factor * (looked up + shift * the sum that fill returned)
 * @param codes rows begin at words of 32 bits
 */
template <class Tables>
__device__ __forceinline__ void multiplyByLookup(const Tables& tables, const u8* codes, int rows, int columns, const float* x,
                                                 float* y, LowRank term, float* partial, u32* arrived) {
    constexpr int WORDS = Tables::FIELDS * Tables::FIELD_BITS / 32;
    constexpr int UNIT = WORDS == 1 ? 2 * LOOKUP_STEP : LOOKUP_STEP;
    constexpr bool AHEAD = WORDS == 1;
    DYNAMIC_SHARED(table);
    int lane = threadIdx.x % WARP;
    int columnsOfLane = tables.columnsOfLane();
    int tiles = (columns + columnsOfLane * WARP - 1) / (columnsOfLane * WARP);
    int units = (rows + UNIT - 1) / UNIT;
    int wordsOfRow = columns / columnsOfLane * WORDS;
    x += i64(blockIdx.y) * columns;
    partial += i64(blockIdx.y) * tiles * rows;
    arrived += i64(blockIdx.y) * units;
    i64 pairs = i64(tiles) * units;
    i64 pair = pairs * blockIdx.x / gridDim.x;
    i64 end = pairs * (blockIdx.x + 1) / gridDim.x;
    while (pair < end) {
        int tile = int(pair / units);
        int endUnit = int(min(i64(units), end - i64(tile) * units));
        int unit = int(pair - i64(tile) * units) + threadIdx.x / WARP;
        int column = (tile * WARP + lane) * columnsOfLane;
        // a lane beyond the last column reads what the first one reads, and finds zeros in its table
        int inside = column < columns ? column : 0;
        int inRow = tables.scaleOfLane(inside);
        const u32* ofLane = (const u32*)codes + inside / columnsOfLane * WORDS;
        // codes are on their way while the table is made, and then those of the unit after this one, where registers allow it
        u32 words[UNIT][WORDS], next[UNIT][WORDS];
        loadUnit(ofLane, unit, rows, wordsOfRow, words);
        __syncthreads();
        float inputs = tables.fill(x + column, columns - column, (float*)table + lane);
        __syncthreads();
        for (; unit < endUnit; unit += LOOKUP_THREADS / WARP) {
            bool more = unit + LOOKUP_THREADS / WARP < endUnit;
            if (AHEAD && more) {
                loadUnit(ofLane, unit + LOOKUP_THREADS / WARP, rows, wordsOfRow, next);
            }
#pragma unroll
            for (int step = 0; step < UNIT; step += LOOKUP_STEP) {
                int row = unit * UNIT + step;
                float factors[LOOKUP_STEP], shifts[LOOKUP_STEP], sums[LOOKUP_STEP];
                tables.prepare(row, rows - 1, inRow, factors, shifts);
#pragma unroll
                for (int r = 0; r < LOOKUP_STEP; r++) {
                    float sum = lookUp<Tables::FIELD_BITS>(table, words[step + r], lane * 4);
                    sums[r] = __fmul_rn(factors[r], Tables::SHIFTED ? __fmaf_rn(shifts[r], inputs, sum) : sum);
                }
                sumOverLanes(sums);
                int sumRow = row + firstSum<LOOKUP_STEP>();
                if (ownsSum<LOOKUP_STEP>() && sumRow < rows) {
                    partial[i64(tile) * rows + sumRow] = sums[0];
                }
            }
            __threadfence();
            __syncwarp();
            u32 before = lane == 0 ? atomicAdd(arrived + unit, 1u) : 0;
            if (__shfl_sync(ALL_LANES, before, 0) == u32(tiles - 1)) {
                __threadfence();
                if (lane == 0) {
                    arrived[unit] = 0;
                }
                constexpr int TOGETHER = WARP / UNIT;
                int row = min(unit * UNIT + lane % UNIT, rows - 1);
                float sum = 0;
                for (int t = lane / UNIT; t < tiles; t += TOGETHER) {
                    sum = __fadd_rn(sum, __ldcg(partial + i64(t) * rows + row));
                }
#pragma unroll
                for (int flip = UNIT; flip < WARP; flip *= 2) {
                    sum = __fadd_rn(sum, __shfl_xor_sync(ALL_LANES, sum, flip));
                }
                if (lane < UNIT && unit * UNIT + lane < rows) {
                    if (term.rank > 0) {
                        sum = __fadd_rn(sum, term.ofRow(blockIdx.y, row, rows));
                    }
                    y[i64(blockIdx.y) * rows + row] = sum;
                }
            }
            if (AHEAD) {
#pragma unroll
                for (int r = 0; r < UNIT; r++) {
                    words[r][0] = next[r][0];
                }
            } else if (more) {
                loadUnit(ofLane, unit + LOOKUP_THREADS / WARP, rows, wordsOfRow, words);
            }
        }
        pair = i64(tile) * units + endUnit;
    }
}
