/**
 * Updates of fine-tuning as signs and one scale (ComPEFT, arXiv 2311.13171): no training, no data. The entries of largest magnitude keep
 * their sign, all others become 0, and
 *
 * <pre>
 *   γ[i] = sign(τ[i]) if i is kept, else 0        τ̂ = s γ        θ = θ₀ + τ̂
 *   s = α σ, or the mean of |τ[i]| over the kept: the best s for given signs, with ||τ - s γ||² = ||τ||² - n s²
 * </pre>
 *
 * <table>
 * <caption>One vocabulary</caption>
 * <tr><th>letter</th><th>name</th><th>shape</th></tr>
 * <tr><td>τ</td><td>update: fine-tuned minus initial weights; tensors in code point order of their names, each row-major</td><td>d</td></tr>
 * <tr><td>k</td><td>density: the share of entries to be kept</td><td>above 0, at most 1</td></tr>
 * <tr><td>γ</td><td>ternary vector, stored as masks P (γ = 1) and N (γ = -1)</td><td>d</td></tr>
 * <tr><td>n, p</td><td>entries that are not zero, and n / d</td><td>scalars</td></tr>
 * <tr><td>σ</td><td>sample deviation of all of τ, divisor d - 1</td><td>scalar</td></tr>
 * <tr><td>α, s</td><td>factor that the caller chooses; scale, stored in 32 bits</td><td>scalars</td></tr>
 * <tr><td>b</td><td>Rice parameter: low bits of a gap between two non-zeros</td><td>scalar</td></tr>
 * </table>
 *
 * <p>{@link dev.lowbit.compeft.ComPeft} compresses, {@link dev.lowbit.compeft.CompressedUpdate} is the result, and
 * {@link dev.lowbit.compeft.UpdateFile} stores it as docs/formats/compeft.md says. Everything is the same for any number of threads.
 */
package dev.lowbit.compeft;
