/** What a text says about a model's linear layers: second moments of their inputs, Fisher weights, sensitivities. */
package dev.lowbit.transformer.calibration;
