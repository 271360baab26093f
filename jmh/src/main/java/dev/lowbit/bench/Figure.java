package dev.lowbit.bench;

import java.util.List;
import java.util.OptionalDouble;

/**
 * One number of the report: a benchmark, the work of one call and the reference it is held against.
 *
 * @param id its name in the report and the baseline
 * @param benchmark class and method
 * @param parameters values in the order of the parameters' names
 * @param weights weights that one call handles; 0 where that means nothing
 * @param work operations, bytes or weights of one call, as the measure needs
 * @param bar the least speed that the project promises, as a ratio
 */
record Figure(
        String id,
        String benchmark,
        List<String> parameters,
        double weights,
        double work,
        Measure measure,
        OptionalDouble bar) {
    private static final double LARGE = 4096.0 * 4096;

    /** Every figure of the suite. */
    static final List<Figure> ALL = List.of(
            of(GemmBenchmark.class, "multiply", "gemm-1024").operations(2.0 * 1024 * 1024 * 1024, 0.60),
            of(GemmBenchmark.class, "multiplyLeftTransposed", "gemm-1024-left-transposed")
                    .operations(2.0 * 1024 * 1024 * 1024),
            of(GemmBenchmark.class, "multiplyRightTransposed", "gemm-1024-right-transposed")
                    .operations(2.0 * 1024 * 1024 * 1024),
            of(GemmBenchmark.class, "gram", "gram-4096x74-double").operations(4096.0 * 74 * 75),
            of(GemmBenchmark.class, "gemv", "gemv-f32").read(LARGE, 32),
            of(GemvBenchmark.class, "multiply", "gemv-bf16", "bf16").read(LARGE, 16),
            of(GemvBenchmark.class, "multiply", "gemv-affine2", "affine2-g64-f16")
                    .read(LARGE, 2 + 18.0 / 64),
            of(GemvBenchmark.class, "multiply", "gemv-affine4", "affine4-g128-f16")
                    .read(LARGE, 4 + 20.0 / 128),
            of(GemvBenchmark.class, "multiply", "gemv-affine8", "affine8-g128-f16")
                    .read(LARGE, 8 + 24.0 / 128, 0.70),
            of(GemvBenchmark.class, "multiply", "gemv-nf2", "nf2-g64-s8x256-fp32")
                    .read(LARGE, 2.126953125),
            of(GemvBenchmark.class, "multiply", "gemv-nf3", "nf3-g64-s8x256-fp32")
                    .read(LARGE, 3.126953125),
            of(GemvBenchmark.class, "multiply", "gemv-nf4", "nf4-g64-s8x256-fp32")
                    .read(LARGE, 4.126953125),
            of(GemvBenchmark.class, "multiplyTransposed", "gemv-transposed-nf2", "nf2-g64-s8x256-fp32")
                    .read(LARGE, 2.126953125),
            of(GemvBenchmark.class, "multiplyTransposed", "gemv-transposed-nf3", "nf3-g64-s8x256-fp32")
                    .read(LARGE, 3.126953125),
            of(GemvBenchmark.class, "multiplyTransposed", "gemv-transposed-nf4", "nf4-g64-s8x256-fp32")
                    .read(LARGE, 4.126953125),
            of(GemvBenchmark.class, "multiply", "gemv-sketch2", "sketch2-r1-f16")
                    .read(LARGE, 2 + 16.0 * 4 / 4096),
            of(GemvBenchmark.class, "multiply", "gemv-sketch3", "sketch3-r1-f16")
                    .read(LARGE, 3 + 16.0 * 8 / 4096),
            of(GemvBenchmark.class, "multiply", "gemv-sketch4", "sketch4-r1-f16")
                    .read(LARGE, 4 + 16.0 * 16 / 4096),
            of(AdditiveBenchmark.class, "multiply", "gemv-aq1x8-g8", "aq1x8-g8-row-f16")
                    .ofGemv(LARGE),
            of(AdditiveBenchmark.class, "multiply", "gemv-aq2x8-g8", "aq2x8-g8-row-f16")
                    .ofGemv(LARGE),
            of(AdditiveBenchmark.class, "multiply", "gemv-aq1x8-g4", "aq1x8-g4-row-f16")
                    .ofGemv(LARGE),
            of(AdditiveBenchmark.class, "multiply", "gemv-aq1x12-g8", "aq1x12-g8-row-f16")
                    .ofGemv(LARGE),
            of(LookupBenchmark.class, "multiply", "lookup-nf2-cached", "nf2-g64-s8x256-bf16", "1")
                    .ofGemv(LARGE),
            of(LookupBenchmark.class, "multiply", "lookup-nf2", "nf2-g64-s8x256-bf16", "24")
                    .read(LARGE, 2.25, 0.65),
            of(LookupBenchmark.class, "multiply", "lookup-nf3-cached", "nf3-g64-s8x256-bf16", "1")
                    .ofGemv(LARGE),
            of(LookupBenchmark.class, "multiply", "lookup-nf3", "nf3-g64-s8x256-bf16", "24")
                    .read(LARGE, 4.25, 0.60),
            of(LookupBenchmark.class, "multiply", "lookup-nf4-cached", "nf4-g64-s8x256-bf16", "1")
                    .ofGemv(LARGE),
            of(LookupBenchmark.class, "multiply", "lookup-nf4", "nf4-g64-s8x256-bf16", "24")
                    .read(LARGE, 4.25, 0.55),
            of(LookupBenchmark.class, "multiply", "lookup-affine2-cached", "affine2-g64-f16", "1")
                    .ofGemv(LARGE),
            of(LookupBenchmark.class, "multiply", "lookup-affine2", "affine2-g64-f16", "24")
                    .read(LARGE, 2.5, 0.65),
            of(LookupBenchmark.class, "multiply", "lookup-affine4-cached", "affine4-g128-f16", "1")
                    .ofGemv(LARGE),
            of(LookupBenchmark.class, "multiply", "lookup-affine4", "affine4-g128-f16", "24")
                    .read(LARGE, 4.25, 0.60),
            of(LookupBenchmark.class, "multiply", "lookup-aq2x8-g8-cached", "aq2x8-g8-row-bf16", "1")
                    .ofGemv(LARGE),
            of(LookupBenchmark.class, "multiply", "lookup-aq2x8-g8", "aq2x8-g8-row-bf16", "24")
                    .read(LARGE, 2 + 16.0 / 4096, 0.60),
            of(LookupThreadsBenchmark.class, "multiply", "lookup-nf2-2-threads", "nf2-g64-s8x256-bf16")
                    .readByTwo(LARGE, 2.25, 0.75),
            of(LookupThreadsBenchmark.class, "multiply", "lookup-affine4-2-threads", "affine4-g128-f16")
                    .readByTwo(LARGE, 4.25, 0.90),
            // the goals of products in the cache, where the float product's weights are in it too
            of(LookupBenchmark.class, "multiply", "goal-lookup-nf2", "nf2-g64-s8x256-bf16", "1")
                    .ofCachedGemv(LARGE, 5),
            of(LookupBenchmark.class, "multiply", "goal-lookup-affine2", "affine2-g64-f16", "1")
                    .ofCachedGemv(LARGE, 5),
            of(LookupBenchmark.class, "multiply", "goal-lookup-nf3", "nf3-g64-s8x256-bf16", "1")
                    .ofCachedGemv(LARGE, 3.2),
            of(LookupBenchmark.class, "multiply", "goal-lookup-affine4", "affine4-g128-f16", "1")
                    .ofCachedGemv(LARGE, 2.5),
            of(LookupBenchmark.class, "multiply", "goal-lookup-nf4", "nf4-g64-s8x256-bf16", "1")
                    .ofCachedGemv(LARGE, 1.8),
            of(LookupBenchmark.class, "multiply", "goal-lookup-aq2x8-g8", "aq2x8-g8-row-bf16", "1")
                    .ofCachedGemv(LARGE, 5),
            of(GemvBenchmark.class, "multiply", "goal-gemv-affine2", "affine2-g64-f16")
                    .ofCachedGemv(LARGE, 0.9),
            of(GemvBenchmark.class, "multiply", "goal-gemv-affine4", "affine4-g128-f16")
                    .ofCachedGemv(LARGE, 0.9),
            of(GemvBenchmark.class, "multiply", "goal-gemv-affine8", "affine8-g128-f16")
                    .ofCachedGemv(LARGE, 1.4),
            of(GemvBenchmark.class, "multiply", "goal-gemv-nf2", "nf2-g64-s8x256-fp32")
                    .ofCachedGemv(LARGE, 0.9),
            of(GemvBenchmark.class, "multiply", "goal-gemv-nf3", "nf3-g64-s8x256-fp32")
                    .ofCachedGemv(LARGE, 0.9),
            of(GemvBenchmark.class, "multiply", "goal-gemv-nf4", "nf4-g64-s8x256-fp32")
                    .ofCachedGemv(LARGE, 0.9),
            of(GemvBenchmark.class, "multiply", "goal-gemv-sketch2", "sketch2-r1-f16")
                    .ofCachedGemv(LARGE, 0.9),
            of(GemvBenchmark.class, "multiply", "goal-gemv-sketch3", "sketch3-r1-f16")
                    .ofCachedGemv(LARGE, 0.9),
            of(GemvBenchmark.class, "multiply", "goal-gemv-sketch4", "sketch4-r1-f16")
                    .ofCachedGemv(LARGE, 0.9),
            of(AdditiveBenchmark.class, "multiply", "goal-gemv-aq1x8-g8", "aq1x8-g8-row-f16")
                    .ofCachedGemv(LARGE, 0.9),
            of(AdditiveBenchmark.class, "multiply", "goal-gemv-aq2x8-g8", "aq2x8-g8-row-f16")
                    .ofCachedGemv(LARGE, 0.9),
            of(ConversionBenchmark.class, "widen", "widen-f16", "F16").store(ConversionBenchmark.COUNT),
            of(ConversionBenchmark.class, "widen", "widen-bf16", "BF16").store(ConversionBenchmark.COUNT),
            of(ConversionBenchmark.class, "widen", "widen-f8", "F8_E4M3").store(ConversionBenchmark.COUNT),
            of(DequantizeBenchmark.class, "dequantize", "dequantize-nf2", "nf2-g64-s8x256-fp32", "native")
                    .store(LARGE, 0.60),
            of(DequantizeBenchmark.class, "dequantize", "dequantize-nf2-array", "nf2-g64-s8x256-fp32", "array")
                    .store(LARGE, 0.60),
            of(DequantizeBenchmark.class, "dequantize", "dequantize-nf3", "nf3-g64-s8x256-fp32", "native")
                    .store(LARGE, 0.60),
            of(DequantizeBenchmark.class, "dequantize", "dequantize-nf3-array", "nf3-g64-s8x256-fp32", "array")
                    .store(LARGE, 0.60),
            of(DequantizeBenchmark.class, "dequantize", "dequantize-nf4", "nf4-g64-s8x256-fp32", "native")
                    .store(LARGE, 0.60),
            of(DequantizeBenchmark.class, "dequantize", "dequantize-nf4-array", "nf4-g64-s8x256-fp32", "array")
                    .store(LARGE, 0.60),
            of(QuantizeBenchmark.class, "quantize", "quantize-nf4", "nf4-g64-s8x256-fp32")
                    .timesS(LARGE, 3.2),
            of(QuantizeBenchmark.class, "quantize", "quantize-nf3", "nf3-g64-s8x256-fp32")
                    .timesS(LARGE),
            of(QuantizeBenchmark.class, "quantize", "quantize-nf2", "nf2-g64-s8x256-fp32")
                    .timesS(LARGE),
            of(PriceBenchmark.class, "price", "price-nf4", "nf4-g64-s8x256-fp32")
                    .timesS(LARGE),
            of(AbsMaxBenchmark.class, "absMax", "absmax").read(LARGE, 32),
            of(BudgetBenchmark.class, "solve", "budget-7b-2.5", "2.5").timesS(0),
            of(BudgetBenchmark.class, "solve", "budget-7b-2.75", "2.75").timesS(0, 71),
            of(BudgetBenchmark.class, "solve", "budget-7b-3", "3").timesS(0),
            of(BudgetBenchmark.class, "solve", "budget-7b-4", "4").timesS(0),
            of(DecomposeBenchmark.class, "decompose", "decompose-1024-r64", "nf3-g64-s8x256-fp32", "1024")
                    .timesS(1024.0 * 1024, 11),
            of(DecomposeBenchmark.class, "decompose", "decompose-4096-r64", "nf3-g64-s8x256-fp32", "4096")
                    .timesS(LARGE, 230),
            of(CompressBenchmark.class, "compress", "compress-1024-2.75").timesS(1024.0 * 1024),
            of(FeedbackBenchmark.class, "quantize", "feedback-nf4", "nf4-g64-s8x256-fp32")
                    .timesS(1024.0 * 1024),
            of(FeedbackBenchmark.class, "quantize", "feedback-lc3", "lc3-g32-s4x64-bf16")
                    .timesS(1024.0 * 1024),
            of(GptqBenchmark.class, "quantize", "gptq-1024-g128", "false", "1").timesS(1024.0 * 1024, 9),
            of(GptqBenchmark.class, "quantize", "gptq-1024-g128-2-threads", "false", "2")
                    .timesS(1024.0 * 1024, 9),
            of(SketchBenchmark.class, "sketch", "sketch-1024-2-bits", "2", "0", "1")
                    .timesS(1024.0 * 1024, 13),
            of(SketchBenchmark.class, "sketch", "sketch-1024-2-bits-whole", "2", "8", "1")
                    .timesS(1024.0 * 1024),
            of(SketchBenchmark.class, "sketch", "sketch-1024-4-bits", "4", "0", "1")
                    .timesS(1024.0 * 1024, 38),
            of(SketchBenchmark.class, "sketch", "sketch-1024-4-bits-whole", "4", "8", "1")
                    .timesS(1024.0 * 1024),
            of(LayerBenchmark.class, "quantize", "layer-1024-2x8-g8", "1").timesS(1024.0 * 1024, 840),
            of(LayerBenchmark.class, "quantize", "layer-1024-2x8-g8-2-threads", "2")
                    .timesS(1024.0 * 1024, 840),
            of(LargeLayerBenchmark.class, "quantize", "layer-4096-2x8-g8-2-threads", "4096")
                    .timesS(LARGE),
            of(CodewordBenchmark.class, "assign", "codewords-assign").operations(CodewordBenchmark.ASSIGN_OPERATIONS),
            of(CodewordBenchmark.class, "search", "codewords-search").operations(CodewordBenchmark.SEARCH_OPERATIONS),
            of(CorrectionBenchmark.class, "correct", "correction-4096-r32", "2").timesS(LARGE),
            of(SvdBenchmark.class, "decompose", "svd-4096", "4096").timesS(LARGE),
            of(TransformerBenchmark.class, "product", "transformer-512-product")
                    .operations(TransformerBenchmark.PRODUCT_OPERATIONS),
            of(TransformerBenchmark.class, "forward", "transformer-512-forward")
                    .operations(TransformerBenchmark.FORWARD_OPERATIONS),
            of(TransformerBenchmark.class, "train", "transformer-512-train")
                    .operations(3 * TransformerBenchmark.FORWARD_OPERATIONS));

    private static Builder of(Class<?> benchmarks, String method, String id, String... parameters) {
        return new Builder(id, benchmarks.getName() + "." + method, List.of(parameters));
    }

    /** Names a figure, to be given its work. */
    private record Builder(String id, String benchmark, List<String> parameters) {
        Figure operations(double operations) {
            return figure(0, operations, Measure.OF_SGEMM);
        }

        Figure operations(double operations, double bar) {
            return figure(0, operations, Measure.OF_SGEMM, bar);
        }

        Figure read(double weights, double bits) {
            return figure(weights, weights * bits / Byte.SIZE, Measure.OF_READ);
        }

        Figure read(double weights, double bits, double bar) {
            return figure(weights, weights * bits / Byte.SIZE, Measure.OF_READ, bar);
        }

        Figure readByTwo(double weights, double bits, double bar) {
            return figure(weights, weights * bits / Byte.SIZE, Measure.OF_READ_BY_TWO, bar);
        }

        Figure ofGemv(double weights) {
            return figure(weights, weights, Measure.OF_GEMV);
        }

        Figure ofCachedGemv(double weights, double bar) {
            return figure(weights, weights, Measure.OF_CACHED_GEMV, bar);
        }

        Figure store(double weights) {
            return figure(weights, weights * Float.BYTES, Measure.OF_STORE);
        }

        Figure store(double weights, double bar) {
            return figure(weights, weights * Float.BYTES, Measure.OF_STORE, bar);
        }

        Figure timesS(double weights) {
            return figure(weights, 0, Measure.TIMES_S);
        }

        Figure timesS(double weights, double bar) {
            return figure(weights, 0, Measure.TIMES_S, bar);
        }

        private Figure figure(double weights, double work, Measure measure) {
            return new Figure(id, benchmark, parameters, weights, work, measure, OptionalDouble.empty());
        }

        private Figure figure(double weights, double work, Measure measure, double bar) {
            return new Figure(id, benchmark, parameters, weights, work, measure, OptionalDouble.of(bar));
        }
    }

    boolean in(JmhResults results) {
        return results.has(benchmark, parameters.toArray(String[]::new));
    }

    JmhResults.Time time(JmhResults results) {
        return results.time(benchmark, parameters.toArray(String[]::new));
    }

    double ratio(JmhResults results, References references) {
        return measure.ratio(time(results).seconds(), work, references);
    }
}
