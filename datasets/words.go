package datasets

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A text becomes the ids of its words, the frequent ones of the texts that can be
// trained on. That is what the field does on reviews, and what a small network can carry: the
// ready-made vocabularies of subwords, for which there are libraries, have 30,000
// tokens and more, whose embedding alone would outweigh the network.

// The ids that are no words.
const (
	padding   = 0 // after the end of a text
	unknown   = 1 // a word that is not in the vocabulary
	firstWord = 2
)

// Limits of what a text becomes.
const (
	usualTokens, mostTokens = 256, 4096
	usualWords, mostWords   = 10_000, 65_000
	longestWord             = 64 // bytes; a longer one, such as an address, is unknown
	tokenBytes              = 2  // of an id in a packed file
)

// breaks are the line breaks of HTML, which are in many texts from the web.
var breaks = regexp.MustCompile(`(?i)<br\s*/?\s*>`)

// splitWords appends the words of a text, in lower case, to into: letters, digits and
// marks together, with apostrophes between letters; signs and the characters of
// scripts without spaces each by itself, a repeated sign once.
func splitWords(text string, into []string) []string {
	text = strings.ReplaceAll(text, "’", "'")
	text = strings.ToLower(norm.NFC.String(breaks.ReplaceAllLiteralString(text, " ")))
	start := -1 // of the word that is being read
	var last rune
	for i, r := range text {
		before := last
		last = r
		inside := isWord(r) || r == '\'' && start >= 0 && unicode.IsLetter(before) && letterAt(text[i+1:])
		if inside && !alone(r) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			into, start = append(into, text[start:i]), -1
		}
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == utf8.RuneError || r == before && !alone(r) {
			continue
		}
		into = append(into, text[i:i+utf8.RuneLen(r)])
	}
	if start >= 0 {
		into = append(into, text[start:])
	}
	return into
}

func isWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '_'
}

func letterAt(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return unicode.IsLetter(r)
}

// alone reports whether a character is a word by itself, as in scripts that put no
// spaces between words.
func alone(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) && !unicode.IsMark(r)
}

// lexicon numbers words as they come, so that texts need not be kept.
type lexicon struct {
	numbers map[string]int32
	words   []string
}

// outOfBounds is the number of words that are too long for a vocabulary.
const outOfBounds = -1

func (l *lexicon) number(word string) int32 {
	if len(word) > longestWord {
		return outOfBounds
	}
	if n, ok := l.numbers[word]; ok {
		return n
	}
	if l.numbers == nil {
		l.numbers = map[string]int32{}
	}
	n := int32(len(l.words))
	word = strings.Clone(word) // it would keep the whole text
	l.numbers[word], l.words = n, append(l.words, word)
	return n
}

// leastSeen is how often a word must occur to be in a vocabulary. What occurs once
// teaches little by itself, and is how a network learns of words that it does not know.
const leastSeen = 2

// vocabulary returns the most frequent words by their ids, and the id of each number
// of the lexicon. count has how often each occurs. Equally frequent words are in the
// order of their bytes.
func (l *lexicon) vocabulary(count []int, most int) (words []string, ids []int32) {
	var order []int32
	for n, times := range count {
		if times >= leastSeen {
			order = append(order, int32(n))
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(l.words[a], l.words[b]))
	})
	order = order[:min(len(order), most)]
	words, ids = make([]string, firstWord, firstWord+len(order)), slices.Repeat([]int32{unknown}, len(l.words))
	for _, n := range order {
		ids[n] = int32(len(words))
		words = append(words, l.words[n])
	}
	return words, ids
}

// allocTokens returns a split of n texts of so many tokens.
func allocTokens(n, tokens int) Split {
	return Split{Tokens: make([]int32, n*tokens), Labels: make([]int32, n)}
}

// readTokens reads the ids of one text.
func readTokens(from io.Reader, into []int32, vocabulary int) error {
	in, ok := from.(*bufio.Reader)
	if !ok {
		in = bufio.NewReader(from)
	}
	for i := range into {
		low, err := in.ReadByte()
		if err != nil {
			return err
		}
		high, err := in.ReadByte()
		if err != nil {
			return err
		}
		if into[i] = int32(high)<<8 | int32(low); int(into[i]) >= vocabulary {
			return fmt.Errorf("has the token %d, ids are 0 to %d", into[i], vocabulary-1)
		}
	}
	return nil
}

func appendTokens(to []byte, ids []int32, tokens int) []byte {
	for _, id := range ids {
		to = binary.LittleEndian.AppendUint16(to, uint16(id))
	}
	return append(to, make([]byte, tokenBytes*(tokens-len(ids)))...)
}

// unknownMark stands for an unknown word where a text is shown.
const unknownMark = "▢"

// Text returns the words of a text of a split, as the network reads them: in lower
// case, ▢ for unknown ones, without what was cut off.
func (s *Set) Text(split Split, i int) string {
	var b strings.Builder
	tokens, before := s.Shape[0], "("
	for _, id := range split.Tokens[i*tokens:][:tokens] {
		if id == padding {
			break
		}
		word := unknownMark
		if id >= firstWord && int(id) < len(s.Words) {
			word = s.Words[id]
		}
		if !strings.Contains(".,;:!?)]}…", word) && !strings.Contains("([{", before) {
			b.WriteByte(' ')
		}
		b.WriteString(word)
		before = word
	}
	return b.String()
}
