/**
 * Updates of fine-tuning: written as signs and scales (ComPEFT), read, merged, and added to what they belong to. An update is one of a LoRA adapter (its
 * tensors, which begin at 0), of a checkpoint (what fine-tuning changed), or of the float parts of a compressed model (what {@code tune} changed).
 */
package dev.lowbit.jobs.update;
