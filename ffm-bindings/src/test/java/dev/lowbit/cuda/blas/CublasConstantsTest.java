package dev.lowbit.cuda.blas;

import static org.assertj.core.api.Assertions.assertThat;

import org.bytedeco.cuda.global.cublas;
import org.bytedeco.cuda.global.cudart;
import org.junit.jupiter.api.Test;

/** As {@code ConstantsTest}, for cuBLAS. */
class CublasConstantsTest {
    @Test
    void constants() {
        assertThat(Cublas.SUCCESS).isEqualTo(cublas.CUBLAS_STATUS_SUCCESS);
        assertThat(Cublas.OP_N).isEqualTo(cublas.CUBLAS_OP_N);
        assertThat(Cublas.OP_T).isEqualTo(cublas.CUBLAS_OP_T);
        assertThat(Cublas.COMPUTE_32F).isEqualTo(cublas.CUBLAS_COMPUTE_32F);
        assertThat(Cublas.GEMM_DEFAULT).isEqualTo(cublas.CUBLAS_GEMM_DEFAULT);
        assertThat(Cublas.R_16BF).isEqualTo(cudart.CUDA_R_16BF);
        assertThat(Cublas.R_32F).isEqualTo(cudart.CUDA_R_32F);
    }
}
