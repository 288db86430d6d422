package chat

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// Words are what stands between characters that are neither letters nor digits nor the marks upon them; case does not
// count. In scripts that are written without blanks each character is a word, so that a part of what was written is
// found. This is for queries alone: what counts as a letter changes with Unicode's version, and a command's outcome
// must not.

// wordsOf returns the different words of a text, folded.
func wordsOf(text string) (words []string) {
	for src := []byte(text); ; {
		word, rest := nextWord(src)
		if len(word) == 0 {
			return words
		}
		if folded := foldWord(word); !slices.Contains(words, folded) {
			words = append(words, folded)
		}
		src = rest
	}
}

// nextWord cuts the first word off a text.
func nextWord(text []byte) (word, rest []byte) {
	begin := 0
	for begin < len(text) {
		r, n := runeAt(text[begin:])
		if class := classOf(r); class != between {
			end := begin + n
			for end < len(text) {
				r, n := runeAt(text[end:])
				if next := classOf(r); next != class && next != mark || class == alone && next != mark {
					break
				}
				end += n
			}
			return text[begin:end], text[end:]
		}
		begin += n
	}
	return nil, nil
}

// runeAt is utf8.DecodeRune, quick about ASCII.
func runeAt(b []byte) (rune, int) {
	if b[0] < utf8.RuneSelf {
		return rune(b[0]), 1
	}
	return utf8.DecodeRune(b)
}

type class uint8

const (
	between class = iota // ends a word
	inWord               // part of a word
	mark                 // part of whatever it is upon
	alone                // a word by itself
)

func classOf(r rune) class {
	switch {
	case r < utf8.RuneSelf:
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return inWord
		}
		return between
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar):
		if unicode.IsLetter(r) {
			return alone
		}
	}
	switch {
	case unicode.IsLetter(r), unicode.IsDigit(r):
		return inWord
	case unicode.IsMark(r):
		return mark
	}
	return between
}

// foldWord returns a word as words are compared.
func foldWord(word []byte) string {
	var folded []byte
	for len(word) > 0 {
		r, n := runeAt(word)
		folded = utf8.AppendRune(folded, foldRune(r))
		word = word[n:]
	}
	return string(folded)
}

// foldRune returns the same for all cases of a letter: the lowest of those that count as one, or, within ASCII, the
// small one.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	lowest := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		lowest = min(lowest, next)
	}
	if lowest < utf8.RuneSelf { // the Kelvin sign is a k
		return foldRune(lowest)
	}
	return lowest
}

// wanted are the folded words of a query.
type wanted struct {
	words   []string
	lengths uint64 // the bit of each word's length in bytes; the last bit: 63 or more
}

func newWanted(words []string) wanted {
	w := wanted{words: words}
	for _, word := range words {
		w.lengths |= lengthBit(len(word))
	}
	return w
}

func lengthBit(n int) uint64 { return 1 << min(n, 63) }

// in says whether all of them are words of a text. A search looks at 20,000 texts, and nearly all words of nearly all of them
// are ASCII: those are compared byte by byte, and most are passed over for their length.
func (w *wanted) in(text []byte) bool {
	missing := uint32(1)<<len(w.words) - 1
	for len(text) > 0 {
		begin := 0
		for begin < len(text) && folded[text[begin]] == 0 && text[begin] < utf8.RuneSelf {
			begin++
		}
		end := begin
		for end < len(text) && folded[text[end]] != 0 {
			end++
		}
		switch {
		case end < len(text) && text[end] >= utf8.RuneSelf:
			word, rest := nextWord(text[begin:])
			if missing = w.without(missing, word); missing == 0 {
				return true
			}
			text = rest
		default:
			if w.lengths&lengthBit(end-begin) != 0 {
				if missing = w.withoutASCII(missing, text[begin:end]); missing == 0 {
					return true
				}
			}
			text = text[end:]
		}
	}
	return false
}

// without takes a word from those that are missing.
func (w *wanted) without(missing uint32, word []byte) uint32 {
	for i := range w.words {
		if missing>>i&1 == 1 && len(word) > 0 && sameWord(word, w.words[i]) {
			missing &^= 1 << i
		}
	}
	return missing
}

// withoutASCII is without for a word of ASCII.
func (w *wanted) withoutASCII(missing uint32, word []byte) uint32 {
	for i, want := range w.words {
		if missing>>i&1 == 0 || len(want) != len(word) {
			continue
		}
		same := true
		for k := 0; same && k < len(word); k++ {
			same = folded[word[k]] == want[k]
		}
		if same {
			missing &^= 1 << i
		}
	}
	return missing
}

// folded has what a letter or digit of ASCII is when it is folded, and zero for all else.
var folded = func() (t [256]byte) {
	for b := range utf8.RuneSelf {
		if classOf(rune(b)) == inWord {
			t[b] = byte(foldRune(rune(b)))
		}
	}
	return t
}()

// sameWord compares a word with a folded one. Both have as many characters, or are different.
func sameWord(word []byte, folded string) bool {
	for _, want := range folded {
		if len(word) == 0 {
			return false
		}
		r, n := runeAt(word)
		if r != want && foldRune(r) != want {
			return false
		}
		word = word[n:]
	}
	return len(word) == 0
}
