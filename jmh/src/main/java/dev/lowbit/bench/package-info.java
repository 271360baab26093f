/**
 * How fast Lowbit is: one JMH class per verb and per whole step, each of which checks its own result before it measures, and a
 * comparison of ratios to references of the same run ({@link dev.lowbit.bench.CompareMain}) with a committed baseline. See
 * docs/performance.md.
 */
package dev.lowbit.bench;
