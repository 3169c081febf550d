package datasets

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestSplitWords(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "",
		" \t\n\u00a0\u200b":                 "",
		"This FILM isn't bad.":              "this film isn't bad .",
		"It’s ‘good’":                       "it's ‘ good '",
		"'tis the boys' own rock'n'roll'":   "' tis the boys ' own rock'n'roll '",
		"well-made, 10/10 (3.5 stars)!!!":   "well - made , 10 / 10 ( 3 . 5 stars ) !",
		"wait..... what?!?!":                "wait . what ? ! ? !",
		"one<br />two<BR/>three<br>four<p>": "one two three four < p >",
		"Ä A\u0308 naïve ŒUVRE ß Ωmega":     "ä ä naïve œuvre ß ωmega",
		"snake_case x2 №5":                  "snake_case x2 № 5",
		"很好的電影 とても 映画です":                    "很 好 的 電 影 と て も 映 画 で す",
		"好好":                                "好 好",
		"नमस्ते दुनिया":                     "नमस्ते दुनिया",
		"😀😀 great 👍🏽":                       "😀 great 👍 🏽",
		"a\x00b\x1b[31mc\ufffd\ufeffd":      "a b [ 31mc d",
		"שלום עולם. مرحبا":                  "שלום עולם . مرحبا",
	} {
		got := strings.Join(splitWords(text, nil), " ")
		if got != want {
			t.Errorf("%q is split into %q, want %q", text, got, want)
		}
	}
}

func TestVocabulary(t *testing.T) {
	var l lexicon
	var count []int
	for _, word := range strings.Fields("b a c a b once d d " + strings.Repeat("x", longestWord+1)) {
		n := l.number(word)
		if n == outOfBounds {
			continue
		}
		if int(n) == len(count) {
			count = append(count, 0)
		}
		count[n]++
	}
	words, ids := l.vocabulary(count, 2)
	if diff := cmp.Diff([]string{"", "", "a", "b"}, words); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int32{3, 2, unknown, unknown, unknown}, ids); diff != "" {
		t.Error("of b, a, c, once and d: ", diff)
	}
	if words, _ := l.vocabulary(count, 99); len(words) != firstWord+3 {
		t.Errorf("what occurs once is in %q", words)
	}
}

func FuzzSplitWords(f *testing.F) {
	for _, text := range []string{"It’s <br />ok!!", "\xff\xfe'a'", "好\u0301x", "İ'ß’"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, word := range splitWords(text, nil) {
			if word == "" || !utf8.ValidString(word) || strings.ContainsAny(word, " \n\x00") {
				t.Fatalf("%q has the word %q", text, word)
			}
			if again := splitWords(word, nil); len(again) != 1 {
				t.Fatalf("%q of %q is no single word by itself: %q", word, text, again)
			}
		}
	})
}
