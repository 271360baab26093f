/** Tuning what a compression method left trainable, end to end and without knowing the method. */
package dev.lowbit.transformer.tuning;
