// Package plain makes text that others chose safe to show: names, messages, titles, file names, what a model wrote, what a
// server says went wrong. Whatever reaches a terminal goes through here.
//
// A terminal takes commands and text from one stream. Text with an escape character in it moves the cursor, paints over
// what stands there, sets the title or asks the terminal to type an answer; text with a direction mark shows "exe.png"
// where "gnp.exe" is; text without any width hides between letters that look alike. None of it has a place in a chat.
package plain

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// marksMax bounds the combining marks on one character. Living scripts need three or four; a hundred of them paint over the
// lines above and below.
const marksMax = 6

// Text is s, safe and of as many lines as it had. Tabs become blanks: how far one goes is the terminal's to say, and then
// nobody knows how wide the text is.
func Text(s string) string { return clean(s, "\n") }

// Line is s on one line: the place of a name, of a title, of an error.
func Line(s string) string { return clean(s, " ") }

// Indented is s with every line but the first behind an indent, so that a message can't fake the line of the next one.
func Indented(s, indent string) string { return clean(s, "\n"+indent) }

// Counted is a number of things, by the name of one: 1 admin, 2 admins.
func Counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return strconv.Itoa(n) + " " + thing
}

// clean drops what Hidden says and writes newline for the end of a line. What is no UTF-8 becomes U+FFFD.
func clean(s, newline string) string {
	if safe(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	marks := 0
	for _, r := range s {
		if unicode.Is(unicode.M, r) && !Hidden(r) {
			marks++
			if marks > marksMax || b.Len() == 0 {
				continue // the first character of a text has nothing to stand on, and would stand on what is before it
			}
			b.WriteRune(r)
			continue
		}
		switch {
		case r == '\n':
			b.WriteString(newline)
		case r == '\t':
			b.WriteByte(' ')
		case r == joiner || !Hidden(r):
			b.WriteRune(r)
		default:
			continue // what is dropped does not part marks from what they stand on
		}
		if r != joiner {
			marks = 0
		}
	}
	return b.String()
}

// joiner holds the parts of an emoji together. It has no width and no effect on anything else.
const joiner = '\u200d'

// safe reports whether s is printable ASCII, as most texts are.
func safe(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Hidden reports whether a character is one that no text is shown with: a control (C0, DEL, C1), a line or paragraph
// separator, whatever sets the direction of text, and the format characters that are not seen. Those that are seen stay,
// such as the Arabic number sign, and so does what holds letters and emoji together.
func Hidden(r rune) bool {
	switch {
	case r == joiner, r == '\u200c': // joiner and its opposite, which Persian is written with
		return false
	case r == '\u2028' || r == '\u2029' || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
		return true
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return false
	}
	return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) && r > '\ufe0f' ||
		unicode.Is(unicode.Noncharacter_Code_Point, r) || unicode.Is(blank, r)
}

// blank are letters that leave an empty space, of which a name could be made that nobody sees.
var blank = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x034f, Hi: 0x034f, Stride: 1}, // combining grapheme joiner
		{Lo: 0x115f, Hi: 0x1160, Stride: 1}, // Hangul fillers
		{Lo: 0x17b4, Hi: 0x17b5, Stride: 1}, // Khmer inherent vowels
		{Lo: 0x2800, Hi: 0x2800, Stride: 1}, // Braille pattern blank
		{Lo: 0x3164, Hi: 0x3164, Stride: 1}, // Hangul filler
		{Lo: 0xffa0, Hi: 0xffa0, Stride: 1}, // Hangul filler, half as wide
	},
}

// Name is a file's name as it may stand in a directory here: one line, no separator, no leading dot, and never empty.
// What a name says about where it wants to be is not heard.
func Name(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == ':' || r == 0 || r == utf8.RuneError {
			return '_'
		}
		return r
	}, Line(s))
	s = strings.TrimLeftFunc(s, func(r rune) bool {
		return r == '.' || r == joiner || unicode.IsSpace(r) || unicode.Is(unicode.M, r)
	})
	for len(s) > nameBytesMax {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	s = strings.TrimRightFunc(s, func(r rune) bool { return r == '.' || unicode.IsSpace(r) })
	if s == "" {
		return "file"
	}
	return s
}

// nameBytesMax leaves room for a suffix under the 255 bytes that file systems take.
const nameBytesMax = 200
