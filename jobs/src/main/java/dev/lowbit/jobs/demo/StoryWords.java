package dev.lowbit.jobs.demo;

import java.util.List;

/** The words of the demo's stories. Small on purpose: a model of a million weights is to know them all. */
final class StoryWords {
    static final List<String> GIRLS = List.of("Mia", "Lucy", "Anna", "Ella", "Rosie", "Nora", "Ivy", "Ruby", "Clara");
    static final List<String> BOYS = List.of("Ben", "Leo", "Max", "Oscar", "Finn", "Hugo", "Theo", "Jack", "Emil");
    static final List<String> ANIMALS =
            List.of("rabbit", "fox", "bear", "mouse", "duck", "hedgehog", "kitten", "puppy", "frog", "squirrel");
    static final List<String> NATURES =
            List.of("little", "kind", "brave", "quiet", "clever", "cheerful", "curious", "gentle", "funny");
    static final List<String> FEELINGS =
            List.of("happy", "busy", "hungry", "sleepy", "friendly", "polite", "full of ideas");
    static final List<String> SAD = List.of("sad", "angry", "worried", "tired", "upset", "lonely");
    static final List<String> HOMES = List.of(
            "a small house by the river",
            "a white house on a hill",
            "a cozy cottage near the forest",
            "a red house beside the lake",
            "a tall house in the village",
            "an old farm with a big barn");
    static final List<String> COLORS =
            List.of("red", "blue", "green", "yellow", "white", "purple", "brown", "golden", "silver", "pink");
    static final List<String> TOYS = List.of(
            "ball", "kite", "boat", "drum", "doll", "scarf", "hat", "bell", "book", "lamp", "basket", "whistle");
    static final List<String> PLACES = List.of(
            "the park",
            "the beach",
            "the forest",
            "the meadow",
            "the market",
            "the lake",
            "the garden",
            "the playground",
            "the river");
    static final List<String> SPOTS = List.of(
            "under the old bench",
            "behind a big rock",
            "in the tall grass",
            "next to the gate",
            "under a pile of leaves",
            "between two trees",
            "inside an empty box",
            "near the wooden bridge");
    static final List<String> WEATHERS = List.of("sunny", "warm", "windy", "cold", "cloudy", "bright");
    static final List<String> STORMS = List.of("rain", "snow", "wind", "thunder");
    static final List<String> BUILDINGS = List.of("a castle", "a tower", "a bridge", "a tent", "a snowman", "a raft");
    static final List<String> MATERIALS =
            List.of("sticks", "stones", "sand", "leaves", "old boxes", "mud", "rope", "shells");
    static final List<String> FOODS = List.of("cake", "soup", "bread", "pie", "pancakes", "cookies", "pudding", "jam");
    static final List<String> INGREDIENTS =
            List.of("flour", "milk", "eggs", "honey", "apples", "butter", "berries", "nuts", "carrots", "sugar");
    static final List<String> ELDERS = List.of("mother", "father", "grandma", "grandpa", "aunt", "uncle");
    static final List<String> DRINKS = List.of("hot milk", "warm tea", "hot chocolate", "warm juice");

    private StoryWords() {}
}
