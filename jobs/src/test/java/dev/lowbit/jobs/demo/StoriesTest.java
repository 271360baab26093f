package dev.lowbit.jobs.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class StoriesTest {
    @Test
    void theSameStoriesForTheSameSeedOnly() {
        assertThat(Stories.text(3, "a", 0, 5000)).isEqualTo(Stories.text(3, "a", 0, 5000));
        Set<String> different = new HashSet<>();
        for (int i = 0; i < 200; i++) {
            different.add(Stories.story(3, "a", i));
            different.add(Stories.story(4, "a", i));
            different.add(Stories.story(3, "b", i));
        }
        assertThat(different).hasSize(600);
    }

    /** Grammar that a careless template breaks: articles, doubled words, sentences that begin and end as they should. */
    @Test
    void storiesAreEnglish() {
        for (int i = 0; i < 500; i++) {
            String story = Stories.story(5, "english", i);
            assertThat(story)
                    .matches("[A-Z\"][A-Za-z ,.!?\"]+[.!?\"]")
                    .doesNotContainPattern("\\b[Aa] [aeiou]")
                    .doesNotContainPattern("\\b[Aa]n [^aeiou]")
                    .doesNotContainPattern("\\b(\\w+) \\1\\b")
                    .doesNotContain("  ", " .", " ,", "a a ", "the the");
        }
    }
}
