package dev.lowbit.kernel;

/** The nonlinear functions of feed-forward layers, each with its derivative in {@link Activations}. */
public enum Activation {
    /** x σ(x), σ(x) = 1 / (1 + e^-x); also called swish. */
    SILU,
    /** x σ(2z), z = √(2/π) (x + 0.044715 x³), which equals x (1 + tanh z) / 2. */
    GELU_TANH,
    /** x Φ(x) with the normal distribution function Φ. */
    GELU_ERF,
    /** max(x, 0), derivative 0 at 0. */
    RELU
}
