package state

import "unicode/utf8"

// CheckEmoji refuses what is no reaction: a few bytes of text without blanks and controls that show something. What
// joins emojis, and what says how they are drawn, is part of them.
func (l *Limits) CheckEmoji(field, emoji string) *Refusal {
	const reason = "EMOJI_INVALID"
	if len(emoji) > l.EmojiBytesMax || !utf8.ValidString(emoji) {
		return Invalidf(field, reason, "A reaction is UTF-8 of at most %d bytes.", l.EmojiBytesMax)
	}
	shows := false
	for _, r := range emoji {
		switch {
		case r == 0x200d || r == 0xfe0e || r == 0xfe0f || r >= 0xe0020 && r <= 0xe007f: // joins, draws, and the tags of flags
		case !Visible(r):
			return Invalidf(field, reason, "A reaction has no blanks and no control characters.")
		default:
			shows = true
		}
	}
	if !shows {
		return Invalidf(field, reason, "A reaction is an emoji, or a short word.")
	}
	return nil
}

// Visible says whether a character draws something by itself and leaves others as they are. The list is fixed, so that
// all releases say the same.
func Visible(r rune) bool { return r > 0x20 && r != 0x7f && !invisible(r) }
