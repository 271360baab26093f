package dev.lowbit.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.InvalidRequestException;
import org.junit.jupiter.api.Test;

/** Without any provider; those with some are in the modules that have them. */
class DevicesTest {
    @Test
    void withoutProvidersThereIsTheCpuOnly() {
        assertThat(Devices.providers()).isEmpty();
        assertThatThrownBy(() -> Devices.named("cuda"))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessage("--device cuda: choose cpu");
    }
}
