package statemachine

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/raft/node"
)

func at(p raft.Position) node.Applied {
	return node.Applied{Position: p, Time: raft.LogTime(p) * 1000, Session: 1, Principal: "ann"}
}

func say(m *Machine, p raft.Position, text string) []byte {
	return m.Apply(at(p), AppendSend(nil, Send{Channel: GeneralChannel, Text: text, Wall: raft.Wall(p)}))
}

func history(t *testing.T, m *Machine, h History) HistoryReply {
	t.Helper()
	reply, err := DecodeHistoryReply(m.Query(AppendHistory(nil, h)))
	require.NoError(t, err)
	return reply
}

func texts(h HistoryReply) string {
	var s []string
	for _, m := range h.Messages {
		s = append(s, m.Text)
	}
	return strings.Join(s, " ")
}

func TestAMessageIsKeptWithWhatTheEntryAndTheSessionSay(t *testing.T) {
	m := New()
	reply, err := DecodeSendReply(say(m, 7, "hello"))
	require.NoError(t, err)
	require.Equal(t, SendReply{ID: "msg_7", Position: 7, Channel: "general"}, reply)

	got := history(t, m, History{Channel: "general"})
	require.Equal(t, []Message{{ID: "msg_7", Position: 7, Time: 7000, Wall: 7, Sender: "ann", Text: "hello"}}, got.Messages)
	require.False(t, got.More)
}

func TestHistoryPagesInBothDirections(t *testing.T) {
	m := New()
	for p, text := range strings.Split("a b c d e f", " ") {
		say(m, raft.Position(10+10*p), text) // positions 10 20 30 40 50 60
	}
	for _, c := range []struct {
		h    History
		want string
		more bool
	}{
		{History{}, "a b c d e f", false},
		{History{Limit: 2}, "e f", true},
		{History{Limit: 6}, "a b c d e f", false},
		{History{Before: 50, Limit: 2}, "c d", true},
		{History{Before: 30, Limit: 2}, "a b", false},
		{History{Before: 10}, "", false},
		{History{Before: 1}, "", false},
		{History{After: 20, Limit: 2}, "c d", true},
		{History{Forward: true, Limit: 2}, "a b", true},
		{History{Forward: true, Before: 20}, "a", false},
		{History{After: 40, Limit: 2}, "e f", false},
		{History{After: 60}, "", false},
		{History{After: ^raft.Position(0)}, "", false},
		{History{After: 20, Before: 50}, "c d", false},
		{History{After: 50, Before: 20}, "", false},
		{History{After: 15, Before: 16}, "", false},
	} {
		c.h.Channel = GeneralChannel
		got := history(t, m, c.h)
		require.Equal(t, c.want, texts(got), "%+v", c.h)
		require.Equal(t, c.more, got.More, "%+v", c.h)
	}
}

func TestHistoryRepliesAreBoundedInMessagesAndBytes(t *testing.T) {
	l := DefaultLimits()
	l.HistoryMax, l.HistoryBytesMax = 3, 10
	m := NewLimited(l)
	for p := raft.Position(1); p <= 5; p++ {
		say(m, p, fmt.Sprint(p))
	}
	got := history(t, m, History{Channel: GeneralChannel, Limit: 100})
	require.Equal(t, "3 4 5", texts(got))
	require.True(t, got.More)

	say(m, 6, "ten bytes.")
	say(m, 7, "more than ten bytes")
	require.Equal(t, "more than ten bytes", texts(history(t, m, History{Channel: GeneralChannel})))
	require.Equal(t, "4 5", texts(history(t, m, History{Channel: GeneralChannel, After: 3, Before: 6})))
}

func TestWhatCannotBeDoneIsRefusedWithASentenceAndChangesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		send Send
		code Code
	}{
		"no such channel":         {Send{Channel: "nowhere", Text: "x"}, CodeUnknownChannel},
		"a name that is no text":  {Send{Channel: "\xff\xfe", Text: "x"}, CodeUnknownChannel},
		"a name beyond all sense": {Send{Channel: strings.Repeat("x", 1<<20), Text: "x"}, CodeUnknownChannel},
		"no text":                 {Send{Channel: "general"}, CodeEmptyText},
		"blanks":                  {Send{Channel: "general", Text: " \n\t"}, CodeEmptyText},
		"not UTF-8":               {Send{Channel: "general", Text: "a\xffb"}, CodeNotUTF8},
		"one byte too many":       {Send{Channel: "general", Text: strings.Repeat("x", 16<<10+1)}, CodeTextTooLong},
	} {
		m := New()
		before := m.StateHash()
		reply := m.Apply(at(1), AppendSend(nil, c.send))
		_, err := DecodeSendReply(reply)
		var refusal *Refusal
		require.ErrorAs(t, err, &refusal, name)
		require.Equal(t, c.code, refusal.Code, name)
		require.True(t, strings.HasSuffix(refusal.Reason, "."), name)
		require.Less(t, len(reply), 200, name)
		require.Equal(t, before, m.StateHash(), name)
	}
	m := New()
	_, err := DecodeSendReply(say(m, 1, strings.Repeat("x", 16<<10)))
	require.NoError(t, err, "the limit itself is allowed")
}

func TestBytesThatAreNoCommandAreRefused(t *testing.T) {
	good := AppendSend(nil, Send{Channel: "general", Text: "x"})
	for name, c := range map[string]struct {
		bytes []byte
		code  Code
	}{
		"nothing":        {nil, CodeMalformed},
		"no kind":        {[]byte{codecVersion}, CodeMalformed},
		"newer version":  {[]byte{bodyVersion + 1, commandSend}, CodeVersion},
		"unknown kind":   {[]byte{codecVersion, 200}, CodeMalformed},
		"cut short":      {good[:len(good)-1], CodeMalformed},
		"bytes too many": {append(good[:len(good):len(good)], 0), CodeMalformed},
	} {
		m := New()
		for _, reply := range [][]byte{m.Apply(at(1), c.bytes), m.Query(c.bytes)} {
			_, err := DecodeSendReply(reply)
			var refusal *Refusal
			require.ErrorAs(t, err, &refusal, name)
			require.Equal(t, c.code, refusal.Code, name)
		}
	}
}

func TestTheMachineKeepsNothingOfTheCommandsBytes(t *testing.T) {
	m := New()
	command := AppendSend(nil, Send{Channel: GeneralChannel, Text: "keep me"})
	m.Apply(at(1), command)
	clear(command)
	require.Equal(t, "keep me", texts(history(t, m, History{Channel: GeneralChannel})))
	require.Equal(t, m.RecomputeHash(), m.StateHash())
}

// The bytes below are in logs and on wires; a change of any of them needs a new
// codecVersion.
func TestBytesStayAsTheyAre(t *testing.T) {
	m := New()
	require.Equal(t,
		"0101"+"0900000000000000"+"07000000"+"67656e6572616c"+"02000000"+"6869",
		hex.EncodeToString(AppendSend(nil, Send{Channel: "general", Text: "hi", Wall: 9})))
	require.Equal(t,
		"0101"+"01"+"0200000000000000"+"0300000000000000"+"0400000000000000"+"07000000"+"67656e6572616c",
		hex.EncodeToString(AppendHistory(nil, History{Channel: "general", After: 2, Before: 3, Limit: 4})))
	require.Equal(t,
		"0100"+"0500000000000000"+"07000000"+"67656e6572616c",
		hex.EncodeToString(say(m, 5, "hi")))
	message := "0500000000000000" + "8813000000000000" + "0500000000000000" + "03000000" + "616e6e" + "02000000" + "6869"
	require.Equal(t,
		"0100"+"00"+"0100000000000000"+message,
		hex.EncodeToString(m.Query(AppendHistory(nil, History{Channel: "general"}))))
	require.Equal(t,
		"0104"+"12000000"+hex.EncodeToString([]byte("The text is empty.")),
		hex.EncodeToString(say(m, 6, "")))
	frames, _ := m.EventsAfter(0, 1)
	require.Equal(t, "32000000"+"0101"+"07000000"+"67656e6572616c"+message, hex.EncodeToString(frames[0].Body))
	require.Equal(t, node.Hash{0xfca255c81eccf8dc, 0xa0dd5e77c3e35c36}, m.StateHash())
}

// drawCommand draws what a client may send, sensible or not.
func drawCommand(t *rapid.T) []byte {
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) []byte {
			return AppendSend(nil, Send{
				Channel: rapid.SampledFrom([]string{"general", "general", "general", "other"}).Draw(t, "channel"),
				Text:    rapid.StringN(0, 20, 40).Draw(t, "text"),
				Wall:    raft.Wall(rapid.Int64().Draw(t, "wall")),
			})
		}),
		rapid.SliceOfN(rapid.Byte(), 0, 40),
	).Draw(t, "command")
}

func smallLimits() Limits {
	l := DefaultLimits()
	l.EventsMax = 5
	return l
}

func TestTheHashAlwaysEqualsItsRecomputation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := NewLimited(smallLimits())
		for p := range raft.Position(rapid.IntRange(1, 30).Draw(t, "commands")) {
			m.Apply(at(p+1), drawCommand(t))
			require.Equal(t, m.RecomputeHash(), m.StateHash())
		}
	})
}

func TestTwoMachinesThatApplyTheSameAreTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := NewLimited(smallLimits()), NewLimited(smallLimits())
		for p := range raft.Position(rapid.IntRange(1, 30).Draw(t, "commands")) {
			command := drawCommand(t)
			if rapid.Bool().Draw(t, "cloned") { // a clone is as good as the original
				b = b.Clone().(*Machine)
			}
			require.Equal(t, a.Apply(at(p+1), command), b.Apply(at(p+1), command))
			require.Equal(t, a.StateHash(), b.StateHash())
		}
		require.Equal(t, a.AppendState(nil), b.AppendState(nil))
	})
}

func TestAClonesLifeDoesNotTouchTheOriginals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := NewLimited(smallLimits())
		p := raft.Position(0)
		some := func(m *Machine) {
			for range rapid.IntRange(0, 12).Draw(t, "commands") {
				p++
				m.Apply(at(p), drawCommand(t))
			}
		}
		some(m)
		c := m.Clone().(*Machine)
		was := m.AppendState(nil)
		some(c)
		require.Equal(t, was, m.AppendState(nil))
		is := c.AppendState(nil)
		some(m)
		require.Equal(t, is, c.AppendState(nil))
		require.Equal(t, m.RecomputeHash(), m.StateHash())
		require.Equal(t, c.RecomputeHash(), c.StateHash())
	})
}

// historyRowsOf encodes the messages of a reply that was decoded.
func historyRowsOf(h HistoryReply) historyRows {
	rows := historyRows{More: h.More}
	for _, m := range h.Messages {
		rows.Messages = append(rows.Messages, appendMessage(nil, m))
	}
	return rows
}

func FuzzApply(f *testing.F) {
	f.Add([]byte{})
	f.Add(AppendSend(nil, Send{Channel: "general", Text: "hello"}))
	f.Add(AppendSend(nil, Send{Channel: "general", Text: "\xff"}))
	f.Add(AppendHistory(nil, History{Channel: "general", After: 1, Before: 2, Limit: 3}))
	f.Add(append(AppendSend(nil, Send{}), 0xff, 0xff, 0xff, 0xff))
	f.Fuzz(func(t *testing.T, bytes []byte) {
		a, b := New(), New()
		require.Equal(t, a.Apply(at(3), bytes), b.Apply(at(3), bytes))
		require.Equal(t, a.RecomputeHash(), a.StateHash())
		reply := a.Query(bytes)
		// Nothing decodes to something else than it was encoded from.
		if h, err := DecodeHistoryReply(reply); err == nil {
			require.Equal(t, reply, appendHistoryReply(nil, historyRowsOf(h)))
		}
		// The readers of replies and events meet any bytes as well.
		if h, err := DecodeHistoryReply(bytes); err == nil {
			require.Equal(t, bytes, appendHistoryReply(nil, historyRowsOf(h)))
		}
		_, _ = DecodeSendReply(bytes)
		_, _ = DecodeEvent(bytes)
		frames, _ := a.EventsAfter(0, 10)
		for _, frame := range frames {
			_, err := DecodeEvents(frame.Body)
			require.NoError(t, err)
		}
	})
}
