package dev.lowbit.jobs.export;

/**
 * What an export in the layout of AQLM has beside the matrices, and what it lost.
 *
 * @param adapterMatrices how many matrices the adapter has; 0 for none
 * @param roundingError what rounding the scales to F16 changed, ||Ŵ - Ŵ'||_F / ||Ŵ||_F over all matrices without their low-rank parts
 */
public record AqlmExport(int adapterMatrices, double roundingError) {}
