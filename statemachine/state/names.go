package state

import (
	"strings"
	"unicode/utf8"
)

// FoldName returns a name as names are compared: A and a are one. Only the letters of ASCII are folded: what else
// counts as one letter changes with Unicode's version, and with it two releases would disagree.
func FoldName(name string) string {
	for i := range len(name) {
		if 'A' <= name[i] && name[i] <= 'Z' {
			return foldASCII(name)
		}
	}
	return name
}

func foldASCII(name string) string {
	b := []byte(name)
	for i := range b {
		if 'A' <= b[i] && b[i] <= 'Z' {
			b[i] += 'a' - 'A'
		}
	}
	return string(b)
}

// CheckUserName refuses what is no user's name: 3 to 20 letters, digits and underscores of ASCII.
func (l *Limits) CheckUserName(field, name string) *Refusal {
	if len(name) < l.UserNameMin || len(name) > l.UserNameMax {
		return Invalidf(field, "USERNAME_INVALID", "A username has %d to %d characters.", l.UserNameMin, l.UserNameMax)
	}
	for i := range len(name) {
		if b := name[i]; !letter(b) && !digit(b) && b != '_' {
			return Invalidf(field, "USERNAME_INVALID", "A username is made of the letters A to Z, digits and underscores.")
		}
	}
	return nil
}

func letter(b byte) bool { return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' }
func digit(b byte) bool  { return '0' <= b && b <= '9' }

// CheckChannelName refuses what is no channel's name: letters and digits of any script, '-', '_' and '.'.
func (l *Limits) CheckChannelName(field, name string) *Refusal {
	const reason = "CHANNEL_NAME_INVALID"
	if !utf8.ValidString(name) {
		return Invalidf(field, reason, "The channel's name is not UTF-8.")
	}
	if n := utf8.RuneCountInString(name); n < l.ChannelNameMin || n > l.ChannelNameMax {
		return Invalidf(field, reason, "A channel's name has %d to %d characters.", l.ChannelNameMin, l.ChannelNameMax)
	}
	for _, r := range name {
		if r < utf8.RuneSelf && !letter(byte(r)) && !digit(byte(r)) && r != '-' && r != '_' && r != '.' || invisible(r) {
			return Invalidf(field, reason, "A channel's name is made of letters, digits, '-', '_' and '.'.")
		}
	}
	for _, prefix := range reservedPrefixes {
		if strings.HasPrefix(FoldName(name), prefix) {
			return Invalidf(field, reason, "A channel's name can't begin with %s: ids do.", prefix)
		}
	}
	return nil
}

// reservedPrefixes are what ids begin with; no name does, so that one text never means two things.
var reservedPrefixes = [...]string{"user_", "login_", "chan_", "conv_", "msg_", "file_", "doc_"}

// invisible says whether a character of more than ASCII draws nothing, or changes how others are drawn: spaces,
// controls, marks of direction, what joins and what does not, tags. The list is fixed, as the folding is.
func invisible(r rune) bool {
	switch {
	case r >= 0x80 && r <= 0xa0, r == 0xad, r == 0x34f, r == 0x61c, r == 0x115f, r == 0x1160, r == 0x1680, r == 0x17b4, r == 0x17b5,
		r >= 0x180b && r <= 0x180f, r >= 0x2000 && r <= 0x200f, r >= 0x2028 && r <= 0x202f, r >= 0x205f && r <= 0x206f, r == 0x3000, r == 0x3164,
		r >= 0xd800 && r <= 0xf8ff, r >= 0xfe00 && r <= 0xfe0f, r == 0xfeff, r == 0xffa0, r >= 0xfff0 && r <= 0xffff, r >= 0xe0000:
		return true
	}
	return false
}

// CheckEmail refuses what is plainly no address: one @ with something before it, and a name with a dot behind it. Whether
// mail arrives there only sending one could tell.
func (l *Limits) CheckEmail(field, email string) *Refusal {
	at := strings.LastIndexByte(email, '@')
	switch domain := email[at+1:]; {
	case len(email) > l.EmailBytesMax:
		return Invalidf(field, "EMAIL_INVALID", "An email address has at most %d bytes.", l.EmailBytesMax)
	case at <= 0 || strings.Count(email, "@") != 1 || !plainText(email) || strings.ContainsAny(email, " \t,;<>()"),
		!strings.Contains(domain, "."), strings.HasPrefix(domain, "."), strings.HasSuffix(domain, "."), strings.Contains(email, ".."):
		return Invalidf(field, "EMAIL_INVALID", "The email address is not one: it looks like name@example.org.")
	}
	return nil
}

// CheckLine refuses a text of one line that is too long, not UTF-8 or has control characters; empty is for the
// caller to judge.
func CheckLine(field, what, text string, bytesMax int) *Refusal {
	switch {
	case len(text) > bytesMax:
		return Invalidf(field, "TOO_LONG", "%s has at most %d bytes, and this is %d.", what, bytesMax, len(text))
	case !utf8.ValidString(text):
		return Invalidf(field, "NOT_UTF8", "%s is not UTF-8.", what)
	case !plainText(text):
		return Invalidf(field, "CONTROL_CHARACTER", "%s has a control character.", what)
	}
	return nil
}

// plainText says whether a text is UTF-8 without the control characters of ASCII and Latin-1.
func plainText(text string) bool {
	for _, r := range text {
		if r < 0x20 || r >= 0x7f && r <= 0x9f {
			return false
		}
	}
	return utf8.ValidString(text)
}

// CheckText refuses a text that is no message. Blanks are those of ASCII, as with FoldName.
func (l *Limits) CheckText(field, text string) *Refusal {
	switch {
	case len(text) > l.TextBytesMax:
		return Invalidf(field, "TEXT_TOO_LONG", "The text is %d bytes long; a message may have %d.", len(text), l.TextBytesMax)
	case !utf8.ValidString(text):
		return Invalidf(field, "TEXT_NOT_UTF8", "The text is not UTF-8.")
	case strings.Trim(text, " \t\r\n\v\f") == "":
		return Invalidf(field, "TEXT_EMPTY", "The text is empty.")
	}
	return nil
}
