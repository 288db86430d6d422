package state

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Two releases must fold alike for ever, so that what Unicode says of other letters does not count.
func TestOnlyTheLettersOfASCIIAreFolded(t *testing.T) {
	require.Equal(t, "abcxyz_0189", FoldName("aBcXYZ_0189"))
	require.Equal(t, "Äë🙂[`@{", FoldName("Äë🙂[`@{"))
	require.Equal(t, "\u212a", FoldName("\u212a"), "the sign for Kelvin is no k")
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "name")
		require.Equal(t, FoldName(s), FoldName(FoldName(s)))
		require.Equal(t, len(s), len(FoldName(s)))
	})
}

func TestNamesOfUsersAreOfASCII(t *testing.T) {
	l := DefaultLimits()
	for _, good := range []string{"abc", "ABC_123", "___", strings.Repeat("a", 20)} {
		require.Nil(t, l.CheckUserName("f", good), good)
	}
	for _, bad := range []string{"", "ab", strings.Repeat("a", 21), "a-b", "a b", "ab\n", "äöü", "a.b", "\x00ab"} {
		refusal := l.CheckUserName("f", bad)
		require.NotNil(t, refusal, "%q", bad)
		require.Equal(t, "f", refusal.Field)
	}
}

func TestNamesOfChannelsAreOfAnyScriptAndDrawSomething(t *testing.T) {
	l := DefaultLimits()
	for _, good := range []string{"abc", "general", "Büro", "технология", "日本語", "a-b_c.d", strings.Repeat("é", 50)} {
		require.Nil(t, l.CheckChannelName("f", good), good)
	}
	for _, bad := range []string{"", "ab", strings.Repeat("a", 51), "a b c", "#abc", "@abc", "a/b", "abc\n", "abc\u202e", "a\u200bbc", "\u2800\u00a0\u3000", "\xff\xfe\xfd",
		"chan_1", "CONV_x", "msg_1", "user_1", "doc_1", "file_1", "login_1", "abc\ufe0f", "abc\U000e0041"} {
		require.NotNil(t, l.CheckChannelName("f", bad), "%q", bad)
	}
}

func TestAddressesArePlausible(t *testing.T) {
	l := DefaultLimits()
	for _, good := range []string{"a@b.cd", "first.last+tag@sub.example.org", "ü@münchen.example"} {
		require.Nil(t, l.CheckEmail("f", good), good)
	}
	for _, bad := range []string{"", "a", "@b.cd", "a@", "a@b", "a@@b.cd", "a@b@c.de", "a b@c.de", "a@b..cd", "a@.cd", "a@b.", "a\x7f@b.cd", "a@b.cd,c@d.ef", "<a@b.cd>",
		"\xff@b.cd", strings.Repeat("a", 249) + "@b.cde"} {
		require.NotNil(t, l.CheckEmail("f", bad), "%q", bad)
	}
}

func TestALineIsShortAndPlainAndATextSaysSomething(t *testing.T) {
	require.Nil(t, CheckLine("f", "It", "", 3))
	require.Nil(t, CheckLine("f", "It", "abc", 3))
	for text, reason := range map[string]string{"abcd": "TOO_LONG", "\xff": "NOT_UTF8", "a\nb": "CONTROL_CHARACTER", "\x1b[": "CONTROL_CHARACTER", "\u0085": "CONTROL_CHARACTER"} {
		require.Equal(t, reason, CheckLine("f", "It", text, 3).Reason, "%q", text)
	}
	l := DefaultLimits()
	require.Nil(t, l.CheckText("f", "a\nb\tc"))
	require.Nil(t, l.CheckText("f", strings.Repeat("x", l.TextBytesMax)))
	for text, reason := range map[string]string{"": "TEXT_EMPTY", " \n\t\r": "TEXT_EMPTY", "\xff": "TEXT_NOT_UTF8", strings.Repeat("x", l.TextBytesMax+1): "TEXT_TOO_LONG"} {
		require.Equal(t, reason, l.CheckText("f", text).Reason)
	}
}

// What a caller wrote is repeated to him, in a terminal, in a log, on a wire that takes UTF-8 only.
func TestWhatIsRepeatedOfACallersTextIsShortAndCanBeShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ref := rapid.OneOf(rapid.String(), rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) })).Draw(t, "ref")
		for _, prefix := range []string{"", "#", "@", "msg_", "file_"} {
			_, refusal := (&View{State: newState()}).May(ToSee, prefix+ref)
			require.LessOrEqual(t, len(refusal.Text), 160)
			require.True(t, plainText(refusal.Text), "%q", refusal.Text)
		}
	})
}

func TestAnIDHasOneSpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, p := rapid.Uint64().Draw(t, "number"), rapid.Uint64().Draw(t, "place")
		user, ok := ParseUserID(UserID(n).String())
		require.True(t, ok && user == UserID(n))
		login, ok := ParseLoginID(LoginID(n).String())
		require.True(t, ok && login == LoginID(n))
		file, ok := ParseFileID(FileID(n).String())
		require.True(t, ok && file == FileID(n))
		id := MessageID{Place: PlaceID(p)}
		id.Position++
		message, ok := ParseMessageID(id.String())
		require.True(t, ok && message == id)
		s := rapid.String().Draw(t, "anything")
		if id, ok := ParseUserID("user_" + s); ok {
			require.Equal(t, "user_"+s, id.String())
		}
	})
	for _, bad := range []string{"", "user_", "user_01", "user_A", "USER_1", "login_1", "user_-1", "user_+1", "user_1_", "user_zzzzzzzzzzzzzz", " user_1"} {
		_, ok := ParseUserID(bad)
		require.False(t, ok, bad)
	}
	for _, bad := range []string{"msg_", "msg_1", "msg_1_", "msg__1", "msg_1_2_3", "msg_01_2", "user_1_2"} {
		_, ok := ParseMessageID(bad)
		require.False(t, ok, bad)
	}
}
